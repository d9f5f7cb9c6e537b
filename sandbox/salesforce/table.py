"""All rows of one object: the world's, with the overlay's changes on top."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC
from heapq import merge

from sandbox.salesforce.bases import Base
from sandbox.salesforce.rows import Row, instant, system_fields
from sandbox.salesforce.schema import SObject
from sandbox.state import Change, Overlay

SYSTEM = "salesforce"
MARKER = "Hub_Command_Id__c"
"""By this field programs know their own records. No row of the world has it: only what came later need be looked at."""
Stamp = tuple[str, str]  # SystemModstamp, Id


class Table:
    """Rows of one object, deleted ones included, by id, in order of id or in order of (SystemModstamp, Id).

    What was purged is no row any more.
    """

    def __init__(self, definition: SObject, base: Base, overlay: Overlay) -> None:
        self.definition = definition
        self.base = base
        self._overlay = overlay

    def get(self, record_id: str) -> Row | None:
        """The row with this 18-character id, None if there never was one, or it was purged."""
        number = self.base.number(record_id)
        change = self._changes().get(record_id)
        if change is not None and change.purged:
            return None
        row = None if number is None else self.base.row(number)
        return row if change is None else self._changed(record_id, change, row)

    def by_id(self, after: str | None = None) -> Iterator[Row]:
        """Rows in order of id, those after `after`."""
        changes = dict(self._changes())
        start = 0 if after is None else bisect_right(range(self.base.count), after, key=self.base.record_id)
        kept = self._with_changes(self.base.rows(start), changes) if changes else self.base.rows(start)
        created = [
            self._changed(record_id, changes[record_id], None)
            for record_id in sorted(changes)
            if (after is None or record_id > after)
            and self.base.number(record_id) is None
            and not changes[record_id].purged
        ]
        return merge(kept, created, key=_id_of) if created else kept

    def by_stamp(self, low: str = "", high: str = "~", after: Stamp | None = None) -> Iterator[Row]:
        """Rows with `low` <= SystemModstamp < `high` in order of (SystemModstamp, Id), those after `after`."""
        changes = dict(self._changes())
        floor = max((low, ""), after or ("", ""))
        start = bisect_left(range(self.base.count), floor[0], key=self._stamp_at)
        base = (row for row in self.base.rows(start) if row["Id"] not in changes)
        rows = merge(base, self._changed_rows(changes, low), key=_stamp_of) if changes else base
        for row in rows:
            stamp = _stamp_of(row)
            if stamp[0] >= high:
                return
            if after is None or stamp > after:
                yield row

    def referring(self, field: str, record_id: str) -> Iterator[Row]:
        """Rows whose `field`, one of `base.children`, holds the id."""
        changes = dict(self._changes())
        for number in self.base.children[field](record_id):
            row = self.base.row(number)
            if row["Id"] not in changes:
                yield row
        for changed, change in changes.items():
            # Most changes name the parent themselves: no row need be made to see that it is another's.
            if change.fields.get(field, record_id) != record_id:
                continue
            row = self.get(changed) or {}
            if row.get(field) == record_id:
                yield row

    def marked(self, values: set[str]) -> list[str]:
        """Ids of the rows, deleted ones included, whose MARKER is one of the values, in small letters."""
        return [row for row, c in self._changes().items() if str(c.fields.get(MARKER, "")).lower() in values]

    def count(self, low: str = "", high: str = "~", *, include_deleted: bool) -> int:
        """How many rows there are with `low` <= SystemModstamp < `high`, without reading them."""
        numbers = range(self.base.count)
        start = bisect_left(numbers, low, key=self._stamp_at) if low else 0
        stop = bisect_left(numbers, high, key=self._stamp_at) if high != "~" else self.base.count
        changes = dict(self._changes())
        total = max(stop - start, 0)
        for record_id, change in changes.items():
            number = self.base.number(record_id)
            total -= number is not None and start <= number < stop
            if change.purged:
                continue
            stamp = str((self.get(record_id) or {}).get("SystemModstamp"))
            total += low <= stamp < high and (include_deleted or not change.deleted)
        return total

    def deletions(self, low: str, high: str) -> list[Stamp]:
        """What was deleted with `low` <= its stamp < `high`, in the recycle bin or not: (stamp, id)."""
        gone = [(instant(c.changed_at.astimezone(UTC)), row) for row, c in self._changes().items() if c.deleted]
        return sorted(each for each in gone if low <= each[0] < high)

    def next_number(self) -> int:
        """A number above every row's, for the id of a row to create."""
        return 10_000_000_000 + len(self._changes())

    def _changes(self) -> dict[str, Change]:
        return self._overlay.changed(SYSTEM, self.definition.name)

    def _stamp_at(self, number: int) -> str:
        return str(self.base.row(number)["SystemModstamp"])

    def _with_changes(self, rows: Iterator[Row], changes: dict[str, Change]) -> Iterator[Row]:
        for row in rows:
            record_id = str(row["Id"])
            change = changes.get(record_id)
            if change is None:
                yield row
            elif not change.purged:
                yield self._changed(record_id, change, row)

    def _changed_rows(self, changes: dict[str, Change], low: str) -> list[Row]:
        rows = [row for record_id in changes if (row := self.get(record_id))]
        return sorted((row for row in rows if str(row["SystemModstamp"]) >= low), key=_stamp_of)

    def _changed(self, record_id: str, change: Change, row: Row | None) -> Row:
        """The row as changed; one the world lacks starts from the object's defaults."""
        now = instant(change.changed_at.astimezone(UTC))
        start = row or system_fields(record_id, now, now) | self.definition.defaults
        stamps = {"LastModifiedDate": now, "SystemModstamp": now}
        return start | stamps | change.fields | {"IsDeleted": change.deleted}


def _id_of(row: Row) -> str:
    return str(row["Id"])


def _stamp_of(row: Row) -> Stamp:
    return str(row["SystemModstamp"]), str(row["Id"])


Tables = Callable[[str], Table]
