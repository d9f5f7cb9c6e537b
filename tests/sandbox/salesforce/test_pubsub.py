"""The event bus over gRPC, as a client other than the hub uses it: publishing above all.

Sources: the proto file of forcedotcom/pub-sub-api, and the pages "Handle Errors", "PublishStream RPC Method" and
"Pub/Sub API and Event Allocations" of the Pub/Sub API guide.
"""

import json
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

import fastavro
import grpc
import httpx
import pytest

from sandbox.config import Config
from sandbox.salesforce.org import ORGANIZATION_ID
from sandbox.salesforce.pubsub.wire import CUSTOM, EARLIEST, LATEST, SERVICE, Message
from sandbox.server import RunningSandbox, start

TOPIC, TYPE = "/event/Sample__e", {"Message__c": "string", "Count__c": "double"}
CODES = "sfdc.platform.eventbus.grpc."
ACCOUNT = "0015i0000000000AAA"
SECONDS = 20


class Bus:
    """A logged-in client of the bus. `problem` runs a call that must fail: its gRPC status and the code beside it."""

    def __init__(self, sandbox: RunningSandbox, channel: grpc.Channel | None = None) -> None:
        self.url = sandbox.salesforce_url
        self._channel = channel or grpc.insecure_channel(sandbox.salesforce_grpc)
        login = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
        token = httpx.post(f"{self.url}/services/oauth2/token", data=login).json()["access_token"]
        self.headers = {"accesstoken": token, "instanceurl": self.url, "tenantid": ORGANIZATION_ID}

    def control(self, name: str, /, **content: Any) -> None:
        httpx.post(f"{self.url}/__sandbox__/{name}", json=content).raise_for_status()

    def call(self, method: str, request: str, response: str, **fields: Any) -> Any:
        unary = self._channel.unary_unary(f"/{SERVICE}/{method}", Message[request].SerializeToString,
                                          Message[response].FromString)  # fmt: skip
        return unary(Message[request](**fields), metadata=tuple(self.headers.items()), timeout=SECONDS)

    def stream(self, method: str, request: str, response: str, requests: Iterable[Any]) -> Any:
        bidi = self._channel.stream_stream(f"/{SERVICE}/{method}", Message[request].SerializeToString,
                                           Message[response].FromString)  # fmt: skip
        return bidi(iter(requests), metadata=tuple(self.headers.items()), timeout=SECONDS)

    def topic(self, name: str = TOPIC) -> Any:
        return self.call("GetTopic", "TopicRequest", "TopicInfo", topic_name=name)

    def schema(self, schema_id: str) -> Any:
        return self.call("GetSchema", "SchemaRequest", "SchemaInfo", schema_id=schema_id)

    def publish(self, events: list[Any], topic: str = TOPIC) -> Any:
        return self.call("Publish", "PublishRequest", "PublishResponse", topic_name=topic, events=events)

    def publish_stream(self, requests: Iterable[Any]) -> Any:
        return self.stream("PublishStream", "PublishRequest", "PublishResponse", requests)

    def event(self, message: str | None = "Hello", key: str = "key-1", **fields: Any) -> Any:
        """An event as the topic's present schema wants it."""
        schema_id = self.topic().schema_id
        record = {"CreatedDate": 1_700_000_000_000, "CreatedById": "0055i0000000001AAA", "Message__c": message,
                  "Count__c": 1.0, **fields}  # fmt: skip
        return Message["ProducerEvent"](id=key, schema_id=schema_id, payload=self.written(schema_id, record))

    def written(self, schema_id: str, record: Any) -> bytes:
        out = BytesIO()
        fastavro.schemaless_writer(out, self._parsed(schema_id), record)
        return out.getvalue()

    def read(self, event: Any) -> dict[str, Any]:
        found = fastavro.schemaless_reader(BytesIO(event.event.payload), self._parsed(event.event.schema_id), None)
        assert isinstance(found, dict)
        return found

    def _parsed(self, schema_id: str) -> Any:
        return fastavro.parse_schema(json.loads(self.schema(schema_id).schema_json))

    def subscription(self, topic: str = TOPIC, count: int = 100, **start: Any) -> "Subscription":
        return Subscription(self, Message["FetchRequest"](topic_name=topic, num_requested=count, **start))

    def events(self, count: int, topic: str = TOPIC, **start: Any) -> list[Any]:
        """The next events of a subscription that begins there."""
        with self.subscription(topic, **start) as subscription:
            return subscription.events(count)

    def close(self) -> None:
        self._channel.close()


