"""What is read from Salesforce: the CRM, the catalogue, orders and cases."""

from datetime import timedelta
from functools import partial
from typing import Any

from domain.catalog.contract import Price, Product
from domain.catalog.providers.salesforce import mapper as catalog
from domain.common.field_table import FieldTable
from domain.common.salesforce import CURRENCY_FIELD
from domain.customer.contract import CrmAccount
from domain.customer.providers.salesforce import mapper as customer
from domain.orders.contract import Order, OrderItem
from domain.orders.providers.salesforce import mapper as orders
from domain.support.contract import CaseComment, SupportCase
from domain.support.providers.salesforce import mapper as support
from pipelines.datasets.linking import link_accounts
from pipelines.sources.salesforce.extract import Query, changed_records, chosen_records
from pipelines.sync.dataset import Dataset, Linker, Target
from sql.tables.catalog import prices, products
from sql.tables.customer import customer_accounts
from sql.tables.orders import order_items
from sql.tables.orders import orders as orders_table
from sql.tables.support import case_comments, support_cases

# Every query asks for these by itself, and for the currency in orgs that have several.
_UNREQUESTED = frozenset({"Id", "IsDeleted", "SystemModstamp", CURRENCY_FIELD})


def _dataset(
    key: str, *, group: str, description: str, target: Target, of: str, table: FieldTable[Any], version: str,
    owner: str | None = None, events: tuple[str, ...] = (), link: Linker | None = None,
) -> Dataset:  # fmt: skip
    """The records of one object (`of`): the fields that its table reads, and `owner`, which names their account.

    events: what tells of one of them, besides changes of the object itself.
    """
    query = Query(
        of,
        tuple(field for field in table.sources if field not in _UNREQUESTED),
        owner=owner,
        has_amounts=CURRENCY_FIELD in table.sources,
    )
    return Dataset(
        name=f"salesforce.{key}",
        system="salesforce",
        group=group,
        description=description,
        targets=(target,),
        read=partial(changed_records, query),
        read_some=partial(chosen_records, query),
        tables=(table,),
        source_id=lambda row: str(row.get("Id")),
        mapper_version=version,
        freshness=timedelta(minutes=10),
        entities=(of, *events),
        link=link,
    )


ACCOUNTS = _dataset(
    "accounts",
    group="customer",
    description="Customers as the CRM knows them: name, customer number, eligibility and identity checks.",
    target=Target(
        contract=CrmAccount, table=customer_accounts, kind="account", called="account", scope="source = 'salesforce'"
    ),
    of="Account",
    owner="Id",
    table=customer.ACCOUNT,
    version=customer.MAPPER_VERSION,
    link=link_accounts,
)

PRODUCTS = _dataset(
    "products",
    group="catalog",
    description="What can be sold, hidden fees and add-ons included.",
    target=Target(contract=Product, table=products, kind="product", called="product"),
    of="Product2",
    table=catalog.PRODUCT,
    version=catalog.MAPPER_VERSION,
)

PRICES = _dataset(
    "prices",
    group="catalog",
    description="What each product costs, by pricebook.",
    target=Target(contract=Price, table=prices, kind="price", called="price"),
    of="PricebookEntry",
    table=catalog.PRICE,
    version=catalog.MAPPER_VERSION,
)

ORDERS = _dataset(
    "orders",
    group="orders",
    description="Orders and how far their activation has come.",
    target=Target(contract=Order, table=orders_table, kind="order", called="order", parts=((order_items, "order_id"),)),
    of="Order",
    owner="AccountId",
    # Published when an order is approved; its record is the order.
    events=("OrderProvisionRequested__e",),
    table=orders.ORDER,
    version=orders.MAPPER_VERSION,
)

ORDER_ITEMS = _dataset(
    "order_items",
    group="orders",
    description="The lines of each order.",
    target=Target(contract=OrderItem, table=order_items, kind="order_item"),
    of="OrderItem",
    owner="Order.AccountId",
    table=orders.ORDER_ITEM,
    version=orders.MAPPER_VERSION,
)

CASES = _dataset(
    "cases",
    group="support",
    description="Support cases and their state.",
    target=Target(
        contract=SupportCase, table=support_cases, kind="case", called="case", parts=((case_comments, "case_id"),)
    ),
    of="Case",
    owner="AccountId",
    table=support.CASE,
    version=support.MAPPER_VERSION,
)

CASE_COMMENTS = _dataset(
    "case_comments",
    group="support",
    description="What customers and agents said on cases, and agents' notes.",
    target=Target(contract=CaseComment, table=case_comments, kind="case_comment", called="comment"),
    of="CaseComment",
    owner="Parent.AccountId",
    table=support.COMMENT,
    version=support.MAPPER_VERSION,
)
