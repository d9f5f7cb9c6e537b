"""Admission: what costs a source call, a thread, a connection or a catch-up is counted per customer, before it starts.

The counts are in PostgreSQL (`command.admit`), so all API processes share them. A request that costs none of these asks
nothing here (decision 0022).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from msgspec.structs import replace

from core.errors import HubError
from core.settings import ApiSettings
from domain.common.identifiers import System
from read_api.auth.caller import caller_of
from read_api.http.answers import database_of
from read_api.http.problems.errors import ForbiddenRoleError, NotAdmittedError
from read_api.http.services import services_of
from read_api.store.database import UnknownCustomerError
from read_api.store.questions import Question

ADMIT = Question("commands/admit")
RELEASE = Question("commands/release_admission")

Connection = ASGIConnection[Any, Any, Any, State]


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one customer may do of one kind, as `command.admit` reads it. None: not limited.

    open: commands that are not finished. share: percent of the daily calls of `system`, of which this takes about
    `calls`. expires_after: seconds for which it counts as under way, unless released before.
    """

    at_once: int | None = None
    per_minute: int | None = None
    per_day: int | None = None
    open: int | None = None
    share: float | None = None
    system: System | None = None
    calls: int | None = None
    expires_after: float | None = None

    def json(self) -> str:
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True)
class Kind:
    """A kind of request that costs something."""

    name: str
    limits: Callable[[ApiSettings], Limits]

    def of(self, connection: Connection) -> Limits:
        return self.limits(services_of(connection).settings)

    def taking(self, crm_calls: int) -> "Kind":
        """The same, where one request takes about so many calls to Salesforce, which sells them by the day."""
        if not crm_calls:
            return self
        return Kind(self.name, lambda settings: replace(self.limits(settings), system="salesforce", calls=crm_calls))


LONGEST_UPLOAD_SECONDS = 150.0
"""An upload has ended by then, or is given up; where the process died, its customer may begin another after it."""

COMMANDS = Kind(
    "commands",
    lambda settings: Limits(
        per_minute=settings.commands_per_minute,
        per_day=settings.commands_per_day,
        open=settings.commands_open,
        share=settings.quota_share_percent,
    ),
)
UPLOADS = Kind(
    "uploads",
    # An upload becomes a command, so it is refused where a command would be.
    lambda settings: Limits(
        at_once=1,
        per_minute=settings.uploads_per_minute,
        per_day=settings.uploads_per_day,
        open=settings.commands_open,
        share=settings.quota_share_percent,
        expires_after=LONGEST_UPLOAD_SECONDS,
    ),
)
PAY_LINKS = Kind(
    "pay_links",
    lambda settings: Limits(
        at_once=2, per_minute=settings.pay_links_per_minute, per_day=settings.pay_links_per_day, expires_after=30.0
    ),
)
WAITS = Kind("waits", lambda settings: Limits(at_once=settings.waits_at_once, expires_after=15.0))
# What is looked at is shown whatever its age, so nobody is refused: the functions that request its refresh count.
REFRESHES = Kind(
    "refreshes",
    lambda settings: Limits(per_minute=settings.refreshes_per_minute, per_day=settings.refreshes_per_day),
)
CATCH_UPS = Kind("catch_ups", lambda settings: Limits(per_minute=settings.catch_ups_per_minute))


async def admit(connection: Connection, customer: str, kind: Kind) -> str:
    """Count a request of the customer (an id it was ever known by); the id it is counted under.

    Raises:
        NotAdmittedError: a limit is reached.
        UnknownCustomerError, DatabaseDownError.
    """
    admission = str(uuid4())
    values = {"admission": admission, "kind": kind.name, "limits": kind.of(connection).json()}
    found = await database_of(connection).ask(ADMIT, customer, values, role=caller_of(connection).role)
    refused_by, retry_after = found.rows[0]
    check(kind, refused_by, retry_after)
    return admission


@asynccontextmanager
async def admitted(connection: Connection, customer: str, kind: Kind) -> AsyncIterator[str]:
    """The same for what takes a while: it counts as under way until it is left, however that comes.

    Raises:
        as `admit`.
    """
    admission = await admit(connection, customer, kind)
    try:
        yield admission
    finally:
        # Shielded, because the caller may have gone and this task be cancelled: until it is released, the customer
        # cannot try again. Where the database does not answer, it ends by itself after `expires_after`.
        with suppress(HubError):
            await asyncio.shield(database_of(connection).ask(RELEASE, customer, {"admission": admission}))


def check(kind: Kind, refused_by: bytes | None, retry_after: bytes | None) -> None:
    """What `command.admit` said.

    Raises:
        NotAdmittedError, ForbiddenRoleError, UnknownCustomerError.
    """
    if refused_by == b"unknown":
        raise UnknownCustomerError("the hub does not know that customer")
    if refused_by == b"role":
        raise ForbiddenRoleError("", ())
    if refused_by is not None:
        raise NotAdmittedError(kind.name, refused_by.decode(), int(retry_after or b"1"))