class Subscription:
    """A stream of FetchResponses; requests are put in while it lasts."""

    def __init__(self, bus: Bus, first: Any) -> None:
        self.requests: SimpleQueue[Any] = SimpleQueue()
        self.requests.put(first)
        self.answers = bus.stream("Subscribe", "FetchRequest", "FetchResponse", iter(self.requests.get, None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.requests.put(None)
        self.answers.cancel()

    def events(self, count: int) -> list[Any]:
        found: list[Any] = []
        while len(found) < count:
            found += next(self.answers).events
        return found


def problem(call: Callable[[], Any]) -> tuple[str, str]:
    """(the gRPC status, the code in the trailers) of a call that must fail; its text ends with the call's id."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    error: Any = raised.value
    trailers = dict(error.trailing_metadata())
    if "error-code" in trailers:
        assert f"rpcId: {trailers['rpc-id']}" in error.details()
    return error.code().name, trailers.get("error-code", "").removeprefix(CODES)


@pytest.fixture(scope="module")
def started() -> Iterator[RunningSandbox]:
    with start(
        Config(customers=60, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        yield running


@pytest.fixture
def bus(started: RunningSandbox) -> Iterator[Bus]:
    started.state.reset()
    opened = Bus(started)
    opened.control("event-types", name="Sample__e", fields=TYPE)
    yield opened
    opened.close()


# -- topics and schemas -----------------------------------------------------------------------------------------------


def test_a_topic_names_its_schema_and_who_may_publish_on_it(bus: Bus) -> None:
    event, change = bus.topic(), bus.topic("/data/AccountChangeEvent")

    assert (event.topic_name, event.tenant_guid, event.can_publish, event.can_subscribe) == (
        TOPIC, ORGANIZATION_ID, True, True)  # fmt: skip
    assert (change.can_publish, change.can_subscribe) == (False, True)
    assert '"name": "Sample__e"' in bus.schema(event.schema_id).schema_json
    assert bus.schema(event.schema_id).schema_id == event.schema_id


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda bus: bus.topic(""), ("INVALID_ARGUMENT", "topic.validation.empty")),
        (lambda bus: bus.topic("/event/Nothing__e"), ("NOT_FOUND", "topic.not.found")),
        (lambda bus: bus.schema(""), ("INVALID_ARGUMENT", "schema.validation.failed")),
        (lambda bus: bus.schema("AAAAAAAAAAAAAAAAAAAAAA"), ("NOT_FOUND", "schema.meta.permission")),
        (lambda bus: bus.publish([bus.event()], ""), ("INVALID_ARGUMENT", "publish.topic.validation.empty")),
        (lambda bus: bus.publish([]), ("INVALID_ARGUMENT", "publish.event.count.invalid")),
        (lambda bus: bus.publish([bus.event()], "/event/Nothing__e"), ("NOT_FOUND", "topic.not.found")),
        (
            lambda bus: bus.publish([bus.event()], "/data/AccountChangeEvent"),
            ("PERMISSION_DENIED", "topic.meta.permission"),
        ),
        (
            # A beta that an org may lack.
            lambda bus: list(bus.stream("ManagedSubscribe", "FetchRequest", "FetchResponse", [])),
            ("UNIMPLEMENTED", ""),
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_vendor_s_code(
    bus: Bus, call: Callable[[Bus], Any], expected: tuple[str, str]
) -> None:
    assert problem(lambda: call(bus)) == expected


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"accesstoken": "00D!wrong"}, "service.auth.error"),
        ({"tenantid": "00D000000000000AAA"}, "service.auth.error"),
        ({"accesstoken": ""}, "service.auth.headers.invalid"),
        ({"instanceurl": ""}, "service.auth.headers.invalid"),
        ({"tenantid": ""}, "service.auth.headers.invalid"),
    ],
)
def test_who_does_not_say_who_he_is_is_refused(bus: Bus, headers: dict[str, str], code: str) -> None:
    bus.headers |= headers

    assert problem(bus.topic) == ("UNAUTHENTICATED", code)


def test_the_short_form_of_the_org_s_id_will_do(bus: Bus) -> None:
    # salesforce-pubsub-api-client cuts it out of the access token.
    bus.headers["tenantid"] = bus.headers["accesstoken"].split("!")[0]

    assert len(bus.headers["tenantid"]) == 15
    assert bus.topic().topic_name == TOPIC


# -- Publish ----------------------------------------------------------------------------------------------------------


def test_what_a_client_publishes_reaches_subscribers_under_its_correlation_key(bus: Bus) -> None:
    results = bus.publish([bus.event("One", "key-1"), bus.event("Two", "key-2")]).results

    received = bus.events(2, replay_preset=EARLIEST)
    assert [result.correlation_key for result in results] == ["key-1", "key-2"]
    assert [event.replay_id for event in received] == [result.replay_id for result in results]
    assert [bus.read(event)["Message__c"] for event in received] == ["One", "Two"]
    assert not any(result.HasField("error") for result in results)


def test_an_event_that_is_not_what_its_schema_says_fails_alone(bus: Bus) -> None:
    good, other = bus.event("Good", "good"), bus.topic("/event/OrderProvisionRequested__e").schema_id
    wrong = {
        "no schema": Message["ProducerEvent"](payload=good.payload),
        "unknown schema": Message["ProducerEvent"](schema_id="AAAAAAAAAAAAAAAAAAAAAA", payload=good.payload),
        "another topic's": Message["ProducerEvent"](schema_id=other, payload=good.payload),
        "cut": Message["ProducerEvent"](schema_id=good.schema_id, payload=good.payload[:-3]),
        "too long": Message["ProducerEvent"](schema_id=good.schema_id, payload=good.payload + b"\0"),
        "no Avro": Message["ProducerEvent"](schema_id=good.schema_id, payload=b"\xff" * 9),
        "over 1 MB": bus.event("x" * (1 << 20)),
    }
    for key, event in wrong.items():
        event.id = key

    results = bus.publish([*wrong.values(), good]).results

    assert [result.correlation_key for result in results] == [*wrong, "good"]
    assert [result.error.code for result in results[:-1]] == [1] * len(wrong)  # ErrorCode PUBLISH
    assert all(result.error.msg and not result.replay_id for result in results[:-1])
    assert [bus.read(event)["Message__c"] for event in bus.events(1, replay_preset=EARLIEST)] == ["Good"]
    assert results[-1].replay_id


def test_an_empty_field_is_no_fault(bus: Bus) -> None:
    # "The PublishStream method doesn't enforce the presence of required custom event fields".
    bus.publish([bus.event(None)])

    assert bus.read(bus.events(1, replay_preset=EARLIEST)[0])["Message__c"] is None


# -- PublishStream ----------------------------------------------------------------------------------------------------


def _request(topic: str, *events: Any, **more: Any) -> Any:
    return Message["PublishRequest"](topic_name=topic, events=events, **more)


def test_a_stream_answers_each_request_and_needs_the_topic_once(bus: Bus) -> None:
    requests = [_request(TOPIC, bus.event("1")), _request("", bus.event("2"), bus.event("3")), _request(TOPIC, bus.event("4"))]  # noqa: E501 # fmt: skip

    answers = list(bus.publish_stream(requests))

    assert [len(answer.results) for answer in answers] == [1, 2, 1]
    assert [bus.read(event)["Message__c"] for event in bus.events(4, replay_preset=EARLIEST)] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("requests", "code"),
    [
        (lambda bus: [_request("", bus.event())], "publish.topic.validation.empty"),
        (lambda _: [_request(TOPIC)], "publish.event.count.invalid"),
        (lambda bus: [_request(TOPIC, bus.event(), auth_refresh="x")], "publish.auth.refresh.invalid"),
        (
            lambda bus: [_request(TOPIC, bus.event()), _request("/event/OrderProvisionRequested__e", bus.event())],
            "publish.topic.mismatch",
        ),
    ],
)
def test_a_stream_ends_at_a_request_that_cannot_be(bus: Bus, requests: Callable[[Bus], list[Any]], code: str) -> None:
    assert problem(lambda: list(bus.publish_stream(requests(bus)))) == ("INVALID_ARGUMENT", code)


def test_a_stream_on_which_nothing_is_published_is_closed(bus: Bus) -> None:
    bus.control("quirks", **{"salesforce.publish_stream_seconds": "0.2"})
    waiting: SimpleQueue[Any] = SimpleQueue()
    waiting.put(_request(TOPIC, bus.event()))

    answers = bus.publish_stream(iter(waiting.get, None))

    assert len(next(answers).results) == 1
    assert problem(lambda: next(answers)) == ("DEADLINE_EXCEEDED", "publish.stream.sweeper.timeout")
    waiting.put(None)


# -- Subscribe --------------------------------------------------------------------------------------------------------


def test_a_subscription_begins_where_it_is_told_to(bus: Bus) -> None:
    bus.publish([bus.event("1"), bus.event("2")])

    first, second = bus.events(2, replay_preset=EARLIEST)
    with bus.subscription(replay_preset=LATEST) as latest:
        while not httpx.get(f"{bus.url}/__sandbox__/events").json()["streams"]:
            time.sleep(0.01)
        bus.publish([bus.event("3")])
        newest = latest.events(1)

    assert [bus.read(each)["Message__c"] for each in (first, second, *newest)] == ["1", "2", "3"]
    after = bus.events(2, replay_preset=CUSTOM, replay_id=first.replay_id)
    short = bus.events(1, replay_preset=CUSTOM, replay_id=second.replay_id[:8])  # as the Node client sends it
    assert [bus.read(each)["Message__c"] for each in (*after, *short)] == ["2", "3", "3"]


def test_no_more_is_delivered_than_was_asked_for(bus: Bus) -> None:
    bus.publish([bus.event(str(number)) for number in range(5)])

    with bus.subscription(count=2, replay_preset=EARLIEST) as subscription:
        first = next(subscription.answers)
        subscription.requests.put(Message["FetchRequest"](num_requested=1))
        second = next(subscription.answers)

    assert [len(answer.events) for answer in (first, second)] == [2, 1]
    assert [answer.pending_num_requested for answer in (first, second)] == [0, 0]
    assert bus.read(second.events[0])["Message__c"] == "2"


@pytest.mark.parametrize(
    ("first", "later", "code"),
    [
        ({"topic_name": "", "num_requested": 1}, None, "topic.validation.empty"),
        ({"topic_name": TOPIC, "num_requested": 0}, None, "subscription.fetch.requested.events.invalid"),
        ({"topic_name": TOPIC, "num_requested": 1, "replay_preset": CUSTOM}, None,
         "subscription.fetch.replayid.validation.failed"),
        ({"topic_name": TOPIC, "num_requested": 1, "replay_preset": CUSTOM, "replay_id": b"x" * 8}, None,
         "subscription.fetch.replayid.corrupted"),
        ({"topic_name": TOPIC, "num_requested": 1}, {"topic_name": "/data/ChangeEvents", "num_requested": 1},
         "subscription.fetch.topic.mismatch"),
        ({"topic_name": TOPIC, "num_requested": 1}, {"num_requested": -1},
         "subscription.fetch.requested.events.invalid"),
    ],
)  # fmt: skip
def test_a_fetch_that_cannot_be_ends_the_subscription(
    bus: Bus, first: dict[str, Any], later: dict[str, Any] | None, code: str
) -> None:
    with Subscription(bus, Message["FetchRequest"](**first)) as subscription:
        if later is not None:
            subscription.requests.put(Message["FetchRequest"](**later))

        assert problem(lambda: next(subscription.answers)) == ("INVALID_ARGUMENT", code)


def test_a_write_over_rest_arrives_as_a_change_event(bus: Bus) -> None:
    fields = {"Phone": "03-0000-0001"}
    authorization = {"Authorization": f"Bearer {bus.headers['accesstoken']}"}

    answer = httpx.patch(
        f"{bus.url}/services/data/v62.0/sobjects/Account/{ACCOUNT}", json=fields, headers=authorization
    )

    received = bus.read(bus.events(1, "/data/AccountChangeEvent", replay_preset=EARLIEST)[0])
    assert answer.status_code == 204
    assert (received["ChangeEventHeader"]["changeType"], received["Phone"]) == ("UPDATE", "03-0000-0001")


def test_an_event_type_that_was_defined_is_gone_with_a_reset_and_so_are_its_listeners(bus: Bus) -> None:
    bus.publish([bus.event()])
    with bus.subscription(replay_preset=EARLIEST) as subscription:
        subscription.events(1)

        bus.control("reset")
        bus.control("event-types", name="Other__e", fields={})

        assert problem(lambda: next(subscription.answers))[1] in {"topic.not.found", "service.auth.error"}


# -- TLS --------------------------------------------------------------------------------------------------------------


def test_clients_that_insist_on_tls_trust_the_certificate_that_the_control_plane_names() -> None:
    ports = dict.fromkeys(("salesforce_port", "salesforce_grpc_port", "whmcs_port", "freebit_port"), 0)
    tls_ports = dict.fromkeys(("salesforce_tls_port", "salesforce_grpc_tls_port"), 0)
    with start(Config(customers=3, tls=True, **ports, **tls_ports)) as sandbox:
        told = httpx.get(f"{sandbox.salesforce_url}/__sandbox__/tls").json()
        certificate = Path(told["certificate"])

        channel = grpc.secure_channel(told["events"], grpc.ssl_channel_credentials(certificate.read_bytes()))
        bus, trusting = Bus(sandbox, channel), ssl.create_default_context(cafile=certificate)
        versions = httpx.get(f"{told['salesforce']}/services/data", verify=trusting)

        assert bus.topic("/data/ChangeEvents").can_subscribe
        assert versions.json()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{told['salesforce']}/services/data")
        bus.close()
    assert not certificate.exists()


def test_without_tls_there_is_neither_port_nor_certificate(started: RunningSandbox) -> None:
    told = httpx.get(f"{started.salesforce_url}/__sandbox__/tls").json()

    assert told == {"certificate": "", "salesforce": "", "events": ""}
