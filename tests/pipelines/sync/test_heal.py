"""Heal mends what differs and asks for what a list did not bring; with the sandbox: tests/e2e/test_heal.py."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from core.errors import BrakeError, UnavailableError
from domain.common.identifiers import account_id
from pipelines.datasets import dataset_named
from pipelines.sync.dataset import Dataset, Page, ReadRequest
from pipelines.sync.heal import heal
from pipelines.sync.progress import Progress, listening
from pipelines.sync.run import run
from tests.builders import insert
from tests.pipelines.sync.made_up import SOURCE, a_dataset, case_id, execute, fetch, now, rows

IDS = [f"5{number:04}" for number in range(30)]


class Cases:
    """A source of cases. `there`: what it has; `brought`: what its list brings, if that is something else."""

    def __init__(self, *there: str) -> None:
        self.there = set(there)
        self.brought: list[Page] | None = None
        self.requested: list[str] = []

    def read(self, _: ReadRequest) -> Iterator[Page]:
        yield from [Page(rows=rows(*sorted(self.there)), position={})] if self.brought is None else self.brought

    def read_some(self, request: ReadRequest) -> Iterator[Page]:
        requested_at, wanted = request.now(), sorted(request.only.records)
        self.requested += wanted
        there = [each for each in wanted if each in self.there]
        yield Page(rows=rows(*there), position={}, gone=[*set(wanted) - set(there)], requested_at=requested_at)

    @property
    def dataset(self) -> Dataset:
        return a_dataset(self.read, read_some=self.read_some)


@pytest.fixture
def cases(database: Any) -> Cases:
    """Thirty cases, which the hub has read."""
    cases = Cases(*IDS)
    run(cases.dataset, SOURCE, database.sync)
    return cases


def alive(database: Any) -> int:
    return int(fetch(database.owner, "SELECT count(*) FROM hub.support_cases WHERE deleted_at IS NULL")[0][0])


def test_a_list_that_was_cut_deletes_nothing(database, cases):
    cases.brought = [Page(rows=rows(*IDS[:22]), position={}, complete=True)]

    found = heal(cases.dataset, SOURCE, database.sync)

    assert (found.extra, found.deleted, alive(database)) == (8, 0, 30)
    assert cases.requested == IDS[22:]


def test_of_what_a_list_did_not_bring_only_that_goes_which_the_source_does_not_have(database, cases):
    cases.there -= {IDS[3]}
    cases.brought = [Page(rows=rows(*IDS[4:]), position={})]

    found = heal(cases.dataset, SOURCE, database.sync)

    assert (found.extra, found.deleted) == (4, 1)
    kept = fetch(database.owner, "SELECT source_id FROM hub.support_cases WHERE deleted_at IS NOT NULL")
    assert kept == [(IDS[3],)]


def test_what_a_source_does_not_say_when_requested_by_id_deletes_nothing_and_verifies_nothing(database, cases):
    def silent(_: ReadRequest) -> Iterator[Page]:
        raise UnavailableError("salesforce", "did not answer")
        yield

    cases.brought = [Page(rows=rows(*IDS[4:]), position={})]

    with pytest.raises(UnavailableError):
        heal(replace(cases.dataset, read_some=silent), SOURCE, database.sync)

    assert alive(database) == 30
    assert fetch(database.owner, "SELECT verified_through FROM sync.freshness") == [(None,)]


def test_whoever_listens_is_notified_of_a_list_that_cannot_be_read(database, cases):
    def broken(_: ReadRequest) -> Iterator[Page]:
        yield Page(rows=rows(*IDS[:5]), position={})
        raise UnavailableError("salesforce", "did not answer")

    heard: list[Progress] = []
    with listening(heard.append), pytest.raises(UnavailableError):
        heal(replace(cases.dataset, read=broken), SOURCE, database.sync)

    assert [(step.rows, step.failed) for step in heard] == [(5, False), (5, True)]


def test_ten_records_may_be_missing_from_a_list_of_thirty_and_with_eleven_none_is_even_requested(database, cases):
    cases.brought = [Page(rows=rows(*IDS[11:]), position={})]
    with pytest.raises(BrakeError, match="11 of 30"):
        heal(cases.dataset, SOURCE, database.sync)
    requested = list(cases.requested)

    cases.brought = [Page(rows=rows(*IDS[10:]), position={})]
    found = heal(cases.dataset, SOURCE, database.sync)

    assert (requested, found.extra, alive(database)) == ([], 10, 30)


def test_a_record_that_came_while_the_list_was_read_is_not_missing_from_it(database, cases):
    def read(_: ReadRequest) -> Iterator[Page]:
        with psycopg.connect(database.owner) as connection:
            insert(connection, "support_cases", id=case_id("5NEW"), source_id="5NEW")
        yield Page(rows=rows(*IDS), position={})

    found = heal(replace(cases.dataset, read=read), SOURCE, database.sync)

    assert (found.extra, cases.requested) == (0, [])


def test_a_record_that_cannot_be_represented_any_more_is_there_all_the_same(database, cases):
    cases.brought = [Page(rows=[{"Id": IDS[0], "broken": 1}, *rows(*IDS[1:])], position={})]

    found = heal(cases.dataset, SOURCE, database.sync)

    assert (found.quarantined, found.extra, alive(database)) == ((IDS[0],), 0, 30)
    assert cases.requested == []


def test_what_is_verified_is_verified_up_to_when_the_pass_began(database, cases):
    began = now(database)
    moments = []

    def read(_: ReadRequest) -> Iterator[Page]:
        moments.append(now(database))
        yield Page(rows=rows(*IDS), position={})

    heal(replace(cases.dataset, read=read), SOURCE, database.sync)

    ((verified, known),) = fetch(database.owner, "SELECT verified_through, as_of FROM sync.freshness")
    assert began < verified == known < moments[0]


def test_a_shorter_pass_forgets_the_windows_of_a_longer_one(database, cases):
    cases.brought = [Page(rows=rows(*IDS[number : number + 10]), position={}) for number in (0, 10, 20)]
    heal(cases.dataset, SOURCE, database.sync)

    cases.brought = None
    heal(cases.dataset, SOURCE, database.sync)

    windows = fetch(database.owner, "SELECT number, source_rows, first_id, last_id FROM sync.windows")
    assert windows == [(0, 30, IDS[0], IDS[-1])]


def test_a_pass_over_the_accounts_of_one_system_does_not_miss_those_of_the_other(database):
    with psycopg.connect(database.owner) as connection:
        insert(connection, "customer_accounts", id=account_id("whmcs", "1001"), source="whmcs", source_id="1001")
    nothing = replace(dataset_named("salesforce.accounts"), read=lambda _: iter([Page(rows=(), position={})]))

    found = heal(nothing, SOURCE, database.sync)

    assert (found.extra, found.deleted) == (0, 0)


def test_what_differs_is_counted_and_mended(database, cases):
    execute(database.owner, "UPDATE hub.support_cases SET subject = 'drifted' WHERE source_id = %s", IDS[0])
    execute(database.owner, "DELETE FROM hub.support_cases WHERE source_id = %s", IDS[1])

    found = heal(cases.dataset, SOURCE, database.sync)

    assert (found.source_rows, found.missing, found.different, found.extra) == (30, 1, 1, 0)
    assert fetch(database.owner, "SELECT count(*) FROM hub.support_cases WHERE subject = 'x'") == [(30,)]
