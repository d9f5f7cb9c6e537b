"""How a query's rows are found: which rows to look at, which to keep, in which order, and how to go on later."""

from collections.abc import Callable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple

from sandbox.salesforce.ids import full_id
from sandbox.salesforce.org import Org
from sandbox.salesforce.rows import Row
from sandbox.salesforce.schema import Field
from sandbox.salesforce.soql.conditions import Conditions, check_filterable, folded
from sandbox.salesforce.soql.paths import Paths
from sandbox.salesforce.soql.tree import Comparison, Condition, Membership, Ordering, Path, Query, Value
from sandbox.salesforce.table import MARKER, Stamp, Table

Place = tuple[str, ...]  # where a row stands in a plan's order; handed back, it continues after that row


class Range(NamedTuple):
    """Bounds on SystemModstamp: `low` <= stamp < `high`; as text, so a NUL makes an exclusive bound of either."""

    low: str = ""
    high: str = "~"


class Plan:
    """The rows of one query, resumable after any of them; holds no rows unless it has to sort."""

    def __init__(self, org: Org, query: Query, *, include_deleted: bool) -> None:
        """Raises SalesforceError when the query names what does not exist."""
        self.org, self.query = org, query
        self.table = org.readable(query.source)
        self.paths = Paths(org, self.table.definition, query.alias)
        self.includes_deleted = include_deleted
        conditions = Conditions(self.paths, org.clock.now(), self._selected)
        self._wanted = conditions.predicate(query.where) if query.where else None
        self._orderings = [(self.paths.getter(order.path), self._sortable(order), order) for order in query.order]
        self._range, covered = self._stamps()
        self._is_counted_blind = covered
        self._ids = self._listed_ids()
        self._sorted: list[str] | None = None

    def rows(self, after: Place | None = None) -> Iterator[tuple[Place, Row]]:
        """Rows with their places, LIMIT and OFFSET not yet applied; those after the given place."""
        source, place = self._source(after)
        wanted, deleted = self._wanted, self.includes_deleted
        for row in source:
            if (deleted or not row["IsDeleted"]) and (wanted is None or wanted(row)):
                yield place(row), row

    def window(self) -> Iterator[tuple[Place, Row]]:
        """Rows with their places, LIMIT and OFFSET applied."""
        start = self.query.offset or 0
        stop = None if self.query.limit is None else start + self.query.limit
        return islice(self.rows(), start, stop)

    def count(self) -> int:
        """How many rows the query has, its LIMIT and OFFSET applied."""
        if self._is_counted_blind:
            found = self.table.count(*self._range, include_deleted=self.includes_deleted)
        else:
            found = sum(1 for _ in self.rows())
        found = max(found - (self.query.offset or 0), 0)
        return found if self.query.limit is None else min(found, self.query.limit)

    # -- which rows to look at ------------------------------------------------------------------------------------
    def _source(self, after: Place | None) -> tuple[Iterator[Row], Callable[[Row], Place]]:
        if self._ids is not None and not self._needs_sort:
            found = (self.table.get(record_id) for record_id in self._ids if after is None or record_id > after[0])
            return (row for row in found if row), _id_place
        if self._needs_sort:
            return self._in_order(after), _id_place
        if self._runs_by_stamp:
            stamp: Stamp | None = (after[0], after[1]) if after else None
            return self.table.by_stamp(*self._range, stamp), _stamp_place
        referring = self._referring()
        if referring is not None:
            rows = sorted(referring, key=_id_place)
            return (row for row in rows if after is None or _id_place(row) > after), _id_place
        return self.table.by_id(after[0] if after else None), _id_place

    def _in_order(self, after: Place | None) -> Iterator[Row]:
        if self._sorted is None:
            self._sorted = self._sort()
        start = self._sorted.index(after[0]) + 1 if after else 0
        return (row for record_id in islice(self._sorted, start, None) if (row := self.table.get(record_id)))

    def _sort(self) -> list[str]:
        query = Query(self.query.items, self.query.source, self.query.alias, self.query.where)
        unordered = Plan(self.org, query, include_deleted=self.includes_deleted)
        ids, values = [], []
        for _, row in unordered.rows():
            ids.append(str(row["Id"]))
            values.append([folded(get(row)) for get, _, _ in self._orderings])
        order = sorted(range(len(ids)), key=ids.__getitem__)
        # Least significant first: each sort keeps the order the one before it made.
        for at in range(len(self._orderings) - 1, -1, -1):
            ordering = self._orderings[at][2]
            present: list[tuple[Any, int]] = [(values[n][at], n) for n in order if values[n][at] is not None]
            absent = [n for n in order if values[n][at] is None]
            present.sort(key=itemgetter(0), reverse=ordering.descending)
            found = [n for _, n in present]
            order = found + absent if ordering.nulls_last else absent + found
        return [ids[n] for n in order]

    def _sortable(self, ordering: Ordering) -> Field:
        field = self.paths.resolve(ordering.path)[1]
        check_filterable(field)
        return field

    @property
    def _natural(self) -> tuple[str, ...]:
        """Names of the fields sorted by, when every one ascends; () otherwise or when there is none."""
        if any(o.descending or len(o.path.names) > 1 for _, _, o in self._orderings):
            return ("-",)
        return tuple(field.name for _, field, _ in self._orderings)

    @property
    def _needs_sort(self) -> bool:
        if self._ids is not None and self._natural in {("SystemModstamp",), ("SystemModstamp", "Id")}:
            return True
        return self._natural not in {(), ("Id",), ("SystemModstamp",), ("SystemModstamp", "Id")}

    @property
    def _runs_by_stamp(self) -> bool:
        return self._natural[:1] == ("SystemModstamp",) or (not self._natural and self._range != Range())

    def _stamps(self) -> tuple[Range, bool]:
        """Bounds the conditions put on SystemModstamp, and whether they are all there is to the conditions."""
        low, high, covered = "", "~", True
        for condition in self.query.conjuncts():
            bound = _stamp_bound(condition)
            if bound is None:
                covered = False
            else:
                low, high = max(low, bound.low), min(high, bound.high)
        return Range(low, high), covered

    def _listed_ids(self) -> list[str] | None:
        for condition in self.query.conjuncts():
            values = _listed(condition)
            if values is not None and self._own_name(condition) == "Id":
                return sorted({found for value in values if (found := full_id(str(value.value)))})
            marks = {str(value.value).lower() for value in values or () if value.kind == "string"} - {""}
            if values and len(marks) == len(values) and self._own_name(condition) == MARKER:
                return sorted(self.table.marked(marks))
        return None

    def _referring(self) -> Iterator[Row] | None:
        """The rows that point to the records a condition names, directly or through their parents."""
        for condition in self.query.conjuncts():
            values = _listed(condition)
            path: Path | None = getattr(condition, "path", None)
            if values is None or path is None or not all(full_id(str(value.value)) for value in values):
                continue
            hops, field = self.paths.resolve(path)
            tables = [self.table, *(self.org.table(str(hop.refers_to)) for hop in hops)]
            way = list(zip(tables, (*hops, field), strict=True))
            if all(by.name in table.base.children for table, by in way):
                return _descended(way, {found for value in values if (found := full_id(str(value.value)))})
        return None

    def _own_name(self, condition: Condition) -> str:
        path: Path | None = getattr(condition, "path", None)
        if path is None:
            return ""
        hops, field = self.paths.resolve(path)
        return "" if hops else field.name

    def _selected(self, query: Query) -> list[object]:
        plan = Plan(self.org, query, include_deleted=False)
        path = query.items[0]
        get = plan.paths.getter(path if isinstance(path, Path) else Path(("Id",)))
        return [get(row) for _, row in plan.rows()]


