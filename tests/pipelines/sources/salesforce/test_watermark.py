"""What changed at Salesforce is read once it can be seen, however it becomes visible.

- A record that is committed late carries a stamp older than others that were read before (reference, incremental
  extraction): a read starts `overlap_seconds` before the watermark.
- Many records carry one stamp: a bulk update stamps 200 at once. Whoever goes on in the middle of them goes on at their
  stamp, not after it.
- Whoever goes on in the middle of a first load goes on at the last stamp, for the rows came ordered by stamp; ordered
  otherwise, the rest would be skipped.
- A record that is read twice costs a comparison. One that is skipped is wrong until the night.
"""

import re
from datetime import datetime, timedelta
from urllib.parse import unquote_plus

import pytest

from core.errors import IncompleteReadError, SourceError
from pipelines.sources.salesforce.extract import Query, changed_records
from pipelines.sync.dataset import ReadRequest, Source
from tests.pipelines.sources.salesforce.conftest import NOON, TOKEN_PATH, error, result

CASES = Query("Case", ("Subject",), owner="AccountId")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BOUND = re.compile(r"SystemModstamp (>=|<=|>|<) (\S+Z)")
HOLDS = {
    ">=": datetime.__ge__,
    "<=": datetime.__le__,
    ">": datetime.__gt__,
    "<": datetime.__lt__,
}
MORE = "/services/data/v62.0/query/01g-"


class Org:
    """Cases by id, with their stamps. Answers queries as they are asked: bounds, order, pages of two.

    `breaks_at`: asked for that page of a query, it answers `breaks_with`, once. `hidden`: so many records it counts and
    does not send.
    """

    def __init__(self, **stamps):
        self.stamps = {f"{name:0>15}AAA": stamp for name, stamp in stamps.items()}
        self.breaks_at, self.breaks_with = None, None
        self.hidden = 0
        self._pages = []

    def answered(self, request, answer):
        path = unquote_plus(request.path)
        if "COUNT" in path:
            return answer(result(total=len(self.stamps)))
        if "/deleted?" in path:
            return answer({"deletedRecords": [], "latestDateCovered": "2026-01-02T12:00:00.000+0000"})
        number = int(path.removeprefix(MORE)) if path.startswith(MORE) else 0
        if number and number == self.breaks_at:
            self.breaks_at = None
            return answer(error(self.breaks_with), 400)
        if not number:
            self._pages = self._found(path)
        last = number + 1 == len(self._pages)
        total = sum(map(len, self._pages))
        following = {} if last else {"nextRecordsUrl": f"{MORE}{number + 1}"}
        return answer(result(*self._pages[number], total=total, done=last, **following))

    def _found(self, path):
        bounds = [(HOLDS[sign], datetime.fromisoformat(moment)) for sign, moment in BOUND.findall(path)]
        found = [name for name, stamp in self.stamps.items() if all(holds(stamp, bound) for holds, bound in bounds)]
        by_stamp = "ORDER BY SystemModstamp" in path
        found.sort(key=lambda name: (self.stamps[name], name) if by_stamp else name)
        rows = [self._row(name) for name in found][self.hidden :]
        return [rows[at : at + 2] for at in range(0, len(rows), 2)] or [[]]

    def _row(self, name):
        stamp = f"{self.stamps[name]:%Y-%m-%dT%H:%M:%S.000+0000}"
        return {"Id": name, "SystemModstamp": stamp, "IsDeleted": False}


@pytest.fixture
def read(source, settings, client, json_reply, answer):
    """Every page of a read of an org, from a position on, as of noon; those that came before it broke."""

    def read(org, pages, **position):
        def script(request):
            if request.path == TOKEN_PATH:
                return json_reply({"access_token": "s", "instance_url": "https://acme.my.salesforce.com"})
            return org.answered(request, answer)

        source.script = script
        request = ReadRequest(Source(client, settings()), position, full=False, now=lambda: NOON)
        for page in changed_records(CASES, request):
            pages.append(page)
        return pages

    return read


def names(pages):
    return [row["Id"].removesuffix("AAA").lstrip("0") for page in pages for row in page.rows]


def test_a_record_that_becomes_visible_late_is_read_though_its_stamp_is_older_than_the_watermark(read):
    org = Org(a=NOON - HOUR - 5 * MINUTE, b=NOON - MINUTE, c=NOON - 2 * HOUR)

    pages = read(org, [], watermark=(NOON - HOUR).isoformat())

    assert names(pages) == ["a", "b"]


def test_the_overlap_does_not_move_the_watermark_back(read):
    (*_, last) = read(Org(a=NOON - HOUR), [], watermark=(NOON - HOUR).isoformat())

    assert NOON - timedelta(seconds=5) < datetime.fromisoformat(last.position["watermark"]) <= NOON


def test_records_of_one_stamp_are_all_read_though_the_cursor_dies_among_them(read):
    # V: API Query Cursor Limits; restforce#616.
    org = Org(a=NOON - 2 * MINUTE, **dict.fromkeys("bcde", NOON - MINUTE), f=NOON)
    org.breaks_at, org.breaks_with = 1, "INVALID_QUERY_LOCATOR"

    pages = read(org, [], watermark=(NOON - HOUR).isoformat())

    assert set(names(pages)) == set("abcdef")
    assert pages[-1].complete


def test_a_first_load_that_broke_goes_on_at_the_stamp_it_had_reached_and_skips_nothing(read):
    # Ids and stamps run against each other, as with old records that were changed of late.
    org = Org(a=NOON - MINUTE, b=NOON - 2 * MINUTE, c=NOON - 3 * MINUTE, d=NOON - 4 * MINUTE, e=NOON - 4 * MINUTE)
    org.breaks_at, org.breaks_with = 1, "INSUFFICIENT_ACCESS"
    before = []
    with pytest.raises(SourceError):
        read(org, before)

    after = read(org, [], **before[-1].position)

    assert names(before) == ["d", "e"]
    assert set(names(before) + names(after)) == set("abcde")
    assert after[-1].complete


def test_a_part_of_the_time_that_was_read_says_nothing_of_the_rest(read):
    """The position within a poll stays where the poll began: what it has read is read again if it dies."""
    org = Org(a=NOON - 3 * MINUTE, b=NOON - 2 * MINUTE, c=NOON - MINUTE)
    watermark = (NOON - HOUR).isoformat()

    *parts, last = read(org, [], watermark=watermark)

    assert [page.position for page in parts] == [{"watermark": watermark}] * 2
    assert last.position != {"watermark": watermark}


def test_a_first_load_that_brought_fewer_records_than_were_counted_is_no_success(read):
    org = Org(a=NOON - MINUTE, b=NOON - 2 * MINUTE)
    org.hidden = 1

    with pytest.raises(IncompleteReadError, match="read 1 rows, the source reports 2"):
        read(org, [])
