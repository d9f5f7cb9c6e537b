"""The written bugs themselves: they fit the code, and there are enough of them everywhere."""

from collections import Counter

from tests.mutants.mutant import ROOT
from tests.mutants.rooms import ROOMS
from tests.mutants.written import written

ROOMS_WITH_BUGS = {
    "auth",
    "commands",
    "crashes",
    "devices",
    "events",
    "factors",
    "live",
    "mail",
    "mappers",
    "passkeys",
    "people",
    "personal",
    "policies",
    "processes",
    "read_api",
    "service_keys",
    "sign_up",
    "sources",
    "sync",
}


def test_every_written_bug_can_still_be_planted_and_has_a_name_of_its_own() -> None:
    bugs = written()

    names = Counter(bug.name for bug in bugs)

    assert not [name for name, times in names.items() if times > 1]
    assert len(bugs) >= 150
    assert {bug.room for bug in bugs} == ROOMS_WITH_BUGS


def test_every_bug_changes_its_file_and_says_what_it_does() -> None:
    for bug in written():
        assert bug.says.endswith("."), bug.label
        assert bug.caught_by, bug.label


def test_every_module_of_the_engine_is_in_a_room_with_tests() -> None:
    for room in ROOMS:
        assert list(room.files()), room.name


def test_every_test_that_a_room_names_is_there() -> None:
    named = {test for room in ROOMS for tests in (room.tests, *room.nearest.values()) for test in tests}

    assert [test for test in sorted(named) if not (ROOT / test.partition("::")[0]).exists()] == []
