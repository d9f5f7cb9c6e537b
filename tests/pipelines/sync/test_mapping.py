"""A page of which most rows are mapped together: the same rows are stored as if each had been mapped alone."""

from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg
import pytest

from domain.common.identifiers import hub_id
from domain.common.vocabulary import WhmcsVocabulary
from pipelines.datasets import dataset_named
from pipelines.sync.dataset import Dataset, MappedPage, Page, Source
from pipelines.sync.mapping import map_page
from pipelines.sync.reconcile import reconcile
from pipelines.sync.rows import Rows
from pipelines.sync.run import run
from tests.conftest import copied_database
from tests.domain.readers import PLAIN
from tests.pipelines.sync.made_up import CaseRow

INVOICES = dataset_named("whmcs.invoices")
ONE_BY_ONE = replace(INVOICES, to_contracts=INVOICES.contracts)
WHMCS = WhmcsVocabulary()


class Settings:
    vocabulary = WHMCS


SOURCE = Source(client=None, settings=Settings())


def invoices(count: int, **odd: dict[str, Any]) -> list[dict[str, Any]]:
    """So many plain rows; `at_7={...}` changes the row with that id."""
    return [PLAIN | {"id": at, "userid": 5 + at % 3} | odd.get(f"at_{at}", {}) for at in range(count)]


def mapped(dataset: Dataset, rows: list[dict[str, Any]]) -> MappedPage:
    return map_page(dataset, Page(rows=rows, position={}), WHMCS)


def stored(url: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT to_jsonb(i) - ARRAY['first_seen_at', 'changed_at', 'items_due_at'] FROM hub.invoices i ORDER BY id"
        ).fetchall()


# Amounts and times in forms of all kinds, two rows that are refused, and every character that COPY must escape.
ODD = {
    "at_0": {"total": "11,00"},
    "at_125": {"paymentmethod": r"\N"},
    "at_127": {"paymentmethod": " "},
    "at_40": {"subtotal": "1e2", "paymentmethod": "Bank &amp; Post"},
    "at_77": {"date": "not-a-date"},
    "at_99": {"datepaid": "2026-02-01"},
    "at_150": {"invoicenum": "a\tb"},
    "at_200": {"invoicenum": "a\nb"},
    "at_250": {"invoicenum": "a\rb"},
    "at_300": {"invoicenum": "a\\tb", "paymentmethod": "Bank &amp; Post"},
    "at_350": {"status": "Disputed"},
}


def test_what_is_stored_does_not_depend_on_how_rows_were_mapped(database):
    pages = [Page(rows=invoices(400, **ODD), position={}, complete=True)]

    with copied_database() as another:
        together = run(replace(INVOICES, read=lambda _: iter(pages)), SOURCE, database.sync)
        alone = run(replace(ONE_BY_ONE, read=lambda _: iter(pages)), SOURCE, another.sync)
        stored_alone = stored(another.owner)

    assert (together.merged, together.quarantined) == (alone.merged, alone.quarantined)
    assert together.unknown_labels == alone.unknown_labels == {"status=Disputed": 1}
    assert together.merged.inserted == 398
    assert stored(database.owner) == stored_alone


def test_the_same_page_again_writes_nothing_however_its_rows_are_mapped(database):
    pages = [Page(rows=invoices(400, **ODD), position={}, complete=True)]
    run(replace(INVOICES, read=lambda _: iter(pages)), SOURCE, database.sync)

    again = [run(replace(each, read=lambda _: iter(pages)), SOURCE, database.sync) for each in (INVOICES, ONE_BY_ONE)]

    assert [(each.merged.written, each.merged.unchanged) for each in again] == [(0, 398), (0, 398)]
    drift = reconcile(replace(INVOICES, read=lambda _: iter(pages)), SOURCE, database.sync)[0]
    assert (drift.source_rows, drift.agrees, set(drift.quarantined)) == (398, True, {"0", "77"})


