"""The select list: from a row to what an answer says of it, as JSON or as CSV cells."""

from collections.abc import Callable
from typing import cast

from sandbox.salesforce.errors import SalesforceError, invalid_relationship
from sandbox.salesforce.org import Org
from sandbox.salesforce.rows import Row
from sandbox.salesforce.schema import Child, Field, SObject
from sandbox.salesforce.soql.paths import Paths, value_getter
from sandbox.salesforce.soql.plan import Plan
from sandbox.salesforce.soql.tree import Aggregate, AllFields, Both, Comparison, Path, Query, Value

Document = dict[str, object]
Writer = Callable[[Row, Document], None]
_FEWEST_PER_FIELDS_QUERY = 200


def attributes(definition: SObject, record_id: object, version: str) -> Document:
    return {
        "type": definition.name,
        "url": f"/services/data/v{version}/sobjects/{definition.name}/{record_id}",
    }


class Selection:
    """Writes rows of one plan as the REST API does."""

    def __init__(self, org: Org, plan: Plan, version: str) -> None:
        """Raises SalesforceError when an item of the select list does not exist."""
        self._org, self._plan, self._version = org, plan, version
        self._definition = plan.table.definition
        items = expanded(plan.query, self._definition)
        self._writers = [self._writer(item) for item in items]
        self.children = tuple(
            self._definition.by_child[item.source.lower()].relationship for item in items if isinstance(item, Query)
        )

    def document(self, row: Row) -> Document:
        body: Document = {"attributes": attributes(self._definition, row["Id"], self._version)}
        for write in self._writers:
            write(row, body)
        return body

    def _writer(self, item: Path | Query) -> Writer:
        if isinstance(item, Query):
            return self._children(item)
        hops, field = self._plan.paths.resolve(item)
        return self._through(hops, field) if hops else _own(field)

    def _through(self, hops: tuple[Field, ...], field: Field) -> Writer:
        parents = [self._plan.paths.parent(hops[: depth + 1]) for depth in range(len(hops))]
        targets = [self._org.table(str(hop.refers_to)).definition for hop in hops]
        value = value_getter(field)

        def write(row: Row, body: Document) -> None:
            above: Row = row
            for hop, parent, target in zip(hops, parents, targets, strict=True):
                name, found = str(hop.relationship), parent(row)
                if found is None:
                    body[name] = None
                    return
                nested = body.setdefault(name, {"attributes": attributes(target, found["Id"], self._version)})
                body, above = cast(Document, nested), found
            body[field.name] = value(above)

        return write

    def _children(self, query: Query) -> Writer:
        child = self._definition.by_child.get(query.source.lower())
        if child is None:
            raise invalid_relationship(query.source, query.source)
        # Bound once against a row that does not exist, so that mistakes are reported even when there are no rows.
        self._child_rows(child, query, None)

        def write(row: Row, body: Document) -> None:
            records = self._child_rows(child, query, row)
            found: Document = {"totalSize": len(records), "done": True, "records": records}
            body[child.relationship] = found if records else None

        return write

    def _child_rows(self, child: Child, query: Query, row: Row | None) -> list[Document]:
        ours = Comparison(Path((child.field,)), "=", Value("string", row["Id"]) if row else Value("null", None))
        where = Both((ours, query.where)) if query.where else ours
        narrowed = Query(query.items, child.sobject, query.alias, where, query.order, query.limit, query.offset)
        plan = Plan(self._org, narrowed, include_deleted=self._plan.includes_deleted)
        selection = Selection(self._org, plan, self._version)
        return [selection.document(found) for _, found in plan.window()] if row else []


def _own(field: Field) -> Writer:
    value, name = value_getter(field), field.name

    def write(row: Row, body: Document) -> None:
        body[name] = value(row)

    return write


def expanded(query: Query, definition: SObject) -> list[Path | Query]:
    """The select list with FIELDS() spelled out. Raises SalesforceError: MALFORMED_QUERY."""
    items: list[Path | Query] = []
    for item in query.items:
        if isinstance(item, Aggregate):
            raise SalesforceError(400, "MALFORMED_QUERY", "Only aggregate expressions use field aliasing")
        if isinstance(item, AllFields):
            if query.limit is None or query.limit > _FEWEST_PER_FIELDS_QUERY:
                problem = "The SOQL FIELDS function must have a LIMIT of at most 200"
                raise SalesforceError(400, "MALFORMED_QUERY", problem)
            items += [Path((f.name,)) for f in definition.fields if item.which == "ALL" or _is_in(item.which, f)]
        else:
            items.append(item)
    _refuse_duplicates(items, query, definition)
    return items


def _refuse_duplicates(items: list[Path | Query], query: Query, definition: SObject) -> None:
    """Source: SOQL reference, "FIELDS()": `SELECT Id, FIELDS(ALL) ...` is refused with INVALID_FIELD."""
    own, seen = {definition.name.lower(), (query.alias or definition.name).lower()}, set()
    for item in items:
        if isinstance(item, Query):
            continue
        names = tuple(name.lower() for name in item.names)
        key = names[1:] if len(names) > 1 and names[0] in own else names
        if key in seen:
            raise SalesforceError(400, "INVALID_FIELD", f"duplicate field selected: {item}")
        seen.add(key)


def _is_in(which: str, field: Field) -> bool:
    return field.is_custom == (which == "CUSTOM")


def csv_columns(plan: Plan, paths: Paths) -> tuple[list[str], list[Callable[[Row], str]]]:
    """Header names, canonically cased, and for each a function from a row to its cell's text, unquoted.

    Raises:
        SalesforceError: something the Bulk API does not select.
    """
    names, cells = [], []
    for item in expanded(plan.query, plan.table.definition):
        if isinstance(item, Query):
            raise SalesforceError(400, "API_ERROR", "Implementation restriction: no child subqueries in Bulk Query")
        hops, field = paths.resolve(item)
        if field.type == "address":
            raise SalesforceError(400, "API_ERROR", "Selecting compound data not supported in Bulk Query")
        names.append(".".join([*(str(hop.relationship) for hop in hops), field.name]))
        cells.append(_cell(paths.getter(item), field))
    return names, cells


def _cell(get: Callable[[Row], object], field: Field) -> Callable[[Row], str]:
    if field.type == "boolean":
        return lambda row: {True: "true", False: "false"}.get(get(row), "")  # type: ignore[call-overload]
    if field.type == "datetime":
        return lambda row: str(value)[:-5] + "Z" if (value := get(row)) else ""
    return lambda row: "" if (value := get(row)) is None else str(value)
