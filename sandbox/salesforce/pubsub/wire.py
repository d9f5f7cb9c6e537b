"""The messages of the Pub/Sub API (salesforce.md, section 5.1), built from a table into a pool of their own.

A pool of their own, because a hub under test declares the same names in the same process.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "eventbus.v1"
SERVICE = f"{PACKAGE}.PubSub"
LATEST, EARLIEST, CUSTOM = range(3)
PUBLISH_ERROR = 1  # of ErrorCode

_MESSAGES = {
    "TopicInfo": "topic_name:string tenant_guid:string can_publish:bool can_subscribe:bool schema_id:string"
    " rpc_id:string",
    "TopicRequest": "topic_name:string",
    "EventHeader": "key:string value:bytes",
    "ProducerEvent": "id:string schema_id:string payload:bytes headers:*EventHeader",
    "ConsumerEvent": "event:ProducerEvent replay_id:bytes",
    "Error": "code:ErrorCode msg:string",
    "PublishResult": "replay_id:bytes error:Error correlation_key:string",
    "FetchRequest": "topic_name:string replay_preset:ReplayPreset replay_id:bytes num_requested:int32"
    " auth_refresh:string",
    "FetchResponse": "events:*ConsumerEvent latest_replay_id:bytes rpc_id:string pending_num_requested:int32",
    "SchemaRequest": "schema_id:string",
    "SchemaInfo": "schema_json:string schema_id:string rpc_id:string",
    "PublishRequest": "topic_name:string events:*ProducerEvent auth_refresh:string",
    "PublishResponse": "results:*PublishResult schema_id:string rpc_id:string",
}
_ENUMS = {"ErrorCode": ("UNKNOWN", "PUBLISH", "COMMIT"), "ReplayPreset": ("LATEST", "EARLIEST", "CUSTOM")}
_F = descriptor_pb2.FieldDescriptorProto
_SCALARS = {"string": _F.TYPE_STRING, "bool": _F.TYPE_BOOL, "bytes": _F.TYPE_BYTES, "int32": _F.TYPE_INT32}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="sandbox_pubsub.proto", package=PACKAGE, syntax="proto3")
    for name, values in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, text in enumerate(fields.split(), 1):
            field, _, kind = text.partition(":")
            repeated = kind.startswith("*")
            kind = kind.removeprefix("*")
            added = message.field.add(
                name=field, number=number, label=_F.LABEL_REPEATED if repeated else _F.LABEL_OPTIONAL
            )
            if kind in _SCALARS:
                added.type = _SCALARS[kind]
            else:
                added.type = _F.TYPE_ENUM if kind in _ENUMS else _F.TYPE_MESSAGE
                added.type_name = f".{PACKAGE}.{kind}"
    return file


def _classes() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())  # type: ignore[no-untyped-call]
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))  # type: ignore[no-untyped-call]
        for name in _MESSAGES
    }


Message = _classes()
"""The classes of the messages, by name."""
