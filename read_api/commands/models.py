"""Wire models of commands."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta

from read_api.http.wire import Listed, Single, Wire

Status = Literal["accepted", "running", "waiting", "succeeded", "failed", "cancelled", "needs_attention"]


class Accepted(Wire, frozen=True):
    """A command that was accepted; nothing is done yet."""

    id: UUID
    kind: Annotated[str, Meta(examples=["place_order"])]
    status: Literal["accepted"]
    accepted_at: datetime
    command: Annotated[str, Meta(description="Path that says what becomes of it")]
    resource: Annotated[str, Meta(description="Path of the thing it makes or changes")]


class AcceptedAnswer(Wire, frozen=True):
    """A command that was accepted."""

    data: Accepted


class Failure(Wire, frozen=True):
    """Why a command failed."""

    code: Annotated[str | None, Meta(description="For programs", examples=["PAYMENT_METHOD_MISSING"])]
    reason: Annotated[str | None, Meta(description="For people")]


class Subject(Wire, frozen=True):
    """What a command makes or changes."""

    kind: Annotated[str, Meta(examples=["orders"])]
    id: UUID


class Command(Wire, frozen=True):
    """What the customer asked for, and what became of it."""

    id: UUID
    kind: str
    status: Annotated[Status, Meta(description="needs_attention: the hub's operators are told, and look")]
    waits_for: Annotated[str | None, Meta(description="What it waits for; null: nothing")]
    failure: Failure | None
    subject: Subject
    result: Annotated[dict[str, Any] | None, Meta(description="Ids in other systems; null: none yet")]
    accepted_at: datetime
    finished_at: datetime | None


class Pending(Wire, frozen=True):
    """A change that is on its way."""

    command_id: UUID
    kind: str
    status: Status
    waits_for: str | None
    accepted_at: datetime


class CommandList(Listed, frozen=True):
    """A page of commands."""

    data: list[Command]


class CommandAnswer(Single, frozen=True):
    """One command."""

    data: Command
