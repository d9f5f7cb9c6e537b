"""The Pub/Sub API over real sockets, answering from a script: positions, credit, schemas, sessions and refusals."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import fastavro
import grpc
import pytest

from core.errors import CredentialsError, QuotaError, RejectedError, SourceError, UnavailableError
from core.settings import EventSettings
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.salesforce.pubsub.bus import Batch, EventBus, ReplayRejectedError
from pipelines.sources.salesforce.pubsub.pubsub_api_pb2 import (
    CUSTOM,
    LATEST,
    ConsumerEvent,
    FetchRequest,
    FetchResponse,
    ProducerEvent,
    SchemaInfo,
    SchemaRequest,
)

TOPIC = "/event/Happened__e"
SCHEMA: dict[str, Any] = {"type": "record", "name": "Happened__e", "fields": [{"name": "Id__c", "type": "string"}]}
CODES = "sfdc.platform.eventbus.grpc."


class PubSub:
    """`follow` answers a subscription: given its requests, its context and which subscription it is, from 1 on."""

    def __init__(self) -> None:
        self.follow: Callable[[Iterator[Any], Any, int], Iterator[Any]] = lambda *_: iter(())
        self.schema_fault: tuple[grpc.StatusCode, str] | None = None
        self.tokens: list[str] = []
        self._server = grpc.server(ThreadPoolExecutor(4))
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        subscribe = grpc.stream_stream_rpc_method_handler(
            self._subscribe, FetchRequest.FromString, FetchResponse.SerializeToString
        )
        schema = grpc.unary_unary_rpc_method_handler(
            self._schema, SchemaRequest.FromString, SchemaInfo.SerializeToString
        )
        methods = {"Subscribe": subscribe, "GetSchema": schema}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("eventbus.v1.PubSub", methods),))
        self._server.start()

    def _subscribe(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        self.tokens.append(dict(context.invocation_metadata())["accesstoken"])
        yield from self.follow(requests, context, len(self.tokens))

    def _schema(self, _: Any, context: Any) -> Any:
        if self.schema_fault:
            fail(context, *self.schema_fault)
        return SchemaInfo(schema_json=json.dumps(SCHEMA), schema_id="1")

    def stop(self) -> None:
        self._server.stop(None).wait()


def fail(context: Any, status: grpc.StatusCode, code: str) -> None:
    context.set_trailing_metadata((("error-code", CODES + code),) if code else ())
    context.abort(status, "no")


def event(number: int) -> Any:
    payload = BytesIO()
    fastavro.schemaless_writer(payload, SCHEMA, {"Id__c": str(number)})
    sent = ProducerEvent(id=str(number), schema_id="1", payload=payload.getvalue())
    return ConsumerEvent(event=sent, replay_id=bytes([number]))


def response(*numbers: int, latest: int = 99) -> Any:
    """What is sent of the channel: these events, while it has others up to `latest`."""
    return FetchResponse(events=[event(number) for number in numbers], latest_replay_id=bytes([latest]))


@pytest.fixture
def pubsub() -> Iterator[PubSub]:
    server = PubSub()
    yield server
    server.stop()


@pytest.fixture
def bus(pubsub: PubSub, client: SalesforceClient, org: Any, json_reply: Any) -> Iterator[EventBus]:
    org(json_reply({"organization_id": "00D000000000001AAA"}))
    bus = EventBus(EventSettings(target=pubsub.target, insecure=True, credits=5), client)
    yield bus
    bus.close()


def batches(bus: EventBus, after: bytes | None = None) -> list[Batch]:
    return list(bus.batches(TOPIC, after, threading.Event()))


@pytest.mark.parametrize(
    ("after", "expected"), [(None, (LATEST, b"", 5)), (b"\x07", (CUSTOM, b"\x07", 5))], ids=["from now on", "after it"]
)
def test_a_channel_is_followed_from_where_it_was_left(
    pubsub: PubSub, bus: EventBus, after: bytes | None, expected: tuple[int, bytes, int]
) -> None:
    requested: list[Any] = []

    def follow(requests: Iterator[Any], *_: Any) -> Iterator[Any]:
        requested.append(next(requests))
        yield response()

    pubsub.follow = follow

    batches(bus, after)

    assert [(each.replay_preset, each.replay_id, each.num_requested) for each in requested] == [expected]


def test_the_position_after_events_is_that_of_the_last_one_handed_over_not_of_the_last_one_there_is(
    pubsub: PubSub, bus: EventBus
) -> None:
    pubsub.follow = lambda *_: iter([response(1, 2, latest=40), response(latest=40)])

    first, keep_alive = batches(bus)

    assert [event.decoded and event.decoded.fields for event in first.events] == [{"Id__c": "1"}, {"Id__c": "2"}]
    assert (first.latest_replay_id, keep_alive.latest_replay_id) == (bytes([2]), bytes([40]))


def test_as_many_events_are_requested_again_as_were_stored(pubsub: PubSub, bus: EventBus) -> None:
    """V: Pub/Sub API, "Pull Subscription and Flow Control"; a request for none ends the subscription."""
    requested: list[int] = []

    def follow(requests: Iterator[Any], *_: Any) -> Iterator[Any]:
        requested.append(next(requests).num_requested)
        yield response(1, 2, 3)
        requested.append(next(requests).num_requested)
        yield response()
        yield response(4)
        requested.append(next(requests).num_requested)

    pubsub.follow = follow

    batches(bus)

    assert requested == [5, 3, 1]


def test_nothing_more_is_requested_before_the_last_events_are_stored(pubsub: PubSub, bus: EventBus) -> None:
    more = threading.Event()

    def follow(requests: Iterator[Any], *_: Any) -> Iterator[Any]:
        next(requests)
        yield response(1)
        next(requests)
        more.set()
        yield response()

    pubsub.follow = follow
    batches = bus.batches(TOPIC, None, threading.Event())

    next(batches)
    assert not more.wait(0.2), "asked for more while the first is being stored"

    next(batches)
    assert more.is_set()


# V: Pub/Sub API, "Handle Errors" (reference, salesforce.md, section 5).
REFUSALS = [
    (grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.replayid.validation.failed", ReplayRejectedError),
    (grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.replayid.corrupted", ReplayRejectedError),
    (grpc.StatusCode.UNAUTHENTICATED, "service.auth.error", CredentialsError),
    (grpc.StatusCode.UNAUTHENTICATED, "", CredentialsError),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, "subscription.limit.exceeded", QuotaError),
    (grpc.StatusCode.NOT_FOUND, "topic.not.found", RejectedError),
    (grpc.StatusCode.PERMISSION_DENIED, "topic.meta.permission", RejectedError),
    (grpc.StatusCode.UNAVAILABLE, "service.unavailable", UnavailableError),
    (grpc.StatusCode.UNAVAILABLE, "", UnavailableError),
    (grpc.StatusCode.INTERNAL, "", UnavailableError),
]


@pytest.mark.parametrize(("status", "code", "kind"), REFUSALS, ids=[f"{each[0].name} {each[1]}" for each in REFUSALS])
def test_each_end_of_a_subscription_is_one_of_our_errors(
    pubsub: PubSub, bus: EventBus, status: grpc.StatusCode, code: str, kind: type[SourceError]
) -> None:
    pubsub.follow = lambda _, context, __: fail(context, status, code) or iter(())

    with pytest.raises(SourceError) as caught:
        batches(bus)

    assert type(caught.value) is kind


def test_a_session_that_ends_is_opened_anew_for_the_next_subscription(pubsub: PubSub, bus: EventBus) -> None:
    def follow(_: Any, context: Any, number: int) -> Iterator[Any]:
        yield response()
        if number == 1:
            fail(context, grpc.StatusCode.UNAUTHENTICATED, "service.auth.error")

    pubsub.follow = follow

    with pytest.raises(CredentialsError):
        batches(bus)
    batches(bus)

    assert pubsub.tokens == ["s1", "s2"]


def test_a_session_that_brought_no_word_at_all_is_not_used_again(pubsub: PubSub, bus: EventBus) -> None:
    """It may be one of an instance that the org has left, whose answers say nothing of that (issue 13, A9)."""

    def follow(_: Any, context: Any, number: int) -> Iterator[Any]:
        if number == 1:
            fail(context, grpc.StatusCode.INTERNAL, "")
        yield response()

    pubsub.follow = follow

    with pytest.raises(UnavailableError):
        batches(bus)
    batches(bus)

    assert pubsub.tokens == ["s1", "s2"]


def test_a_channel_that_is_ended_costs_no_log_in(pubsub: PubSub, bus: EventBus) -> None:
    def follow(_: Any, context: Any, number: int) -> Iterator[Any]:
        yield response()
        if number == 1:
            fail(context, grpc.StatusCode.UNAVAILABLE, "service.unavailable")

    pubsub.follow = follow

    with pytest.raises(UnavailableError):
        batches(bus)
    batches(bus)

    assert pubsub.tokens == ["s1", "s1"]


def test_an_event_whose_schema_cannot_be_had_just_now_comes_again(pubsub: PubSub, bus: EventBus) -> None:
    pubsub.follow = lambda *_: iter([response(1)])
    pubsub.schema_fault = grpc.StatusCode.UNAVAILABLE, "schema.service.unavailable"

    with pytest.raises(UnavailableError):
        batches(bus)
    pubsub.schema_fault = None
    (batch,) = batches(bus)

    assert [event.decoded and event.decoded.fields for event in batch.events] == [{"Id__c": "1"}]


def test_an_event_whose_schema_we_may_not_read_counts_as_one_that_cannot_be_read(pubsub: PubSub, bus: EventBus) -> None:
    pubsub.follow = lambda *_: iter([response(1)])
    pubsub.schema_fault = grpc.StatusCode.NOT_FOUND, "schema.meta.permission"

    (batch,) = batches(bus)

    assert [(event.replay_id, event.decoded) for event in batch.events] == [(b"\x01", None)]
