"""Aggregates: the rows of a query put into groups, each answered as one AggregateResult.

Source: SOQL reference, "GROUP BY", "HAVING", "Aggregate Functions", "Using Aliases with GROUP BY" (unnamed ones are
called expr0, expr1 ... in the order of the select list).
"""

from collections.abc import Callable
from itertools import count, islice
from typing import Any, cast

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.rows import Row
from sandbox.salesforce.schema import NUMBERS, Field
from sandbox.salesforce.soql.conditions import Conditions, folded
from sandbox.salesforce.soql.paths import Getter, Paths
from sandbox.salesforce.soql.plan import Plan
from sandbox.salesforce.soql.tree import Aggregate, Path, Query

Document = dict[str, object]
Function = Callable[[list[Any]], object]

MOST_GROUPS = 2_000  # there is no next page for groups
_UNGROUPABLE = frozenset({"currency", "double", "percent", "datetime", "textarea", "address"})
_FUNCTIONS: dict[str, Function] = {
    "COUNT": len,
    "COUNT_DISTINCT": lambda values: len({folded(value) for value in values}),
    "SUM": lambda values: sum(values) if values else None,
    "AVG": lambda values: sum(values) / len(values) if values else None,
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
}


class Groups(Paths):
    """The groups of one query. As Paths it resolves what HAVING and ORDER BY name: a grouped field or an aggregate."""

    def __init__(self, org: Org, query: Query, *, include_deleted: bool) -> None:
        """Raises SalesforceError when the query names what does not exist, is not grouped, or cannot be aggregated."""
        rows = Query((Path(("Id",)),), query.source, query.alias, query.where)
        self._plan = Plan(org, rows, include_deleted=include_deleted)
        super().__init__(org, self._plan.table.definition, query.alias)
        self._query = query
        self._grouped = {self._key(path): super(Groups, self).getter(path) for path in query.group}
        for path in query.group:
            self._check_groupable(path)
        self._columns = list(self._named())
        conditions = Conditions(self, org.clock.now(), _no_semi_join)
        self._having = conditions.predicate(query.having) if query.having else None
        self._orderings = [(self.getter(order.path), order) for order in query.order]

    def documents(self) -> list[Document]:
        """Raises SalesforceError: EXCEEDED_ID_LIMIT when there are more groups than an answer holds."""
        groups: dict[tuple[object, ...], list[Row]] = {} if self._query.group else {(): []}
        for _, row in self._plan.rows():
            groups.setdefault(tuple(folded(get(row)) for get in self._grouped.values()), []).append(row)
        found: list[Row] = [{"rows": rows} for rows in groups.values()]
        wanted = [group for group in found if self._having is None or self._having(group)]
        for get, order in reversed(self._orderings):
            absent = [group for group in wanted if get(group) is None]
            present = [group for group in wanted if get(group) is not None]
            present.sort(key=lambda group, get=get: cast("Any", folded(get(group))), reverse=order.descending)
            wanted = present + absent if order.nulls_last else absent + present
        start = self._query.offset or 0
        stop = None if self._query.limit is None else start + self._query.limit
        chosen = list(islice(wanted, start, stop))
        if len(chosen) > MOST_GROUPS:
            problem = (
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
            )
            raise SalesforceError(400, "EXCEEDED_ID_LIMIT", problem)
        head: Document = {"attributes": {"type": "AggregateResult"}}
        return [head | {name: get(group) for name, get in self._columns} for group in chosen]

    # -- what HAVING and ORDER BY name ------------------------------------------------------------------------------
    def resolve(self, path: Path) -> tuple[tuple[Field, ...], Field]:
        aggregate = _aggregate(path)
        if aggregate is None:
            return super().resolve(path)
        # A count is a number whatever is counted.
        inner = self._argument(aggregate)
        return (), Field(str(path), inner.type if aggregate.function in {"MIN", "MAX"} else "double")

    def getter(self, path: Path) -> Getter:
        aggregate = _aggregate(path)
        if aggregate is not None:
            return self._aggregated(aggregate)
        get = self._grouped.get(self._key(path))
        if get is None:
            raise SalesforceError(400, "MALFORMED_QUERY", f"Field must be grouped or aggregated: {path}")
        found = get
        return lambda group: found(cast("list[Row]", group["rows"])[0])

    # -- the select list --------------------------------------------------------------------------------------------
    def _named(self) -> list[tuple[str, Getter]]:
        unnamed, columns = count(), []
        for item in self._query.items:
            if isinstance(item, Aggregate):
                columns.append((item.alias or f"expr{next(unnamed)}", self._aggregated(item)))
            elif isinstance(item, Path):
                columns.append((super().resolve(item)[1].name, self.getter(item)))
            else:
                raise SalesforceError(400, "MALFORMED_QUERY", "A grouped query selects grouped fields and aggregates")
        return columns

    def _aggregated(self, aggregate: Aggregate) -> Getter:
        function = _FUNCTIONS[aggregate.function]
        field = self._argument(aggregate)
        if aggregate.function in {"SUM", "AVG"} and field.type not in NUMBERS:
            problem = f"field {field.name} does not support aggregate operator {aggregate.function}"
            raise SalesforceError(400, "MALFORMED_QUERY", problem)
        get = super().getter(cast("Path", aggregate.path))
        return lambda group: function(
            [value for row in cast("list[Row]", group["rows"]) if (value := get(row)) is not None]
        )

    def _argument(self, aggregate: Aggregate) -> Field:
        if aggregate.path is None:
            problem = "COUNT() must be the only element in the SELECT list"
            raise SalesforceError(400, "MALFORMED_QUERY", problem)
        return super().resolve(aggregate.path)[1]

    def _check_groupable(self, path: Path) -> None:
        field = super().resolve(path)[1]
        if field.type in _UNGROUPABLE:
            raise SalesforceError(400, "MALFORMED_QUERY", f"field '{path}' can not be grouped in a query call")

    def _key(self, path: Path) -> tuple[str, ...]:
        hops, field = super().resolve(path)
        return (*(hop.name for hop in hops), field.name)


def _no_semi_join(_: Query) -> list[object]:
    raise SalesforceError(400, "MALFORMED_QUERY", "semi-joins are not supported in HAVING")


def _aggregate(path: Path) -> Aggregate | None:
    """The aggregate that a path of HAVING or ORDER BY stands for; see the parser."""
    function, parenthesis, inner = path.names[0].partition("(")
    if not parenthesis:
        return None
    return Aggregate(function, Path(tuple(inner.removesuffix(")").split("."))) if inner != ")" else None)
