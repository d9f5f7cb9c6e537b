"""A made-up data set of cases, and one of details by call, for tests of what the engine does with any."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from core.errors import UnavailableError
from domain.common.errors import MappingError
from domain.common.identifiers import account_id, hub_id
from domain.common.record import Contract
from domain.common.vocabulary import WhmcsVocabulary
from pipelines.sync.dataset import Dataset, Details, Page, ReadRequest, Row, Source, Target
from pipelines.sync.reading import BODY, PARENT, parent_source_id, read_details
from sql.tables.billing import invoices
from sql.tables.support import support_cases
from tests.builders import insert

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Settings:
    vocabulary = None


class WhmcsLike:
    vocabulary = WhmcsVocabulary()


SOURCE = Source(client=None, settings=Settings())


class CaseRow(Contract):
    labels = (("status", "source_status"),)
    source: str = "salesforce"
    source_id: str
    source_updated_at: datetime = NOON
    deleted_at: datetime | None = None
    account_id: UUID = account_id("salesforce", "001A")
    subject: str
    status: str = "new"
    source_status: str = "New"
    priority: str = "low"
    is_closed: bool = False
    opened_at: datetime = NOON


def case_id(source_id: str) -> UUID:
    return hub_id("salesforce", "case", source_id)


def to_cases(row: Row, _: Any) -> Sequence[Contract]:
    if row.get("broken"):
        raise MappingError("salesforce", row["Id"], "Subject: missing")
    given = {
        "subject": "x",
        "status": "new",
        **{name: value for name, value in row.items() if name not in {"Id", "broken"}},
    }
    return (CaseRow(id=case_id(row["Id"]), source_id=row["Id"], **given),)


def a_dataset(read: Callable[[ReadRequest], Iterator[Page]], **values: Any) -> Dataset:
    return Dataset(
        **{
            "name": "salesforce.cases",
            "system": "salesforce",
            "group": "support",
            "description": "cases",
            "targets": (Target(contract=CaseRow, table=support_cases, kind="case"),),
            "read": read,
            "to_contracts": to_cases,
            "source_id": lambda row: row["Id"],
            "mapper_version": "1",
            "freshness": timedelta(minutes=10),
            **values,
        }
    )


def rows(*ids: str) -> list[dict[str, str]]:
    return [{"Id": identity} for identity in ids]


def fetch(url: str, query: str, *values: object) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query, values).fetchall()


def execute(url: str, query: str, *values: object) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(query, values)


def now(database: Any) -> datetime:
    """The database's clock, which judges what was requested when."""
    ((moment,),) = fetch(database.owner, "SELECT clock_timestamp()")
    return moment


def pages_from(position: int, total: int, *, break_at: int | None = None) -> Iterator[Page]:
    for number in range(position, total):
        if number == break_at:
            raise UnavailableError("salesforce", "did not answer")
        yield Page(rows=rows(f"500{number}"), position={"next": number + 1})
    yield Page(rows=(), position={}, complete=True)


def break_the_database_at(url: str, source_id: str) -> None:
    """The server has a fault of its own, and quotes what it was given, when it is to write that case."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE FUNCTION pg_temp.fails() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'cannot write %', NEW USING ERRCODE = 'XX000'; END $$".replace("pg_temp.", "")
        )
        connection.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON hub.support_cases FOR EACH ROW"
            f" WHEN (NEW.source_id = '{source_id}') EXECUTE FUNCTION fails()"
        )


class BalanceRow(Contract):
    balance: int


DETAILS = Details(
    parent=invoices, system="whmcs", kind="invoice", prefix="items", order="issued_on DESC", columns=("currency",)
)


def details_dataset(ask: Callable[[Row], Row], details: Details = DETAILS) -> Dataset:
    def to_balance(row: Row, _: Any) -> Sequence[Contract]:
        return (BalanceRow(id=row[PARENT]["id"], balance=row[BODY]["balance"]),)

    return a_dataset(
        lambda request: read_details(request, ask, at_once=2, batch=2),
        name="whmcs.invoice_details",
        system="whmcs",
        targets=(Target(contract=BalanceRow, table=invoices, only_existing=True),),
        to_contracts=to_balance,
        source_id=parent_source_id,
        details=details,
    )


def three_invoices(database: Any) -> None:
    with psycopg.connect(database.owner) as connection:
        for day in (1, 2, 3):
            insert(
                connection,
                "invoices",
                id=hub_id("whmcs", "invoice", str(day)),
                source_id=str(day),
                issued_on=datetime(2026, 1, day, tzinfo=UTC).date(),
            )


def give_ids(database: Any) -> None:
    """The ids by which records are found that somebody names."""
    with psycopg.connect(database.owner) as connection:
        for (invoice,) in fetch(database.owner, "SELECT source_id FROM hub.invoices"):
            values = [hub_id("whmcs", "invoice", invoice), invoice]
            connection.execute("UPDATE hub.invoices SET id = %s WHERE source_id = %s", values)


class Refreshing(Settings):
    hours = 24


AT_WORK = replace(DETAILS, refresh_after=lambda settings: timedelta(hours=settings.hours), unsettled="balance = 5")