def _descended(way: list[tuple[Table, Field]], ids: set[str]) -> Iterator[Row]:
    """Rows of the first table whose reference fields, followed along the way, end at one of the ids."""
    for table, by in reversed(way[1:]):
        ids = {str(row["Id"]) for record_id in ids for row in table.referring(by.name, record_id)}
    table, by = way[0]
    return (row for record_id in ids for row in table.referring(by.name, record_id))


def _listed(condition: Condition) -> tuple[Value, ...] | None:
    """The values a field must have one of, when the condition says so."""
    if isinstance(condition, Comparison) and condition.operator == "=":
        return (condition.value,)
    if isinstance(condition, Membership) and not condition.negated and isinstance(condition.options, tuple):
        return condition.options
    return None


def _stamp_bound(condition: Condition) -> Range | None:
    if not isinstance(condition, Comparison) or condition.value.kind != "datetime":
        return None
    if [name.lower() for name in condition.path.names] != ["systemmodstamp"]:
        return None
    stamp = str(condition.value.value)
    return {
        ">=": Range(low=stamp),
        ">": Range(low=stamp + "\0"),
        "<": Range(high=stamp),
        "<=": Range(high=stamp + "\0"),
        "=": Range(stamp, stamp + "\0"),
    }.get(condition.operator)


def _id_place(row: Row) -> Place:
    return (str(row["Id"]),)


def _stamp_place(row: Row) -> Place:
    return str(row["SystemModstamp"]), str(row["Id"])
