"""Payloads of events: Avro by the schema they were written with, bitmaps as names of fields."""

import json
from io import BytesIO
from pathlib import Path

import fastavro
import pytest
from grpc_tools import protoc

from core.settings import EventSettings
from core.storable import storable_dump
from pipelines.events.listener import entity_of, rows_of
from pipelines.sources.salesforce import pubsub
from pipelines.sources.salesforce.pubsub.bus import Event
from pipelines.sources.salesforce.pubsub.decoding import Decoded, EventSchema, decoded, field_names

STRING = ["null", "string"]
ADDRESS = {
    "type": "record",
    "name": "Address",
    "fields": [{"name": "Street", "type": STRING}, {"name": "City", "type": STRING}],
}
NAMES = ("ChangeEventHeader", "Name", "Type", "ParentId", "BillingAddress", "ShippingAddress", "Phone", "Fax")
SCHEMA = EventSchema.of(
    {
        "type": "record",
        "name": "AccountChangeEvent",
        "fields": [
            {"name": name, "type": ["null", ADDRESS if name == "BillingAddress" else "string"]} for name in NAMES
        ],
    }
)


@pytest.mark.parametrize(
    ("bitmaps", "names"),
    [
        ([], []),
        (["0x02"], ["Name"]),
        (["0x42"], ["Name", "Phone"]),
        (["0x0082"], ["Name", "Fax"]),
        (["0xC0"], ["Phone", "Fax"]),
        (["0x40", "4-0x01"], ["Phone", "BillingAddress.Street"]),
        (["4-0x03"], ["BillingAddress.Street", "BillingAddress.City"]),
        (["0x10"], ["BillingAddress"]),
    ],
)
def test_bit_i_is_field_i_of_the_schema(bitmaps, names):
    assert field_names(bitmaps, SCHEMA) == names


@pytest.mark.parametrize("bitmap", ["42", "0xZZ", "0x10000", "1-0x01", "4-0x10", "99-0x01"])
def test_a_bitmap_that_means_nothing_is_refused(bitmap):
    with pytest.raises(ValueError, match=r"bitmap|invalid literal"):
        field_names([bitmap], SCHEMA)


@pytest.mark.parametrize("payload", [b"", b"\x02", b"\xff" * 40])
def test_a_payload_of_another_form_is_refused(payload):
    with pytest.raises(ValueError, match="not a record"):
        decoded(payload, SCHEMA)


def test_a_platform_event_has_no_header():
    schema: dict[str, object] = {
        "type": "record",
        "name": "Order__e",
        "fields": [{"name": "OrderId__c", "type": STRING}],
    }
    out = BytesIO()
    fastavro.schemaless_writer(out, schema, {"OrderId__c": "801"})

    read = decoded(out.getvalue(), EventSchema.of(schema))

    assert (read.header, read.fields) == (None, {"OrderId__c": "801"})


def test_the_generated_code_is_what_the_proto_says(tmp_path):
    folder = Path(pubsub.__file__).parent
    root = folder.parents[3]
    proto = str((folder / "pubsub_api.proto").relative_to(root))

    assert protoc.main(["protoc", f"-I{root}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", proto]) == 0

    for name in ("pubsub_api_pb2.py", "pubsub_api_pb2.pyi"):
        generated = tmp_path / Path(proto).parent / name
        assert generated.read_text() == (folder / name).read_text()


def test_a_type_that_is_only_named_is_the_type_of_that_name():
    fields = [
        {"name": "ChangeEventHeader", "type": "string"},
        {"name": "BillingAddress", "type": ["null", ADDRESS]},
        {"name": "ShippingAddress", "type": ["null", "Address"]},
    ]

    schema = EventSchema.of({"type": "record", "name": "AccountChangeEvent", "fields": fields})

    assert field_names(["2-0x02"], schema) == ["ShippingAddress.City"]


HEADER = {"entityName": "Account", "changeType": "UPDATE", "recordIds": []}


def event(fields: dict[str, object], header: dict[str, object] | None = None) -> Event:
    return Event("e", b"\x01", Decoded(fields, header))


