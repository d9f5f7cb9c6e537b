"""What an entry of the inbox has read again: the rules of docs/architecture.md, written down here once more."""

from types import MappingProxyType
from typing import Any

import psycopg
import pytest

from pipelines.datasets import DATASETS
from pipelines.events.requests import request_customer
from pipelines.events.routes import InboxEntry, missed_by, wanted_by
from pipelines.sync.dataset import Dataset
from tests.builders import insert_customer

CLIENT, RECORD = "1001", "77"


def entry(
    source: str, entity: str, record: str | None = RECORD, parent: str | None = CLIENT, kind: str = "record"
) -> InboxEntry:
    return InboxEntry(1, source, kind, entity, record, parent, MappingProxyType({}), 0)


def wanted(what: InboxEntry) -> dict[str, tuple[set[str], set[str]]]:
    """By data set: which records, and whose."""
    return {name: (set(only.records), set(only.owners)) for name, only in wanted_by(what)}


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        ("invoice", {"whmcs.invoices": ({RECORD}, set()), "whmcs.invoice_details": ({RECORD}, set())}),
        ("client", {"whmcs.clients": ({RECORD}, set()), "whmcs.client_details": ({RECORD}, set())}),
        ("service", {"whmcs.services": ({RECORD}, set())}),
        # An order has made services and an invoice, whose ids it does not tell.
        ("order", {"whmcs.services": (set(), {CLIENT}), "whmcs.invoices": (set(), {CLIENT})}),
        # There is no reading of one pay method: all of its client's are read.
        ("pay_method", {"whmcs.payment_methods": (set(), {CLIENT})}),
        ("ticket", {}),
    ],
)
def test_what_whmcs_tells_of(entity: str, expected: dict[str, tuple[set[str], set[str]]]) -> None:
    assert wanted(entry("whmcs", entity)) == expected


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_something_notifies_of_every_data_set(dataset: Dataset) -> None:
    """One whose declaration names no notification would be found out of date by polls alone."""
    assert dataset.entities or dataset.entities_of_owner


def test_a_customer_who_is_refreshed_is_refreshed_whole(database: Any) -> None:
    with psycopg.connect(database.sync) as connection:
        customer = insert_customer(connection)
        requested = request_customer(connection, customer["id"])
        asked_for = {name for (name,) in connection.execute("SELECT entity FROM sync.inbox").fetchall()}

    of_nobody = {"salesforce.products", "salesforce.prices"}
    assert len(requested) == len(asked_for)
    assert asked_for == {each.name for each in DATASETS} - of_nobody


@pytest.mark.parametrize("entity", ["order", "pay_method"])
def test_without_the_client_nothing_can_be_read_of_it(entity: str) -> None:
    assert wanted(entry("whmcs", entity, parent=None)) == {}


@pytest.mark.parametrize(
    ("entity", "dataset"),
    [
        ("Account", "salesforce.accounts"),
        ("Product2", "salesforce.products"),
        ("PricebookEntry", "salesforce.prices"),
        ("Order", "salesforce.orders"),
        ("OrderItem", "salesforce.order_items"),
        ("Case", "salesforce.cases"),
        ("CaseComment", "salesforce.case_comments"),
        ("OrderProvisionRequested__e", "salesforce.orders"),
    ],
)
def test_what_salesforce_tells_of(entity: str, dataset: str) -> None:
    assert wanted(entry("salesforce", entity, parent=None)) == {dataset: ({RECORD}, set())}
    assert missed_by(entry("salesforce", entity, None, None, kind="gap")) == dataset
    assert missed_by(entry("salesforce", entity, parent=None)) is None


@pytest.mark.parametrize("entity", ["Contact", "Somebody_Elses__e"])
def test_what_shows_in_no_table_of_ours_costs_no_call(entity: str) -> None:
    assert wanted(entry("salesforce", entity)) == {}
    assert missed_by(entry("salesforce", entity, None, kind="gap")) is None


def test_a_line_that_somebody_looks_at_is_read_whole() -> None:
    assert wanted(entry("hub", "line", parent=None)) == {
        "freebit.line_details": ({RECORD}, set()),
        "freebit.line_usage": ({RECORD}, set()),
    }


def test_a_refresh_request_is_for_a_record_or_else_for_all_of_an_owners() -> None:
    assert wanted(entry("hub", "whmcs.invoices", RECORD, None)) == {"whmcs.invoices": ({RECORD}, set())}
    assert wanted(entry("hub", "whmcs.invoices", None, CLIENT)) == {"whmcs.invoices": (set(), {CLIENT})}
    assert wanted(entry("hub", "whmcs.invoices", RECORD, CLIENT)) == {"whmcs.invoices": ({RECORD}, set())}
