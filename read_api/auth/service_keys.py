"""Service keys: what a server-side portal, or another system, shows at each request, where nobody logged in.

A key names no customer: each request names one, in a header, and the key says for which it may act and as what. Every
copy of the API keeps the good keys in memory, by their hashes (verification.py).
"""

import asyncio
import re
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from math import inf
from secrets import token_hex
from time import monotonic, time
from typing import Any
from uuid import UUID, uuid4

import msgspec
from litestar.connection import ASGIConnection

from core.errors import HubError
from core.logging import logger
from domain.common.account_roles import AccountRole
from read_api.auth.caller import Caller
from read_api.auth.limits import key_of, neighbourhood
from read_api.auth.tokens import InvalidTokenError
from read_api.http.problems.errors import InvalidFieldError
from read_api.store.database import Database, UnknownCustomerError
from read_api.store.questions import Question

log = logger(__name__)

NOTE_KEY_USE = Question("auth/note_key_use")

PREFIX = "hubkey_"
"""Programs that look for secrets in repositories and logs know a key of ours by it."""
FORM = re.compile(PREFIX + r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_[0-9a-f]{64}")
CUSTOMER_HEADER = "X-Customer"

NOTED_SECONDS = 3660.0
"""An hour, and a minute for what an entry may be late: one that is asked for too early is an hour later."""
REFUSED_SECONDS = 300.0
"""After how long a copy asks again that was told of another copy's entry, which is up to an hour old."""
CLOSES_WITHIN_SECONDS = 5.0
NOTED_PLACES = 10_000
"""From how many addresses uses are remembered; when there are more, they are asked about again, which adds no entry."""


class ServiceKey(msgspec.Struct, frozen=True):
    """A key that is good. hash: SHA-256 of it, in hexadecimal. customers: None: any. expires: seconds since 1970."""

    id: str
    hash: str
    role: AccountRole
    customers: frozenset[str] | None
    expires: float


def new_key() -> tuple[UUID, str]:
    """The id of a new key, and the key, which holds 256 random bits."""
    id_ = uuid4()
    return id_, f"{PREFIX}{id_}_{token_hex(32)}"


def hash_of(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def is_service_key(token: str) -> bool:
    """Whether it says that it is one; no other token does."""
    return token.startswith(PREFIX)


def shown_key(keys: Mapping[str, ServiceKey], shown: str) -> ServiceKey:
    """The good key that somebody shows.

    Raises:
        InvalidTokenError: it is none.
    """
    found = FORM.fullmatch(shown)
    key = keys.get(found[1]) if found else None
    if key is None or not compare_digest(hash_of(shown), key.hash) or key.expires <= time():
        raise InvalidTokenError("the bearer token is not valid")
    return key


def caller_by_service_key(key: ServiceKey, connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Whom the key speaks for: the customer that this request names.

    It is always fresh: there is nobody who could be asked to prove again who they are.

    Raises:
        InvalidFieldError: it names none, or several.
        UnknownCustomerError: the key may not act for that one, of whom nothing is said: not even whether it exists.
    """
    customer = _named_customer(connection)
    if key.customers is not None and customer not in key.customers:
        raise UnknownCustomerError("the key may not act for that customer")
    return Caller(customer, key.role, key.expires, authenticated_at=inf, key=key.id)


def _named_customer(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    name = CUSTOMER_HEADER.lower().encode()
    sent = [value for header, value in connection.scope["headers"] if header == name]
    # Of two, a proxy and we might read different ones.
    if len(sent) != 1:
        raise InvalidFieldError(CUSTOMER_HEADER, "must be sent once with a service key: the customer's id")
    try:
        return str(UUID(sent[0].decode("latin-1")))
    except ValueError as error:
        raise InvalidFieldError(CUSTOMER_HEADER, "is not the id of a customer (a UUID)") from error


class KeyUses:
    """The entries of the audit about keys that were shown: one an hour for each key and neighbourhood of addresses.

    A task of its own stores them: no request waits for that, and none is refused where it fails; then the next use of
    the key tries again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted_at: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def saw(self, key: ServiceKey, address: str) -> None:
        """A key was shown, and is good; whatever becomes of the request."""
        place, now = key_of("service_key", key.id, neighbourhood(address)), monotonic()
        if now - self._noted_at.get(place, float("-inf")) < NOTED_SECONDS:
            return
        if len(self._noted_at) >= NOTED_PLACES:
            self._noted_at.clear()
        self._noted_at[place] = now
        task = asyncio.create_task(self._note(key.id, place, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait until all that was seen is stored, or could not be; not long, for a process that ends is waited for."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSES_WITHIN_SECONDS)
            for task in late:
                task.cancel()

    async def _note(self, key: str, place: str, address: str) -> None:
        try:
            ((noted,),) = await self._database.tell(NOTE_KEY_USE, {"key": key, "place": place, "address": address})
            if noted != b"t":
                self._noted_at[place] = monotonic() - NOTED_SECONDS + REFUSED_SECONDS
        except HubError:
            self._noted_at.pop(place, None)
            log.warning("auth.key_use_not_noted", key=key)