def test_a_change_of_no_named_record_is_a_gap_of_the_object():
    (row,) = rows_of("/data/AccountChangeEvent", event({}, HEADER), "OrderId__c")

    assert (row["kind"], row["entity"], row["record_id"]) == ("gap", "Account", None)


def test_what_the_database_cannot_hold_does_not_hold_up_the_channel():
    fields = {"OrderId__c": "801", "Note__c": "a\0b", "Score__c": float("nan"), "CreatedDate": 1}

    (row,) = rows_of("/event/OrderProvisionRequested__e", event(fields), "OrderId__c")

    stored = json.loads(storable_dump(row))["payload"]
    assert (stored["Note__c"], stored["Score__c"]) == ("ab", "NaN")


@pytest.mark.parametrize("name", ["Account", "Thing__c"])
def test_a_channel_is_named_for_its_object_and_the_object_for_its_channel(name):
    topic = EventSettings(entities=(name,), platform=()).topics[0]

    assert topic == {"Account": "/data/AccountChangeEvent", "Thing__c": "/data/Thing__ChangeEvent"}[name]
    assert entity_of(topic) == name


CHANGE = {
    "entityName": "Account", "changeType": "UPDATE", "changedFields": ["Phone"], "nulledFields": [], "changeOrigin": "",
    "transactionKey": "t", "sequenceNumber": 1, "commitNumber": 7, "commitTimestamp": 1_764_547_200_000,
}  # fmt: skip
ACCOUNTS = ["0015i0000000000AAA", "0015i0000000001AAA"]


def test_a_change_of_several_records_is_stored_for_each_under_an_id_of_its_own():
    """V: Change Data Capture, "Merged Change Events": one event for records changed alike in one transaction."""
    rows = list(rows_of("/data/AccountChangeEvent", event({"Phone": "03-1"}, CHANGE | {"recordIds": ACCOUNTS}), ""))

    assert [(row["kind"], row["entity"], row["record_id"], row["event_id"]) for row in rows] == [
        ("record", "Account", ACCOUNTS[0], "/data/AccountChangeEvent/01/0"),
        ("record", "Account", ACCOUNTS[1], "/data/AccountChangeEvent/01/1"),
    ]
    assert {row["occurred_at"] for row in rows} == {1_764_547_200_000}
    assert "03-1" not in str(rows)


@pytest.mark.parametrize(
    ("kind", "ids"),
    [("GAP_OVERFLOW", ["000000000000000AAA"]), ("UPDATE", ["001*"]), ("DELETE", [ACCOUNTS[0], "001*"])],
    ids=["too many at once", "all of a kind", "some named"],
)
def test_ids_that_stand_for_many_records_are_a_gap_of_the_object(kind, ids):
    """V: Change Data Capture, "Overflow Events" and "Change Event Fields" (`recordIds` may hold a wildcard)."""
    rows = rows_of("/data/AccountChangeEvent", event({}, CHANGE | {"changeType": kind, "recordIds": ids}), "")

    assert [(row["kind"], row["entity"], row["record_id"]) for row in rows] == [("gap", "Account", None)]


def test_an_event_that_cannot_be_read_is_a_gap_of_its_channels_object():
    (row,) = rows_of("/data/OrderItemChangeEvent", Event("e", b"\x01", None), "")

    assert (row["kind"], row["entity"], row["record_id"]) == ("gap", "OrderItem", None)


def test_of_a_platform_event_the_record_it_names_is_kept_and_who_made_it_is_not():
    fields = {"OrderId__c": "801", "IdemKey__c": "801:1", "CreatedById": "005", "CreatedDate": 1_764_547_200_000}

    (row,) = rows_of("/event/OrderProvisionRequested__e", event(fields), "OrderId__c")

    assert (row["kind"], row["entity"], row["record_id"]) == ("event", "OrderProvisionRequested__e", "801")
    assert (row["occurred_at"], "005" in str(row["payload"])) == (1_764_547_200_000, False)
    assert row["payload"]["IdemKey__c"] == "801:1"
