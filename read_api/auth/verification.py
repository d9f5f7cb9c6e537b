"""What tokens are checked against: the keys that verify them, what was called back before its time, and service keys.

All are kept in memory, by every copy of the API. A change is notified on the channel `hub_auth` and read at once, over
the connections that customers' data comes by; without a notification it is read within LOOK_EVERY_SECONDS. Where the
database cannot be asked, nobody's token is good: whether it was called back is not known.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic

import msgspec
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import AsyncConnection

from core.errors import HubError
from core.logging import logger
from read_api.auth.access import public_jwk
from read_api.auth.service_keys import ServiceKey
from read_api.auth.tokens import CLOCKS_DIFFER_SECONDS, VIEW_MINUTES
from read_api.store.database import Database, DatabaseDownError
from read_api.store.questions import Question

log = logger(__name__)

VERIFYING = Question("auth/verifying")

CHANNEL = "hub_auth"
LOOK_EVERY_SECONDS = 0.5
TRUSTED_SECONDS = 5.0
"""How old what is known may be: where a look takes longer, over the connections that all data comes by, none comes."""
LATELY_SECONDS = 60
"""How far a look goes back: longer than any transaction that calls something back takes to commit."""


class _Key(msgspec.Struct):
    kid: str
    public: str


class Verification:
    """Public keys by name, and for each session the epoch below which its tokens were called back."""

    def __init__(self, url: str, database: Database, token_minutes: int) -> None:
        self._url = url
        self._database = database
        # Of what was called back before the first look, all whose tokens may still live.
        self._longest_seconds = max(token_minutes, VIEW_MINUTES) * 60 + 2 * CLOCKS_DIFFER_SECONDS
        self._called_back: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._turned_at = monotonic()
        self._read_at = float("-inf")
        self._raw_keys: bytes = b""
        self._raw_service_keys: bytes = b""
        self._service_keys: dict[str, ServiceKey] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._told = asyncio.Event()
        self._news = asyncio.Event()
        self._keys: dict[str, Ed25519PublicKey] = {}
        self.jwks = b'{"keys":[]}'
        self.keys_changed: Callable[[], object] = lambda: None

    def open(self) -> None:
        """Begin to follow; does not wait for the database."""
        self._tasks = [asyncio.create_task(each) for each in (self._look_again_and_again(), self._listen())]

    async def close(self) -> None:
        for task in self._tasks:
            # Before Python 3.12, asyncio.wait_for, which psycopg uses too, loses a cancellation that comes together
            # with what it waits for: whoever then waited for the task would do so for ever.
            while not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=1)

    def keys(self) -> Mapping[str, Ed25519PublicKey]:
        """Public keys by name.

        Raises:
            DatabaseDownError: they are not known now, as on a copy that has just started: its answer is no refusal.
        """
        self._require_known()
        return self._keys

    def is_called_back(self, session: str, epoch: int) -> bool:
        """Whether tokens that were made in that epoch of the session are good no more.

        Raises:
            DatabaseDownError: it is not known now.
        """
        self._require_known()
        return epoch < self._called_back.get(session, 0) or epoch < self._before.get(session, 0)

    async def called_back(self, session: str, epoch: int) -> None:
        """Return once they are, or once that is not known any more: for what goes on longer than a request."""
        while self._is_known and epoch >= max(self._called_back.get(session, 0), self._before.get(session, 0)):
            await self._hear()

    def service_keys(self) -> Mapping[str, ServiceKey]:
        """The keys of systems that are good, by their ids; whether one ends this moment, its caller looks.

        Raises:
            DatabaseDownError: it is not known now.
        """
        self._require_known()
        return self._service_keys

    async def service_key_ended(self, id_: str) -> None:
        """Return once it is good no more, or once that is not known any more."""
        while self._is_known and id_ in self._service_keys:
            await self._hear()

    async def _hear(self) -> None:
        """Return at news, or after a while without."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TRUSTED_SECONDS):
                await self._news.wait()

    @property
    def _is_known(self) -> bool:
        return monotonic() - self._read_at <= TRUSTED_SECONDS

    async def look(self) -> None:
        """Read it now.

        Raises:
            DatabaseDownError.
        """
        at = monotonic()
        ((keys, called_back, service_keys),) = await self._database.tell(VERIFYING, {"seconds": self._reach()})
        self._take(keys or b"[]", called_back or b"{}", service_keys or b"[]", at)

    async def _look_again_and_again(self) -> None:
        while True:
            self._told.clear()
            with suppress(HubError):
                await self.look()
            # Not asyncio.wait_for: before Python 3.12 it goes on, cancelled or not, where what it waits for comes at
            # that moment.
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._told.wait()

    async def _listen(self) -> None:
        """Notifications only save waiting: a connection that is dead and does not say so delays nothing."""
        while True:
            with suppress(psycopg.Error):
                async with await AsyncConnection.connect(
                    self._url, autocommit=True, application_name="hub-api auth", connect_timeout=3
                ) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    async for _ in connection.notifies():
                        self._told.set()
            log.warning("auth.listening_ended")
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _reach(self) -> str:
        """How far back to look, in seconds: whatever may not be known yet."""
        since = monotonic() - self._read_at
        return str(int(min(since + LATELY_SECONDS, self._longest_seconds)))

    def _require_known(self) -> None:
        if not self._is_known:
            raise DatabaseDownError("which tokens are good is not known")

    def _take(self, keys: bytes, called_back: bytes, service_keys: bytes, at: float) -> None:
        if keys != self._raw_keys:
            found = {each.kid: bytes.fromhex(each.public) for each in msgspec.json.decode(keys, type=list[_Key])}
            self._keys = {kid: Ed25519PublicKey.from_public_bytes(public) for kid, public in found.items()}
            self.jwks = msgspec.json.encode({"keys": [public_jwk(kid, public) for kid, public in found.items()]})
            self._raw_keys = keys
            self.keys_changed()
        if at - self._turned_at > self._longest_seconds:
            # Two generations, so that nothing is forgotten before the last token it concerns has ended.
            self._before, self._called_back, self._turned_at = self._called_back, {}, at
        is_new = False
        for session, epoch in msgspec.json.decode(called_back, type=dict[str, int]).items():
            if epoch > self._called_back.get(session, 0):
                self._called_back[session], is_new = epoch, True
        if service_keys != self._raw_service_keys:
            found_keys = msgspec.json.decode(service_keys, type=list[ServiceKey])
            self._service_keys, self._raw_service_keys = {each.id: each for each in found_keys}, service_keys
            is_new = True
        self._read_at = at
        if is_new:
            self._news.set()
            self._news = asyncio.Event()
