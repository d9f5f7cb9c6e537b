"""Wire models of support cases."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from domain.support.contract import CasePriority, CaseStatus, CommentAuthor
from read_api.commands.models import Pending
from read_api.http.wire import Wire, one_of, page_of


class Case(Wire, frozen=True):
    """A support case."""

    id: UUID
    case_number: Annotated[str | None, Meta(description="Number shown to people")]
    subject: str | None
    status: CaseStatus
    priority: CasePriority
    category: str | None
    is_closed: bool
    opened_at: datetime
    closed_at: datetime | None
    updated_at: Annotated[datetime | None, Meta(description="Last change, UTC")]
    pending: Annotated[list[Pending], Meta(description="Changes that are on their way")]


class Comment(Wire, frozen=True):
    """What somebody said on a case; agents' notes among themselves are not here."""

    id: UUID
    body: str | None
    author: CommentAuthor
    created_at: datetime


class CaseDetail(Case, frozen=True):
    """A support case with its text."""

    description: Annotated[str | None, Meta(description="The customer's text")]
    comments: Annotated[list[Comment], Meta(description="Oldest first")]


CaseList = page_of(Case, "CaseList", "A page of support cases.")
CaseAnswer = one_of(CaseDetail, "CaseAnswer", "One support case.")
