"""The tables hold what the contracts say: the sync writes a contract's fields to the columns of the same names."""

import re
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from sqlalchemy import CheckConstraint, Column, Table

from domain.billing.contract import Invoice, InvoiceBalance, InvoiceItem, Payment, PaymentMethod
from domain.catalog.contract import Price, Product
from domain.customer.contract import BillingClient, BillingClientDetails, CrmAccount
from domain.orders.contract import Order, OrderItem
from domain.sim.contract import Sim, SimDetails, SimTraffic, SimUsage
from domain.subscriptions.contract import Subscription
from domain.support.contract import CaseComment, SupportCase
from sql import tables

# The contracts that make a table's rows come first; the others only add to rows that are there.
CONTRACTS: tuple[tuple[Table, tuple[type[BaseModel], ...], tuple[type[BaseModel], ...]], ...] = (
    (tables.products, (Product,), ()),
    (tables.prices, (Price,), ()),
    (tables.customer_accounts, (CrmAccount, BillingClient), (BillingClientDetails,)),
    (tables.orders, (Order,), ()),
    (tables.order_items, (OrderItem,), ()),
    (tables.support_cases, (SupportCase,), ()),
    (tables.case_comments, (CaseComment,), ()),
    (tables.subscriptions, (Subscription,), ()),
    (tables.sims, (Sim,), (SimDetails, SimTraffic)),
    (tables.sim_usage, (SimUsage,), ()),
    (tables.invoices, (Invoice,), (InvoiceBalance,)),
    (tables.invoice_items, (InvoiceItem,), ()),
    (tables.payments, (Payment,), ()),
    (tables.payment_methods, (PaymentMethod,), ()),
)
WRITES = [(table, contract) for table, makers, adders in CONTRACTS for contract in (*makers, *adders)]
MAKERS = [(table, contract) for table, makers, _ in CONTRACTS for contract in makers]
CREATED_BY_TRIGGER = {"customer_accounts.customer_id"}


def may_be_none(contract: type[BaseModel], field: str) -> bool:
    return NoneType in get_args(contract.model_fields[field].annotation)


def words_of(annotation: Any) -> set[str]:
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    return set().union(*map(words_of, get_args(annotation)), set())


def words_allowed(column: Column[Any]) -> set[str]:
    checks = [str(check.sqltext) for check in column.constraints if isinstance(check, CheckConstraint)]
    return set(re.findall(r"'([^']*)'", " ".join(checks)))


@pytest.mark.parametrize(("table", "contract"), WRITES, ids=str)
def test_every_field_has_its_column(table: Table, contract: type[BaseModel]) -> None:
    assert set(contract.model_fields) - set(table.c.keys()) == set()


@pytest.mark.parametrize(("table", "contract"), WRITES, ids=str)
def test_a_field_that_may_be_missing_has_a_column_that_may_be_empty(table: Table, contract: type[BaseModel]) -> None:
    refused = {name for name in contract.model_fields if may_be_none(contract, name) and not table.c[name].nullable}

    assert refused == set()


@pytest.mark.parametrize(("table", "contract"), WRITES, ids=str)
def test_every_word_a_field_may_hold_is_one_the_column_takes(table: Table, contract: type[BaseModel]) -> None:
    words = {name: words_of(field.annotation) for name, field in contract.model_fields.items() if name != "source"}

    assert {name: found - words_allowed(table.c[name]) for name, found in words.items() if found} == {
        name: set() for name, found in words.items() if found
    }


@pytest.mark.parametrize(("table", "contract"), MAKERS, ids=str)
def test_a_new_row_brings_every_column_that_may_not_be_empty(table: Table, contract: type[BaseModel]) -> None:
    demanded = {column.name for column in table.c if not column.nullable and column.server_default is None}

    assert (
        demanded
        - set(contract.model_fields)
        - {name.partition(".")[2] for name in CREATED_BY_TRIGGER if name.startswith(f"{table.name}.")}
        == set()
    )


@pytest.mark.parametrize(
    ("table", "contract"), [(table, makers[0]) for table, makers, _ in CONTRACTS if len(makers) == 1], ids=str
)
def test_a_field_that_is_always_there_has_a_column_that_is_never_empty(table: Table, contract: type[BaseModel]) -> None:
    lax = {name for name in contract.model_fields if not may_be_none(contract, name) and table.c[name].nullable}

    assert lax == set()
