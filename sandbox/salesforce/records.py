"""Records one at a time: read, create, change, upsert, delete."""

from typing import NamedTuple

from sandbox.salesforce import derived, orders
from sandbox.salesforce.errors import (
    SalesforceError,
    entity_is_deleted,
    malformed_id,
    not_found,
)
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.org import Org, field_of
from sandbox.salesforce.rows import Row
from sandbox.salesforce.soql.plan import Plan
from sandbox.salesforce.soql.selection import Document, Selection, attributes
from sandbox.salesforce.soql.tree import Comparison, Path, Query, Value
from sandbox.salesforce.table import MARKER, SYSTEM, Table
from sandbox.salesforce.validation import accepted
from sandbox.world import salesforce_id


class Upserted(NamedTuple):
    record_id: str
    created: bool


class Records:
    """The org's records, written through the overlay. Every method raises SalesforceError."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def read(self, kind: str, record_id: str, fields: list[str] | None, version: str) -> Document:
        """The record, all of its fields when none are named."""
        table = self._org.table(kind)
        row = self._present(table, record_id)
        if fields is None:
            body: Document = {"attributes": attributes(table.definition, row["Id"], version)}
            shown = (
                f for f in table.definition.fields if f.type != "address" and not self._org.hides(table.definition, f)
            )
            return body | {f.name: row.get(f.name) for f in shown}
        paths = tuple(Path(tuple(name.strip().split("."))) for name in fields if name.strip())
        plan = Plan(self._org, Query(paths, table.definition.name), include_deleted=False)
        return Selection(self._org, plan, version).document(row)

    def create(self, kind: str, body: object) -> str:
        """The id of the new record."""
        table = self._org.table(kind)
        number = table.next_number()
        stored = accepted(self._org, table.definition, body, creating=True)
        self._check_unique(table, stored, None)
        row = derived.on_create(self._org, table.definition, stored, number)
        record_id = salesforce_id(table.definition.name, number)
        self._write(table, record_id, row)
        marker = stored.get(MARKER)
        self._org.state.ledger.add(SYSTEM, table.definition.name.lower(), record_id, str(marker) if marker else None)
        return record_id

    def change(self, kind: str, record_id: str, body: object) -> None:
        table = self._org.table(kind)
        row = self._present(table, record_id)
        stored = accepted(self._org, table.definition, body, creating=False)
        self._check_unique(table, stored, str(row["Id"]))
        if table.definition.name == "Order":
            orders.check_change(self._org, row, stored)
        self._write(table, str(row["Id"]), stored | derived.computed(self._org, table.definition, row | stored))
        kind_of_effect = f"{table.definition.name.lower()}_update"
        self._org.state.ledger.add(SYSTEM, kind_of_effect, row["Id"], None, fields=sorted(stored))

    def delete(self, kind: str, record_id: str) -> None:
        table = self._org.table(kind)
        row = self._present(table, record_id)
        if table.definition.name == "Order":
            orders.check_delete(row)
            for item in self._org.table("OrderItem").referring("OrderId", str(row["Id"])):
                self._org.state.overlay.put(SYSTEM, "OrderItem", str(item["Id"]), {}, deleted=True)
        if table.definition.name == "OrderItem":
            orders.check_delete_item(self._org.table("Order").get(str(row["OrderId"])) or {})
            # An item that is deleted by itself skips the recycle bin (salesforce.md, section 2.6).
            self._org.state.overlay.purge(SYSTEM, "OrderItem", str(row["Id"]))
            derived.roll_up(self._org, row["OrderId"])
            return
        self._org.state.overlay.put(SYSTEM, table.definition.name, str(row["Id"]), {}, deleted=True)

    def by_key(self, kind: str, field: str, value: str) -> list[str]:
        """Ids of the records whose external-id field holds the value."""
        table = self._org.table(kind)
        found = table.definition.by_name.get(field.lower())
        if found is None or not (found.external_id or found.type == "id"):
            raise not_found(f"Provided external ID field does not exist or is not accessible: {field}")
        where = Comparison(Path((found.name,)), "=", Value("string", value))
        query = Query((Path(("Id",)),), table.definition.name, where=where)
        return [str(row["Id"]) for _, row in Plan(self._org, query, include_deleted=False).rows()]

    def one_by_key(self, kind: str, field: str, value: str) -> str:
        found = self.by_key(kind, field, value)
        if not found:
            raise not_found()
        if len(found) > 1:
            raise SalesforceError(300, "MULTIPLE_CHOICES", ",".join(found))
        return found[0]

    def upsert(self, kind: str, field: str, value: str, body: object, *, update_only: bool = False) -> Upserted:
        if isinstance(body, dict) and {"id", field.lower()} & {str(name).lower() for name in body}:
            problem = f"The {field} field should not be specified in the sobject data."
            raise SalesforceError(400, "INVALID_FIELD", problem, (field,))
        if update_only or self.by_key(kind, field, value):
            record_id = self.one_by_key(kind, field, value)
            self.change(kind, record_id, body)
            return Upserted(record_id, created=False)
        name = field_of(self._org.table(kind).definition, field).name
        return Upserted(self.create(kind, {**(body if isinstance(body, dict) else {}), name: value}), created=True)

    def _present(self, table: Table, text: str) -> Row:
        record_id = full_id(text)
        if record_id is None:
            raise malformed_id(text)
        row = table.get(record_id)
        if row is None:
            raise not_found()
        if row["IsDeleted"]:
            raise entity_is_deleted()
        return row

    def _write(self, table: Table, record_id: str, row: Row) -> None:
        self._org.state.overlay.put(SYSTEM, table.definition.name, record_id, row)
        if table.definition.name == "OrderItem":
            written = table.get(record_id) or {}
            derived.roll_up(self._org, written["OrderId"])

    def _check_unique(self, table: Table, stored: Row, own_id: str | None) -> None:
        for field in table.definition.fields:
            value = stored.get(field.name)
            if not field.external_id or value is None:
                continue
            others = [found for found in self.by_key(table.definition.name, field.name, str(value)) if found != own_id]
            if others:
                problem = f"duplicate value found: {field.name} duplicates value on record with id: {others[0]}"
                raise SalesforceError(400, "DUPLICATE_VALUE", problem)
