"""A subscriber of the Pub/Sub API: flow control, schemas, typed errors, and a watchdog against silence."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from core.errors import CredentialsError, QuotaError, RejectedError, SourceError, UnavailableError
from core.settings import EventSettings
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.salesforce.pubsub.decoding import Decoded, EventSchema, decoded
from pipelines.sources.salesforce.pubsub.pubsub_api_pb2 import (
    CUSTOM,
    LATEST,
    FetchRequest,
    FetchResponse,
    SchemaInfo,
    SchemaRequest,
)

SERVICE = "/eventbus.v1.PubSub"
_CODES = "sfdc.platform.eventbus.grpc."
_REPLAY = "subscription.fetch.replayid"
_AUTHORISATION = "service.auth"
_SCHEMA = "schema."
_QUOTA = {"subscription.limit.exceeded"}
_LASTING = {"service.tenant.license", "topic.not.found", "topic.meta.permission", "subscription.topic.cannot.subscribe"}
# A connection that died without a word is found by HTTP/2's own pings (reference §5.2).
_PINGS = (
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)


class ReplayRejectedError(RejectedError):
    """The position is invalid or its events are gone: what happened since must be read another way."""


@dataclass(frozen=True)
class Event:
    """One event. `replay_id`: raw, only ever compared; None for `decoded`: the payload cannot be read."""

    id: str
    replay_id: bytes
    decoded: Decoded | None


@dataclass(frozen=True)
class Batch:
    """Events in order, none in a keep-alive, and the position after them."""

    events: tuple[Event, ...]
    latest_replay_id: bytes


class EventBus:
    """The Pub/Sub API with our session. Thread-safe; a subscription belongs to the thread that iterates over it."""

    def __init__(self, settings: EventSettings, client: SalesforceClient) -> None:
        self._settings = settings
        self._client = client
        self._schemas: dict[str, EventSchema] = {}
        self._identity: tuple[str, str, str] | None = None
        self._lock = threading.Lock()
        if settings.insecure:
            self._channel = grpc.insecure_channel(settings.target, options=_PINGS)
        else:
            self._channel = grpc.secure_channel(settings.target, grpc.ssl_channel_credentials(), options=_PINGS)
        self._subscribe = self._channel.stream_stream(
            f"{SERVICE}/Subscribe",
            request_serializer=FetchRequest.SerializeToString,
            response_deserializer=FetchResponse.FromString,
        )
        self._get_schema = self._channel.unary_unary(
            f"{SERVICE}/GetSchema",
            request_serializer=SchemaRequest.SerializeToString,
            response_deserializer=SchemaInfo.FromString,
        )

    def batches(self, topic: str, after: bytes | None, stopped: threading.Event) -> Iterator[Batch]:
        """What is published after a position (None: from now on), until `stopped`.

        Whoever asks for the next batch has stored the last; only then are more events requested.

        Raises:
            ReplayRejectedError: there is nothing to go on from.
            CredentialsError: the session is refused; the next subscription logs in anew.
            QuotaError, RejectedError, UnavailableError: it ended, or fell silent.
        """
        credit: queue.SimpleQueue[int] = queue.SimpleQueue()
        preset = LATEST if after is None else CUSTOM
        first = FetchRequest(
            topic_name=topic, replay_preset=preset, replay_id=after or b"", num_requested=self._settings.credits
        )

        def requests() -> Iterator[FetchRequest]:
            # Ending here would end the subscription, so it waits for the next request for as long as that takes.
            yield first
            while (wanted := credit.get()) > 0:
                yield FetchRequest(topic_name=topic, num_requested=wanted)

        metadata, heard = self._metadata(), False
        call = self._subscribe(requests(), metadata=metadata)
        try:
            with _watched(call, self._settings.stall_seconds, stopped) as watch:
                for response in call:
                    watch.alive()
                    heard = True
                    yield self._batch(response)
                    if response.events:
                        credit.put(len(response.events))
        except grpc.RpcError as error:
            if stopped.is_set():
                return
            if not heard:
                # Whatever the reason given: a session may be one of an instance that the org has left.
                self._forget(metadata)
            if watch.fell_silent:
                raise UnavailableError("salesforce", "fell silent on a channel", code="stalled") from error
            raise self._typed(error, metadata) from error
        finally:
            credit.put(0)
            call.cancel()  # type: ignore[no-untyped-call]

    def _batch(self, response: FetchResponse) -> Batch:
        events = tuple(
            Event(sent.event.id, sent.replay_id, self._decoded(sent.event.payload, sent.event.schema_id))
            for sent in response.events
        )
        return Batch(events, events[-1].replay_id if events else response.latest_replay_id)

    def _decoded(self, payload: bytes, schema_id: str) -> Decoded | None:
        """None: it cannot be read, now or ever. What may pass is raised, so that the event comes again."""
        try:
            return decoded(payload, self._schema(schema_id))
        except ValueError:
            return None
        except grpc.RpcError as error:
            code = _code(error)
            if code.startswith(_SCHEMA) and not code.endswith("unavailable"):
                return None
            raise

    def _schema(self, schema_id: str) -> EventSchema:
        """The schema, requested once: an id never means another one."""
        if schema_id not in self._schemas:
            info = self._get_schema(SchemaRequest(schema_id=schema_id), metadata=self._metadata(), timeout=30)
            self._schemas[schema_id] = EventSchema.of(json.loads(info.schema_json))
        return self._schemas[schema_id]

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        with self._lock:
            if self._identity is None:
                self._identity = self._client.identity(renewed=True)
            token, instance, organization = self._identity
        return (("accesstoken", token), ("instanceurl", instance), ("tenantid", organization))

    def _forget(self, metadata: tuple[tuple[str, str], ...]) -> None:
        """Log in anew with the next subscription, unless another channel has done so meanwhile."""
        with self._lock:
            if self._identity is not None and self._identity[0] == dict(metadata)["accesstoken"]:
                self._identity = None

    def _typed(self, error: Any, metadata: tuple[tuple[str, str], ...]) -> SourceError:
        code = _code(error)
        status = error.code()
        if code.startswith(_REPLAY):
            return ReplayRejectedError("salesforce", "does not know the position any more", code=code)
        if status == grpc.StatusCode.UNAUTHENTICATED or code.startswith(_AUTHORISATION):
            self._forget(metadata)
            return CredentialsError("salesforce", "refuses the session", code=code or status.name)
        if code in _QUOTA:
            return QuotaError("salesforce", "delivers no more events today", code=code)
        if code in _LASTING:
            return RejectedError("salesforce", "does not let us follow a channel", code=code)
        return UnavailableError("salesforce", "ended a channel", code=code or status.name)

    def close(self) -> None:
        self._channel.close()


def _code(error: Any) -> str:
    """The vendor's own code, which stands in the trailers."""
    return str(dict(error.trailing_metadata() or ()).get("error-code", "")).removeprefix(_CODES)


class _Watch:
    """Cancels a call on which nothing came for too long, or that nobody wants any more."""

    def __init__(self, call: Any, seconds: float, stopped: threading.Event) -> None:
        self._call, self._seconds, self._stopped = call, seconds, stopped
        self._heard = threading.Event()
        self.fell_silent = False
        self.over = threading.Event()

    def alive(self) -> None:
        self._heard.set()

    def watch(self) -> None:
        silent = 0.0
        step = min(self._seconds / 4, 0.5)
        while not self.over.wait(step):
            silent = 0.0 if self._heard.is_set() else silent + step
            self._heard.clear()
            if silent >= self._seconds or self._stopped.is_set():
                self.fell_silent = not self._stopped.is_set()
                self._call.cancel()
                return


@contextmanager
def _watched(call: Any, seconds: float, stopped: threading.Event) -> Iterator[_Watch]:
    watch = _Watch(call, seconds, stopped)
    thread = threading.Thread(target=watch.watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.over.set()
        thread.join()
