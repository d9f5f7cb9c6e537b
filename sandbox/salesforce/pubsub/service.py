"""The gRPC service: Subscribe, GetTopic, GetSchema, Publish, PublishStream, with the vendor's flow control and errors.

Codes in the trailers and what brings them: the page "Handle Errors" of the Pub/Sub API guide. The gRPC status of a code
is ours where neither that page nor the proto file names it. ManagedSubscribe (beta) is not here: UNIMPLEMENTED.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn
from uuid import uuid4

import grpc

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import ORGANIZATION_ID
from sandbox.salesforce.pubsub.bus import Channel, replay_id
from sandbox.salesforce.pubsub.changes import Publisher
from sandbox.salesforce.pubsub.wire import CUSTOM, EARLIEST, PUBLISH_ERROR, SERVICE, Message
from sandbox.salesforce.sessions import Sessions
from sandbox.state import State

_MOST_CREDIT = 100
_CREDIT_SECONDS = 60.0
_CODES = "sfdc.platform.eventbus.grpc."
_PUBLISH_SECONDS = "70"  # proto file: a request at least every 70 seconds holds the stream
PUBLISH_QUIRK = "salesforce.publish_stream_seconds"
KEEPALIVE_QUIRK = "salesforce.keepalive_seconds"
STREAM_FAULTS = ("stall", "disconnect", "reject_replay")


class PubSub:
    """Answers subscribers; lives in the server's event loop."""

    def __init__(self, publisher: Publisher, sessions: Sessions, state: State) -> None:
        self._publisher, self.sessions, self._state = publisher, sessions, state
        self.stream_faults: list[str] = []
        self.streams = 0

    def handler(self) -> grpc.GenericRpcHandler:
        def method(name: str, behavior: Callable[..., Any], request: str, response: str) -> grpc.RpcMethodHandler:
            form = {
                "request_deserializer": Message[request].FromString,
                "response_serializer": Message[response].SerializeToString,
            }
            streams = name in {"Subscribe", "PublishStream"}
            make = grpc.stream_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
            return make(behavior, **form)

        methods = {
            "Subscribe": method("Subscribe", self.subscribe, "FetchRequest", "FetchResponse"),
            "GetTopic": method("GetTopic", self.get_topic, "TopicRequest", "TopicInfo"),
            "GetSchema": method("GetSchema", self.get_schema, "SchemaRequest", "SchemaInfo"),
            "Publish": method("Publish", self.publish, "PublishRequest", "PublishResponse"),
            "PublishStream": method("PublishStream", self.publish_stream, "PublishRequest", "PublishResponse"),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def get_topic(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._admit(context)
        topic = request.topic_name
        if not topic:
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "topic.validation.empty", "topic is empty")
        await self._channel(topic, context)
        return Message["TopicInfo"](
            topic_name=topic,
            tenant_guid=ORGANIZATION_ID,
            can_publish=topic.startswith("/event/"),
            can_subscribe=True,
            schema_id=self._schema_id(topic),
            rpc_id=str(uuid4()),
        )

    async def get_schema(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._admit(context)
        if not request.schema_id:
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "schema.validation.failed", "schema id is blank")
        schema = self._publisher.schemas.get(request.schema_id)
        if schema is None:
            await _refuse(context, grpc.StatusCode.NOT_FOUND, "schema.meta.permission", "no such schema")
        return Message["SchemaInfo"](schema_json=json.dumps(schema), schema_id=request.schema_id, rpc_id=str(uuid4()))

    # -- publishing --------------------------------------------------------------------------------------------------

    async def publish(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._admit(context)
        await self._check_publish(request, request.topic_name, context)
        return self._published(request, request.topic_name)

    async def publish_stream(
        self, requests: AsyncIterator[Any], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[Any]:
        """A response a request. The first names the topic; a stream on which nothing comes for a while is closed."""
        await self._admit(context)
        incoming, topic = aiter(requests), ""
        while True:
            patience = float(self._state.quirks.get(PUBLISH_QUIRK, _PUBLISH_SECONDS))
            try:
                request = await asyncio.wait_for(anext(incoming, None), patience)
            except TimeoutError:
                code = "publish.stream.sweeper.timeout"
                await _refuse(context, grpc.StatusCode.DEADLINE_EXCEEDED, code, "nothing was published for too long")
            if request is None:
                return
            if not self.sessions.holds(_token(context)):
                await _refuse(context, grpc.StatusCode.UNAUTHENTICATED, "service.auth.error", "token expired")
            if not topic and request.auth_refresh:
                code = "publish.auth.refresh.invalid"
                await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, code, "no refresh in the first request")
            if topic and request.topic_name not in {"", topic}:
                await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "publish.topic.mismatch", "topic changed")
            topic = topic or request.topic_name
            await self._check_publish(request, topic, context)
            yield self._published(request, topic)

    async def _check_publish(self, request: Any, topic: str, context: grpc.aio.ServicerContext) -> None:
        """Refuses the whole request; what is wrong with one event is said in its result."""
        if not topic:
            code = "publish.topic.validation.empty"
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, code, "topic is empty")
        await self._channel(topic, context)
        if not topic.startswith("/event/"):
            code = "topic.meta.permission"
            await _refuse(context, grpc.StatusCode.PERMISSION_DENIED, code, "nobody may publish on this topic")
        if not request.events:
            code = "publish.event.count.invalid"
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, code, "there is no event to publish")

    def _published(self, request: Any, topic: str) -> Any:
        """Every event has a result of its own: the ones that are good are published whatever the others are."""
        current = self._schema_id(topic)
        results = []
        for event in request.events:
            try:
                stored = self._publisher.publish_encoded(topic, event.schema_id, event.payload)
            except ValueError as error:
                problem = Message["Error"](code=PUBLISH_ERROR, msg=str(error))
                results.append(Message["PublishResult"](error=problem, correlation_key=event.id))
            else:
                results.append(Message["PublishResult"](replay_id=stored.replay_id, correlation_key=event.id))
        return Message["PublishResponse"](results=results, schema_id=current, rpc_id=str(uuid4()))

    # -- subscribing -------------------------------------------------------------------------------------------------

    async def subscribe(self, requests: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        await self._admit(context)
        first = await anext(aiter(requests), None)
        if first is None:
            return
        if not first.topic_name:
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "topic.validation.empty", "topic is empty")
        channel = await self._channel(first.topic_name, context)
        position = await self._start(first, channel, context)
        credit = _Credit(first.topic_name)
        await credit.add(first, context)
        wake = asyncio.Event()
        reading = asyncio.create_task(_read(requests, credit, context, wake))
        channel.waiters.add(wake)
        self.streams += 1
        try:
            async for response in self._delivered(channel, position, credit, wake, context):
                yield response
        finally:
            self.streams -= 1
            if now := self._publisher.channels.get(first.topic_name):
                now.waiters.discard(wake)
            reading.cancel()

    async def _delivered(
        self, channel: Channel, position: int, credit: "_Credit", wake: asyncio.Event, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[Any]:
        token = _token(context)
        while not credit.ended:
            if not self.sessions.holds(token):
                await _refuse(context, grpc.StatusCode.UNAUTHENTICATED, "service.auth.error", "token expired")
            await self._faults(context)
            wake.clear()
            channel = await self._channel(credit.topic, context)  # a reset makes new ones
            events = channel.after(position, credit.left)
            # What is published from here on is still to be delivered: no keep-alive may tell of a position after it.
            latest = channel.last if credit.left > 0 else position
            if events:
                position = events[-1].number
                credit.left -= len(events)
                yield _response(events, position, credit.left)
            elif not await _woken(wake, self._patience(credit)):
                if credit.left <= 0:
                    await _refuse(context, grpc.StatusCode.DEADLINE_EXCEEDED, "subscription.fetch.timeout", "no credit")
                yield _response([], max(position, latest), credit.left)

    def _patience(self, credit: "_Credit") -> float:
        keepalive = float(self._state.quirks.get(KEEPALIVE_QUIRK, "60"))
        return keepalive if credit.left > 0 else _CREDIT_SECONDS

    async def _faults(self, context: grpc.aio.ServicerContext) -> None:
        if "disconnect" in self.stream_faults:
            self.stream_faults.remove("disconnect")
            await _refuse(context, grpc.StatusCode.UNAVAILABLE, "service.unavailable", "going away")
        if "stall" in self.stream_faults:
            self.stream_faults.remove("stall")
            await asyncio.Event().wait()  # neither an event nor a word, and the connection stays

    async def _start(self, first: Any, channel: Channel, context: grpc.aio.ServicerContext) -> int:
        if first.replay_preset == EARLIEST:
            return channel.before_all()
        if first.replay_preset != CUSTOM:
            return channel.last
        if not first.replay_id:
            code = "subscription.fetch.replayid.validation.failed"
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, code, "The Replay ID validation failed.")
        position = channel.position_of(first.replay_id)
        if "reject_replay" in self.stream_faults:
            self.stream_faults.remove("reject_replay")
            position = None
        if position is None:
            code = "subscription.fetch.replayid.corrupted"
            text = "The Replay ID validation failed. Ensure that the Replay ID is valid."
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, code, text)
        return position

    async def _admit(self, context: grpc.aio.ServicerContext) -> None:
        given = dict(context.invocation_metadata() or ())
        if any(not given.get(name) for name in ("accesstoken", "instanceurl", "tenantid")):
            await _refuse(context, grpc.StatusCode.UNAUTHENTICATED, "service.auth.headers.invalid", "header is blank")
        try:
            self.sessions.use(f"Bearer {given['accesstoken']}")
        except SalesforceError:
            await _refuse(context, grpc.StatusCode.UNAUTHENTICATED, "service.auth.error", "token is invalid")
        # Clients cut it out of the access token, which begins with the short form.
        if given["tenantid"] not in {ORGANIZATION_ID, ORGANIZATION_ID[:15]}:
            await _refuse(context, grpc.StatusCode.UNAUTHENTICATED, "service.auth.error", "tenant is another")

    async def _channel(self, topic: str, context: grpc.aio.ServicerContext) -> Channel:
        channel = self._publisher.channels.get(topic)
        if channel is None:
            await _refuse(context, grpc.StatusCode.NOT_FOUND, "topic.not.found", "no such topic")
        return channel

    def _schema_id(self, topic: str) -> str:
        name = topic.rpartition("/")[2]
        if topic.startswith("/event/"):
            known = self._publisher.platform_schema_of(name)
            return known[0] if known else ""
        return "" if name == "ChangeEvents" else self._publisher.schema_of(name.removesuffix("ChangeEvent"))[0]


