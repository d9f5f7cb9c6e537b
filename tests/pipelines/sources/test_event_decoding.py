"""Payloads of events: Avro by the schema they were written with, bitmaps as names of fields."""

from io import BytesIO
from pathlib import Path

import fastavro
import pytest
from grpc_tools import protoc

from pipelines.sources.salesforce import pubsub
from pipelines.sources.salesforce.pubsub.decoding import decoded, field_names

STRING = ["null", "string"]
ADDRESS = {
    "type": "record",
    "name": "Address",
    "fields": [{"name": "Street", "type": STRING}, {"name": "City", "type": STRING}],
}
NAMES = ("ChangeEventHeader", "Name", "Type", "ParentId", "BillingAddress", "ShippingAddress", "Phone", "Fax")
SCHEMA = {
    "type": "record",
    "name": "AccountChangeEvent",
    "fields": [{"name": name, "type": ["null", ADDRESS if name == "BillingAddress" else "string"]} for name in NAMES],
}


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
    schema = {"type": "record", "name": "Order__e", "fields": [{"name": "OrderId__c", "type": STRING}]}
    out = BytesIO()
    fastavro.schemaless_writer(out, schema, {"OrderId__c": "801"})

    event = decoded(out.getvalue(), schema)

    assert (event.header, event.fields) == (None, {"OrderId__c": "801"})


def test_the_generated_code_is_what_the_proto_says(tmp_path):
    folder = Path(pubsub.__file__).parent
    root = folder.parents[3]
    proto = str((folder / "pubsub_api.proto").relative_to(root))

    assert protoc.main(["protoc", f"-I{root}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", proto]) == 0

    for name in ("pubsub_api_pb2.py", "pubsub_api_pb2.pyi"):
        generated = tmp_path / Path(proto).parent / name
        assert generated.read_text() == (folder / name).read_text()
