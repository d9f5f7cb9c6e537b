"""Salesforce cases, and what is said on them, in our words (source: Object Reference)."""

from collections.abc import Mapping

from domain.common.field_table import combined_by_words
from domain.common.salesforce import as_sent, flag, hub_id_of, instant, label, table_of, text
from domain.common.vocabulary import SalesforceVocabulary
from domain.support.contract import CaseComment, CasePriority, CaseStatus, CommentAuthor, SupportCase

MAPPER_VERSION = "2"

STATUSES: Mapping[str, CaseStatus] = {
    "New": "new",
    "Working": "in_progress",
    "In Progress": "in_progress",
    "Escalated": "in_progress",
    "Awaiting": "awaiting_customer",
    "Awaiting Customer": "awaiting_customer",
    "Closed": "closed",
}
PRIORITIES: Mapping[str, CasePriority] = {"High": "high", "Medium": "medium", "Low": "low"}


CASE = table_of(
    SupportCase,
    id=hub_id_of("case", "Id", required=True),
    account_id=hub_id_of("account", "AccountId"),
    case_number=text("CaseNumber"),
    subject=text("Subject"),
    description=text("Description"),
    status=label("Status", STATUSES),
    source_status=as_sent("Status"),
    priority=label("Priority", PRIORITIES),
    source_priority=as_sent("Priority"),
    category=text("Type"),
    origin=text("Origin"),
    is_closed=flag("IsClosed"),
    opened_at=instant("CreatedDate", required=True),
    closed_at=instant("ClosedDate"),
)
"""A Case. One that came by mail or from the web has no account until an agent gives it one."""


def _author(username: str | None, words: SalesforceVocabulary) -> CommentAuthor:
    """What the portal's own user wrote are customers' words."""
    return "customer" if username in words.portal_users else "agent"


COMMENT = table_of(
    CaseComment,
    id=hub_id_of("case_comment", "Id", required=True),
    account_id=hub_id_of("account", "Parent.AccountId"),
    case_id=hub_id_of("case", "ParentId", required=True),
    author=combined_by_words(_author, as_sent("CreatedBy.Username")),
    source_author=as_sent("CreatedById"),
    body=text("CommentBody"),
    is_public=flag("IsPublished"),
    written_at=instant("CreatedDate", required=True),
)
"""A CaseComment, with its case's account and the name its author logs in by."""
