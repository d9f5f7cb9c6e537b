"""The control plane's part of the event bus: what was published, events by hand, and what goes wrong with them."""

from typing import Any

from sandbox.asgi import Response, json_response
from sandbox.salesforce.pubsub.changes import FAULTS, Publisher
from sandbox.salesforce.pubsub.service import STREAM_FAULTS, PubSub
from sandbox.state import State
from sandbox.world import World

_MODES = (*FAULTS, *STREAM_FAULTS, "expire", "schema_change")


class EventControls:
    """GET events; POST events, event-types, event-faults, expire-sessions."""

    def __init__(self, publisher: Publisher, service: PubSub, state: State) -> None:
        self._publisher, self._service = publisher, service
        state.gets["events"] = self._list
        state.posts["events"] = self._publish
        state.posts["event-types"] = self._define
        state.posts["event-faults"] = self._fail
        state.posts["expire-sessions"] = self._expire_sessions

    def _list(self, query: dict[str, list[str]], _: World, __: State) -> Response:
        limit = int(query.get("limit", ["100"])[0])
        listed = {
            topic: [
                {"replayId": event.replay_id.hex(), "id": event.id, "at": event.at.isoformat(), "what": event.summary}
                for event in channel.latest(limit)
            ]
            for topic, channel in self._publisher.channels.items()
        }
        return json_response({"streams": self._service.streams, "topics": listed})

    def _publish(self, content: dict[str, Any], _: World, __: State) -> Response:
        """`{"entity": "Order", "type": "GAP_UPDATE", "ids": […]}` or `{"event": "…__e", "fields": {…}}`."""
        if "event" in content:
            self._publisher.publish_platform_event(str(content["event"]), dict(content.get("fields", {})))
        else:
            ids = [str(each) for each in content.get("ids", ["000000000000000AAA"])]
            self._publisher.publish_change(str(content["entity"]), str(content["type"]), ids, {}, frozenset())
        return json_response({"published": True})

    def _define(self, content: dict[str, Any], _: World, __: State) -> Response:
        """`{"name": "Sample__e", "fields": {"Message__c": "string"}}`."""
        self._publisher.define_event(str(content["name"]), dict(content.get("fields", {})))
        return json_response({"types": sorted(self._publisher.event_types)})

    def _fail(self, content: dict[str, Any], _: World, __: State) -> Response:
        mode, times = str(content["mode"]), int(str(content.get("times", 1)))
        if mode not in _MODES:
            raise ValueError(f"mode is none of {', '.join(_MODES)}")
        if mode == "expire":
            for channel in self._publisher.channels.values():
                channel.expire()
        elif mode == "schema_change":
            self._publisher.extra_field = str(content.get("field", "Added_Later__c"))
        elif mode in STREAM_FAULTS:
            self._service.stream_faults += [mode] * times
            self._wake_streams()
        else:
            self._publisher.faults.extend([mode] * times)
        return json_response({"waiting": [*self._publisher.faults, *self._service.stream_faults]})

    def _expire_sessions(self, _: dict[str, Any], __: World, ___: State) -> Response:
        self._service.sessions.clear()
        self._wake_streams()
        return json_response({"expired": True})

    def _wake_streams(self) -> None:
        for channel in self._publisher.channels.values():
            for waiter in channel.waiters:
                waiter.set()
