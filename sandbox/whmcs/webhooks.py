"""WHMCS's notifications when records change: the messages of deploy/whmcs/hooks/portal_hub.php, written once more.

Faults of messages (`POST /__sandbox__/webhook-faults {"mode", "times"}`):
    drop       not sent
    double     sent twice, with one id
    reorder    held back until the message after it was answered

With the quirk `webhook_before_commit_ms` a message leaves that long before the change that `mutate` makes can be seen,
as hooks that run before the commit do; `mutate` answers when it can. Nothing is tried again.
"""

import asyncio
import hmac
import json
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from sandbox.asgi import Response, json_response
from sandbox.config import Config
from sandbox.state import Change, State
from sandbox.whmcs.hooks import Hooks
from sandbox.whmcs.quirks import DEFAULTS
from sandbox.world import World

_MODES = ("drop", "double", "reorder")
_PATIENCE_SECONDS = 1.0
_KEPT = 10_000


@dataclass
class Sent:
    """A message, what was done to it on purpose, and each answer: a status, "unreachable" or "timeout"."""

    notification: dict[str, object]
    fault: str | None = None
    answers: list[int | str] = field(default_factory=list)


class Webhooks:
    """Notifies a hub of every change to WHMCS's records, where one is named."""

    def __init__(self, world: World, state: State, config: Config) -> None:
        self._world = world
        self._state = state
        self._config = config
        self._tasks: set[asyncio.Task[None]] = set()
        self._start_anew()
        state.overlay.observers.append(self._changed)
        state.announcers.append(self._announce)
        state.gets["webhooks"] = self._list
        state.posts["webhooks"] = self._point_to
        state.posts["webhook-faults"] = self._add_faults

    def _start_anew(self) -> None:
        self._resets = self._state.resets
        self._url, self._secret = self._config.whmcs_webhook_url, self._config.whmcs_webhook_secret
        self._hooks = Hooks(self._world)
        self._faults: deque[str] = deque()
        self._held: list[Sent] = []
        self._announced: Counter[tuple[str, str]] = Counter()
        self._sent: deque[Sent] = deque(maxlen=_KEPT)

    def _follow_resets(self) -> None:
        if self._resets != self._state.resets:
            self._start_anew()

    # -- changes -----------------------------------------------------------------------------------------------------

    def _changed(self, system: str, kind: str, record_id: str, change: Change) -> None:
        """Called after each change, in whichever thread makes it; the server's loop does the rest."""
        if system == "whmcs" and self._state.loop is not None:
            self._state.loop.call_soon_threadsafe(self._tell, kind, record_id, change.fields, change.deleted)

    async def _announce(
        self, system: str, kind: str, record_id: str, fields: Mapping[str, object], *, deleted: bool
    ) -> None:
        """Called before a change that the control plane makes."""
        early = int(self._state.quirks.get("webhook_before_commit_ms", DEFAULTS["webhook_before_commit_ms"]))
        if system == "whmcs" and early:
            self._tell(kind, record_id, fields, deleted)
            self._announced[kind, record_id] += 1
            await asyncio.sleep(early / 1000)

    def _tell(self, kind: str, record_id: str, fields: Mapping[str, object], deleted: bool) -> None:
        self._follow_resets()
        if self._announced[kind, record_id]:
            self._announced[kind, record_id] -= 1
            return
        named = self._hooks.of(kind, record_id, fields, deleted=deleted)
        if named is None or not self._url:
            return
        notification: dict[str, object] = {
            "id": uuid4().hex,
            "event": named.event,
            "entity": named.entity,
            "entityId": named.entity_id,
            "clientId": named.client_id,
            "occurredAt": int(self._state.clock.now().timestamp()),
        }
        self._take_away(Sent(notification, self._faults.popleft() if self._faults else None))

    def _take_away(self, sent: Sent) -> None:
        self._sent.append(sent)
        if sent.fault == "reorder":
            self._held.append(sent)
        elif sent.fault != "drop":
            late, self._held = self._held, []
            task = asyncio.get_running_loop().create_task(self._deliver([sent] * (1 + (sent.fault == "double")) + late))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # -- messages ----------------------------------------------------------------------------------------------------

    async def _deliver(self, messages: list[Sent]) -> None:
        for sent in messages:
            sent.answers.append(await _answer(self._url, self._secret, json.dumps(sent.notification).encode()))

    # -- the control plane -------------------------------------------------------------------------------------------

    def _list(self, _: Any, _world: World, _state: State) -> Response:
        self._follow_resets()
        sent = [{**each.notification, "fault": each.fault, "answers": each.answers} for each in self._sent]
        return json_response({"url": self._url, "faults": list(self._faults), "sent": sent})

    def _point_to(self, content: dict[str, object], _: World, _state: State) -> Response:
        self._follow_resets()
        url, secret = content["url"] or "", content.get("secret", "")
        if not isinstance(url, str) or not isinstance(secret, str) or (url and not urlsplit(url).hostname):
            raise ValueError("url must be an address, or null to tell nobody; secret a text")
        self._url, self._secret = url, secret
        return json_response({"url": url})

    def _add_faults(self, content: dict[str, object], _: World, _state: State) -> Response:
        self._follow_resets()
        mode, times = content["mode"], int(str(content.get("times", 1)))
        if mode not in _MODES or times < 1:
            raise ValueError(f"mode must be one of {', '.join(_MODES)}; times 1 or more")
        self._faults.extend([str(mode)] * times)
        return json_response({"faults": list(self._faults)})


async def _answer(url: str, secret: str, body: bytes) -> int | str:
    """Status of the answer to one message, "unreachable" or "timeout"."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await _exchange(url, _signed(url, secret, body))
    except TimeoutError:
        return "timeout"
    except (OSError, ValueError, IndexError):
        return "unreachable"


async def _exchange(url: str, request: bytes) -> int:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or (443 if secure else 80), ssl=secure)
    try:
        writer.write(request)
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


def _signed(url: str, secret: str, body: bytes) -> bytes:
    # Real time, whatever the sandbox's clock says: a receiver compares it with its own.
    timestamp = str(int(time.time()))
    signature = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hexdigest()
    parts = urlsplit(url)
    lines = (
        f"POST {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Hub-Timestamp: {timestamp}",
        f"X-Hub-Signature: v1={signature}",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body
