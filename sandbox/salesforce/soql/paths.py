"""From a row to the value at the end of a path, through parent rows."""

from collections.abc import Callable

from sandbox.salesforce.org import Org, hops_of
from sandbox.salesforce.rows import Row
from sandbox.salesforce.schema import Field, SObject
from sandbox.salesforce.soql.tree import Path
from sandbox.salesforce.table import Table

Getter = Callable[[Row], object]
RowGetter = Callable[[Row], Row | None]

_ADDRESS_PARTS = ("city", "country", "postalCode", "state", "street")
_NOWHERE = {"geocodeAccuracy": None, "latitude": None, "longitude": None}


class Paths:
    """Resolves the paths of one query; fields reached through the same parent share its row."""

    def __init__(self, org: Org, definition: SObject, alias: str | None = None) -> None:
        self._org, self._definition, self._alias = org, definition, alias
        self._parents: dict[tuple[str, ...], RowGetter] = {}

    def resolve(self, path: Path) -> tuple[tuple[Field, ...], Field]:
        """The reference fields on the way and the field at the end. Raises SalesforceError: INVALID_FIELD."""
        return hops_of(self._org, self._definition, path.names, self._alias)

    def getter(self, path: Path) -> Getter:
        """Raises SalesforceError: INVALID_FIELD."""
        hops, field = self.resolve(path)
        value = value_getter(field)
        if not hops:
            return value
        parent = self.parent(hops)

        def through_parent(row: Row) -> object:
            above = parent(row)
            return None if above is None else value(above)

        return through_parent

    def parent(self, hops: tuple[Field, ...]) -> RowGetter:
        """The row reached by climbing the given reference fields."""
        key = tuple(hop.name for hop in hops)
        if key not in self._parents:
            above = self.parent(hops[:-1]) if hops[:-1] else None
            self._parents[key] = _climb(hops[-1].name, self._org.table(str(hops[-1].refers_to)), above)
        return self._parents[key]


def _climb(reference: str, table: Table, above: RowGetter | None) -> RowGetter:
    # Rows that follow each other often share a parent; one remembered row saves most look-ups.
    last: list[tuple[object, Row | None]] = [(None, None)]

    def parent(row: Row) -> Row | None:
        start = above(row) if above else row
        record_id = start.get(reference) if start else None
        if record_id is None:
            return None
        if last[0][0] != record_id:
            last[0] = (record_id, table.get(str(record_id)))
        return last[0][1]

    return parent


def value_getter(field: Field) -> Getter:
    """The field's value in a row; a compound address is put together from its parts."""
    if field.type != "address":
        name = field.name
        return lambda row: row.get(name)
    prefix = field.name.removesuffix("Address")

    def address(row: Row) -> object:
        parts = {part: row.get(prefix + part[0].upper() + part[1:]) for part in _ADDRESS_PARTS}
        return parts | _NOWHERE if any(parts.values()) else None

    return address
