"""What happens in the org, as events: each change of a record, and what the org's own flows publish."""

from collections import deque
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sandbox.salesforce.org import Org
from sandbox.salesforce.pubsub.bus import Channel, Event
from sandbox.salesforce.pubsub.schemas import (
    CHANGE_TYPES,
    FIELD_TYPES,
    PLATFORM_EVENTS,
    PROVISION_REQUESTED,
    Schema,
    bitmap,
    body,
    change_schema,
    decoded,
    encoded,
    platform_schema,
    schema_id,
)
from sandbox.salesforce.rows import USER_ID
from sandbox.state import Change, State

ENTITIES = ("Account", "Contact", "Order", "OrderItem", "Case", "Product2", "PricebookEntry")
EVERYTHING = "/data/ChangeEvents"
PROVISION_TOPIC = f"/event/{PROVISION_REQUESTED}"
FAULTS = ("drop", "double", "reorder", "poison")
"""Lost, sent twice, held back until the next one was sent, and sent in bytes that no schema decodes."""
_SYSTEM = "salesforce"
_LARGEST = 1 << 20  # bytes of an event (Pub/Sub API and Event Allocations)


class Publisher:
    """Watches the overlay and publishes. Everything here runs in the thread that makes the change's loop."""

    def __init__(self, org: Org, state: State) -> None:
        self._org, self._state = org, state
        self.channels: dict[str, Channel] = {}
        self.schemas: dict[str, Schema] = {}
        self.start_anew()
        state.overlay.observers.append(self._changed)

    def start_anew(self) -> None:
        """As at the start: nothing was ever published."""
        topics = [EVERYTHING, *(f"/data/{entity}ChangeEvent" for entity in ENTITIES), PROVISION_TOPIC]
        kept = self.channels
        self.channels = {topic: Channel(self._state.clock) for topic in topics}
        for topic in self.channels.keys() & kept.keys():
            self.channels[topic].waiters = kept[topic].waiters
            self.channels[topic].last = kept[topic].last
        for topic in kept.keys() - self.channels.keys():  # whoever listens there hears that it is gone
            for waiter in kept[topic].waiters:
                waiter.set()
        self.faults: deque[str] = deque()
        self.event_types = dict(PLATFORM_EVENTS)
        self.extra_field = ""
        self._resets = self._state.resets
        self._known: dict[tuple[str, str], Change] = {}
        self._held: list[tuple[str, str, bytes, str]] = []
        self._commits = 0

    def schema_of(self, entity: str) -> tuple[str, Schema]:
        schema = change_schema(self._org.table(entity).definition, self.extra_field)
        name = schema_id(schema)
        self.schemas[name] = schema
        return name, schema

    def platform_schema_of(self, name: str) -> tuple[str, Schema] | None:
        fields = self.event_types.get(name)
        if fields is None:
            return None
        schema = platform_schema(name, fields)
        self.schemas[schema_id(schema)] = schema
        return schema_id(schema), schema

    def _changed(self, system: str, kind: str, record_id: str, change: Change) -> None:
        if system != _SYSTEM or kind not in ENTITIES or self._state.loop is None:
            return
        # Changes may be made by a test's own thread; the bus belongs to the server's loop.
        self._state.loop.call_soon_threadsafe(self._publish_change, kind, record_id, change)

    def _publish_change(self, kind: str, record_id: str, change: Change) -> None:
        self._follow_resets()
        earlier = self._known.get((kind, record_id))
        self._known[kind, record_id] = change
        row = self._org.table(kind).get(record_id) or {}
        was = self._row_before(kind, record_id, earlier)
        change_type = _type_of(was, change, was_deleted=earlier is not None and earlier.deleted)
        changed = frozenset(name for name in change.fields if was is None or was.get(name) != change.fields[name])
        if change_type == "UPDATE" and not changed and was is not None:
            changed = frozenset({"LastModifiedDate"})
        self.publish_change(kind, change_type, [record_id], row, changed | {"LastModifiedDate"})
        if kind == "Order":
            self._flow(record_id, row, was)

    def _follow_resets(self) -> None:
        if self._resets != self._state.resets:
            self.start_anew()

    def _row_before(self, kind: str, record_id: str, earlier: Change | None) -> Mapping[str, Any] | None:
        base = self._org.table(kind).base
        number = base.number(record_id)
        if number is None:
            return None if earlier is None else earlier.fields
        return base.row(number) | (earlier.fields if earlier else {})

    def publish_change(
        self, kind: str, change_type: str, ids: list[str], row: Mapping[str, Any], changed: frozenset[str]
    ) -> None:
        """One change event, on its object's channel and on the one of all changes."""
        if change_type not in CHANGE_TYPES:
            raise ValueError(f"changeType is none of {', '.join(CHANGE_TYPES)}")
        definition = self._org.table(kind).definition
        name, schema = self.schema_of(kind)
        self._commits += 1
        is_update = change_type == "UPDATE"
        header = {
            "entityName": kind,
            "recordIds": ids,
            "changeType": change_type,
            "changeOrigin": "com/salesforce/api/rest/62.0;client=sandbox",
            "transactionKey": str(uuid4()),
            "sequenceNumber": 1,
            "commitTimestamp": int(self._state.clock.now().timestamp() * 1000),
            "commitNumber": 10_000_000_000 + self._commits,
            "commitUser": USER_ID,
            "nulledFields": bitmap(schema, definition, _nulled(row, changed)) if is_update else [],
            "diffFields": [],
            "changedFields": bitmap(schema, definition, changed) if is_update else [],
        }
        record: dict[str, Any] = {"ChangeEventHeader": header}
        if change_type in {"CREATE", "UNDELETE", "UPDATE"}:
            record |= body(definition, row, changed if is_update else None)
        payload = encoded(schema, record)
        summary = f"{change_type} {kind} {','.join(ids)}"
        self._put(f"/data/{kind}ChangeEvent", name, payload, summary)

    def publish_platform_event(self, name: str, fields: Mapping[str, Any]) -> None:
        known = self.platform_schema_of(name)
        if known is None:
            raise ValueError(f"no platform event is called {name}")
        created = {"CreatedDate": int(self._state.clock.now().timestamp() * 1000), "CreatedById": USER_ID}
        blank = {field["name"]: None for field in known[1]["fields"]}
        self._put(
            f"/event/{name}", known[0], encoded(known[1], blank | dict(fields) | created), f"{name} {dict(fields)}"
        )

    def define_event(self, name: str, fields: Mapping[str, str]) -> None:
        """A platform event more, as an administrator defines one; `fields`: their Avro types by name."""
        if not name.endswith("__e") or not set(fields.values()) <= FIELD_TYPES:
            raise ValueError(f"an event's name ends with __e, its fields are {', '.join(sorted(FIELD_TYPES))}")
        self._follow_resets()
        self.event_types[name] = dict(fields)
        self.channels.setdefault(f"/event/{name}", Channel(self._state.clock))

    def publish_encoded(self, topic: str, schema: str, payload: bytes) -> Event:
        """What a client publishes: an event of this topic's type, written with a schema of it that is known.

        Raises:
            ValueError: the schema is none of the topic's, or the payload is not written with it, or it is too large.
        """
        name = topic.removeprefix("/event/")
        self._follow_resets()
        self.platform_schema_of(name)
        known = self.schemas.get(schema)
        if known is None or known["name"] != name:
            raise ValueError("The schema ID is not one of this topic's.")
        if len(payload) > _LARGEST:
            raise ValueError("The event is larger than 1 MB.")
        record = decoded(known, payload)
        if record is None:
            raise ValueError("The payload does not fit the schema.")
        return self.channels[topic].publish(schema, payload, f"{name} {record}")

    def _put(self, topic: str, schema: str, payload: bytes, summary: str) -> None:
        fault = self.faults.popleft() if self.faults else None
        sent = (topic, schema, payload, summary)
        if fault == "drop":
            return
        if fault == "reorder":
            self._held.append(sent)
            return
        if fault == "poison":
            sent = (topic, schema, b"\xff" * len(payload), f"{summary} (poisoned)")
        for each in (sent, sent) if fault == "double" else (sent, *self._take_held()):
            self._deliver(*each)

    def _take_held(self) -> list[tuple[str, str, bytes, str]]:
        held, self._held = self._held, []
        return held

    def _deliver(self, topic: str, schema: str, payload: bytes, summary: str) -> None:
        self.channels[topic].publish(schema, payload, summary)
        if topic.startswith("/data/"):
            self.channels[EVERYTHING].publish(schema, payload, summary)

    def _flow(self, order_id: str, row: Mapping[str, Any], was: Mapping[str, Any] | None) -> None:
        """The org's own flow: an approved order is activating, and asks to be provisioned (portal-domain.md, 6.4)."""
        approved = self._state.quirks.get("salesforce.approved_status", "Approved")
        if row.get("Status") != approved or (was or {}).get("Status") == approved:
            return
        self._state.overlay.put(_SYSTEM, "Order", order_id, {"Activation_Status__c": "Activating"})
        fields = {
            "OrderId__c": order_id,
            "IdemKey__c": f"{order_id}:{uuid4().hex[:12]}",
            "CorrelationId__c": str(uuid4()),
            "RequestedBy__c": USER_ID,
            "Version__c": 1.0,
        }
        self.publish_platform_event(PROVISION_REQUESTED, fields)


def _type_of(was: Mapping[str, Any] | None, change: Change, *, was_deleted: bool) -> str:
    if change.deleted:
        return "DELETE"
    if was_deleted:
        return "UNDELETE"
    return "CREATE" if was is None else "UPDATE"


def _nulled(row: Mapping[str, Any], changed: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in changed if row.get(name) is None)
