"""Support cases."""

from typing import ClassVar, Literal
from uuid import UUID

from domain.common.record import Record
from domain.common.times import Instant

CaseStatus = Literal["new", "in_progress", "awaiting_customer", "closed", "other"]
CasePriority = Literal["low", "medium", "high", "other"]
CommentAuthor = Literal["customer", "agent"]


class SupportCase(Record):
    """A case a customer opened, or that was opened for one. Without an account it is nobody's: no customer sees it."""

    labels: ClassVar[tuple[tuple[str, str], ...]] = (("status", "source_status"), ("priority", "source_priority"))

    account_id: UUID | None
    case_number: str | None
    subject: str | None
    description: str | None
    status: CaseStatus
    source_status: str | None
    priority: CasePriority
    source_priority: str | None
    category: str | None
    origin: str | None
    is_closed: bool
    opened_at: Instant
    closed_at: Instant | None


class CaseComment(Record):
    """What somebody said on a case. `is_public`: the customer may read it; others are notes of agents to each other."""

    account_id: UUID | None
    case_id: UUID
    author: CommentAuthor
    source_author: str | None
    body: str | None
    is_public: bool
    written_at: Instant
