"""What the declarations promise of each data set, beside what the engine promises of any."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from core.settings import FreebitSettings, WhmcsSettings
from domain.common.identifiers import account_id
from domain.common.vocabulary import FreebitVocabulary, WhmcsVocabulary
from domain.sim.contract import SimUsage
from pipelines.datasets import DATASETS, dataset_named
from pipelines.sync.dataset import Dataset, Page, Source
from pipelines.sync.details import due_parents
from pipelines.sync.reading import BODY, PARENT, REQUESTED_AT
from pipelines.sync.run import run
from tests.builders import insert
from tests.domain.readers import PLAIN

CLIENT = {"id": "3", "firstname": "Hanako", "status": "Active", "datecreated": "2026-01-01"}
LINE = {"id": "7", "clientid": "5", "name": "SIM", "billingcycle": "Monthly", "status": "Active"} | {
    "recurringamount": "980.00",
    "customfields": {"customfield": [{"name": "SIM Number", "value": "08012345678"}]},
}

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FREEBIT = FreebitSettings(
    _env_file=None, base_url="http://127.0.0.1", oem_id="o", oem_key="k", detail_refresh_minutes=90,
    usage_refresh_minutes=45,
)  # fmt: skip
WHMCS = WhmcsSettings(_env_file=None, url="http://127.0.0.1", identifier="i", secret="s", details_refresh_hours=5)


def execute(database: Any, query: str) -> list[Any]:
    with psycopg.connect(database.owner) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


def sending(name: str, row: dict[str, Any]) -> Dataset:
    return replace(dataset_named(name), read=lambda _: iter([Page(rows=[row], position={})]))


@pytest.mark.parametrize(
    ("name", "row", "change", "queue"),
    [
        ("whmcs.invoices", PLAIN, {"status": "Refunded"}, ("invoices", "items_due_at")),
        ("whmcs.clients", CLIENT, {"firstname": "Hana"}, ("customer_accounts", "details_due_at")),
        ("whmcs.services", LINE, {"status": "Terminated"}, ("sims", "details_due_at")),
        ("whmcs.services", LINE, {"status": "Terminated"}, ("sims", "usage_due_at")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_details_are_requested_again_when_their_record_changed_and_only_then(database, name, row, change, queue):
    table, due = queue
    source = Source(None, SimpleNamespace(vocabulary=WhmcsVocabulary()))
    run(sending(name, row), source, database.sync)
    known = f"SELECT {due} <= now() FROM hub.{table}"  # noqa: S608 - our own
    execute(database, f"UPDATE hub.{table} SET {due} = NULL")  # noqa: S608

    run(sending(name, row), source, database.sync)
    unchanged = execute(database, known)
    run(sending(name, {**row, **change}), source, database.sync)

    assert unchanged == [(None,)]
    assert execute(database, known) == [(True,)]


@pytest.mark.parametrize(
    ("name", "wait"),
    [
        ("freebit.line_details", timedelta(minutes=90)),
        ("freebit.line_usage", timedelta(minutes=45)),
        ("whmcs.client_details", timedelta(hours=5)),
        ("whmcs.payment_methods", timedelta(hours=5)),
    ],
)
def test_details_are_read_again_after_as_long_as_the_operator_said(name, wait):
    details = dataset_named(name).details

    assert details is not None
    assert details.refresh_after is not None
    assert details.refresh_after(FREEBIT if name.startswith("freebit") else WHMCS) == wait


def due(database: Any, name: str, *, everyone: bool = False) -> set[str]:
    details = dataset_named(name).details
    assert details is not None
    with psycopg.connect(database.sync) as connection:
        return {parent["source_id"] for parent in due_parents(connection, details, everyone=everyone)}


@pytest.fixture
def lines(database: Any) -> Any:
    shared = "08000000000"  # of two open lines with one number neither is known to be its owner
    with psycopg.connect(database.owner) as connection:
        for number, (source_id, values) in enumerate(
            {
                "open": {},
                "one of two": {"msisdn": shared},
                "other of two": {"msisdn": shared},
                "closed": {"is_open": False},
                "without a number": {"msisdn": None},
                "deleted": {"deleted_at": LONG_AGO},
            }.items()
        ):
            given = {"source_id": source_id, "msisdn": f"0801234567{number}", "is_open": True, **values}
            insert(connection, "sims", details_due_at=LONG_AGO, usage_due_at=LONG_AGO, **given)
    return database


def test_the_network_is_asked_about_open_lines_and_of_disputed_ones_only_what_can_end_the_dispute(lines):
    assert due(lines, "freebit.line_details") == {"open", "one of two", "other of two"}
    assert due(lines, "freebit.line_usage") == {"open"}


def test_billing_is_not_asked_about_accounts_of_the_crm(database):
    with psycopg.connect(database.owner) as connection:
        for system, source_id in (("salesforce", "001A"), ("whmcs", "1001")):
            identity = account_id(system, source_id)
            insert(connection, "customer_accounts", id=identity, source=system, source_id=source_id)

    for name in ("whmcs.client_details", "whmcs.payment_methods"):
        # A reconcile asks about everyone, due or not.
        assert due(database, name) == due(database, name, everyone=True) == {"1001"}, name


def test_traffic_of_today_is_that_of_the_operators_day():
    """20:00 in London is tomorrow in Tokyo, where the network counts."""
    parent = {"id": uuid4(), "account_id": uuid4(), "source_id": "7", "msisdn": "08012345678"}
    requested_at = datetime(2026, 4, 1, 20, tzinfo=UTC)
    body = {"traffic": {"today": "1024", "inRecentDays": "2048,512", "blackList": "0"}}
    usage = dataset_named("freebit.line_usage")

    contracts = list(usage.to_contracts({PARENT: parent, BODY: body, REQUESTED_AT: requested_at}, FreebitVocabulary()))

    days = [each.used_on.isoformat() for each in contracts if isinstance(each, SimUsage)]
    assert sorted(days) == ["2026-03-31", "2026-04-01", "2026-04-02"]


def test_a_data_set_is_read_after_those_it_is_made_from():
    names = [dataset.name for dataset in DATASETS]

    for dataset in DATASETS:
        assert all(names.index(each) < names.index(dataset.name) for each in dataset.after), dataset.name