def _token(context: grpc.aio.ServicerContext) -> str:
    return str(dict(context.invocation_metadata() or ()).get("accesstoken"))


class _Credit:
    """Events the subscriber still asks for, at most a hundred at a time."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.left = 0
        self.ended = False

    async def add(self, request: Any, context: grpc.aio.ServicerContext) -> None:
        if request.num_requested <= 0:
            code = "subscription.fetch.requested.events.invalid"
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, code, "num_requested must be positive")
        if request.topic_name and request.topic_name != self.topic:
            code = "subscription.fetch.topic.mismatch"
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, code, "topic changed")
        self.left = min(self.left + request.num_requested, _MOST_CREDIT)


async def _read(
    requests: AsyncIterator[Any], credit: _Credit, context: grpc.aio.ServicerContext, wake: asyncio.Event
) -> None:
    try:
        async for request in requests:
            await credit.add(request, context)
            wake.set()
    finally:
        # Whoever closes its half has ended the subscription.
        credit.ended = True
        wake.set()


async def _woken(wake: asyncio.Event, patience: float) -> bool:
    try:
        await asyncio.wait_for(wake.wait(), patience)
    except TimeoutError:
        return False
    return True


def _response(events: list[Any], latest: int, left: int) -> Any:
    sent = [
        Message["ConsumerEvent"](
            event=Message["ProducerEvent"](id=event.id, schema_id=event.schema_id, payload=event.payload),
            replay_id=event.replay_id,
        )
        for event in events
    ]
    return Message["FetchResponse"](
        events=sent, latest_replay_id=replay_id(latest), rpc_id=str(uuid4()), pending_num_requested=max(left, 0)
    )


async def _refuse(context: grpc.aio.ServicerContext, status: grpc.StatusCode, code: str, text: str) -> NoReturn:
    rpc_id = str(uuid4())
    trailers = (("error-code", _CODES + code), ("rpc-id", rpc_id))
    await context.abort(status, f"{text} rpcId: {rpc_id}", trailing_metadata=trailers)
    raise AssertionError