def test_only_a_broken_row_is_read_by_itself():
    page = mapped(INVOICES, invoices(1000, at_500={"total": "odd"}, at_501={"datepaid": "2026-02-01"}))

    (rows,) = page.rows.values()
    assert (len(rows), len(rows.contracts)) == (999, 0)
    assert [(failure.source_id, failure.reason) for failure in page.failures] == [
        ("500", "total: Input should be a valid decimal")
    ]
    assert sorted(page.mapped_ids, key=int) == [str(at) for at in range(1000) if at != 500]


def test_a_record_that_is_none_costs_no_other_its_place():
    """PHP answers `[]` for an object that it lost."""
    inside = replace(INVOICES, record_of=lambda row: row["sent"])
    whole = [{"id": str(at), "sent": sent} for at, sent in enumerate(invoices(3))]
    whole[1]["sent"] = []

    page = mapped(inside, whole)

    assert [failure.source_id for failure in page.failures] == ["1"]
    assert page.mapped_ids == ["0", "2"]


def test_a_service_does_not_go_with_its_telephone_number():
    services = dataset_named("whmcs.services")
    numbers = {"1": "080-1234-5678", "2": "none", "3": "08012345670", "4": None}
    page = mapped(services, [a_service(identity, number) for identity, number in numbers.items()])

    subscriptions, sims = (page.rows[target] for target in services.targets)

    assert sorted(subscriptions.ids()) == sorted(hub_id("whmcs", "subscription", identity) for identity in numbers)
    assert sorted(sims.ids()) == sorted(hub_id("whmcs", "sim", identity) for identity in "13")
    assert [(each.source_id, each.reason) for each in page.failures] == [("2", "SIM Number: not a telephone number")]
    assert sorted(page.mapped_ids) == ["1", "3", "4"]


def a_service(identity: str, number: str | None) -> dict[str, Any]:
    """A service with that number; none: it has no SIM."""
    fields = [{"name": "SIM Number", "value": number}]
    return {
        "id": identity, "clientid": "5", "name": "SIM" if number else "VPN", "recurringamount": "1.00",
        "billingcycle": "Monthly", "status": "Active", "customfields": {"customfield": fields},
    }  # fmt: skip


def test_a_page_without_rows_brings_nothing(database):
    outcome = run(
        replace(INVOICES, read=lambda _: iter([Page(rows=(), position={}, complete=True)])), SOURCE, database.sync
    )

    assert (outcome.read, outcome.merged.written) == (0, 0)


def test_of_a_record_that_is_on_the_page_twice_the_newest_version_counts():
    old, new = {"updated_at": "2026-02-01 10:00:00"}, {"updated_at": "2026-02-02 10:00:00", "status": "Unpaid"}
    rows = [*invoices(50, at_7=new), *(row | old for row in invoices(8) if row["id"] == 7)]

    (found,) = mapped(INVOICES, rows).rows.values()

    assert len(found) == 50
    assert [each.status for each in found.contracts if each.source_id == "7"] == ["unpaid"]


@pytest.mark.parametrize("dataset", [INVOICES, ONE_BY_ONE], ids=["together", "one by one"])
def test_every_row_is_named_by_its_id(dataset):
    (rows,) = mapped(dataset, invoices(30)).rows.values()

    assert sorted(rows.ids()) == sorted(hub_id("whmcs", "invoice", at) for at in range(30))


def test_rows_that_differ_in_one_value_are_told_apart_however_they_were_read() -> None:
    def digest_of(rows: Rows) -> str:
        digest = sha256()
        rows.add_to(digest)
        return digest.hexdigest()

    column = {"id": [str(UUID(int=1))], "status": ["new"]}
    one, other = (CaseRow(id=UUID(int=1), source_id="1", subject="a", status=status) for status in ("new", "closed"))

    found = [
        digest_of(each)
        for each in (
            Rows(),
            Rows(columns=[column]), Rows(columns=[column | {"status": ["closed"]}]), Rows([one]), Rows([other]),
        )
    ]  # fmt: skip

    assert len(set(found)) == len(found)
