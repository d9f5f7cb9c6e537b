"""Support cases and what is said on them, from Salesforce."""

from sqlalchemy import Index, Table

from domain.support.contract import CasePriority, CaseStatus, CommentAuthor
from sql.tables.columns import choice, flag, hub_times, instant, metadata, owner, reference, synced, text

support_cases = Table(
    "support_cases",
    metadata,
    *synced("salesforce", "Case"),
    owner("Salesforce", required=False),
    text("case_number", "CaseNumber, as shown to people", personal=False),
    text("subject", "What it is about, as the customer wrote it", personal=True),
    text("description", "The customer's text", personal=True),
    choice("status", CaseStatus, "Where the case stands", required=True),
    text("source_status", "Status, as sent; Working, In Progress and Escalated count as in_progress", personal=False),
    choice("priority", CasePriority, "Urgency", required=True),
    text("source_priority", "Priority, as sent", personal=False),
    text("category", "Type, as sent", personal=False),
    text("origin", "Channel it came by, as sent, such as Portal Website", personal=False),
    flag("is_closed", "IsClosed: no more work is planned", required=True),
    instant("opened_at", "CreatedDate: when it was opened, UTC", required=True),
    instant("closed_at", "ClosedDate: when it was closed, UTC"),
    *hub_times(),
    schema="hub",
    comment="One row per support case (Salesforce Case).",
)

Index(
    "support_cases_account_opened_idx",
    support_cases.c.account_id,
    support_cases.c.opened_at.desc(),
    support_cases.c.id.desc(),
)

case_comments = Table(
    "case_comments",
    metadata,
    *synced("salesforce", "CaseComment"),
    owner("Salesforce", required=False),
    reference("case_id", "Case it was said on: hub.support_cases.id", required=True),
    choice("author", CommentAuthor, "Who said it", required=True),
    text("source_author", "CreatedById: the Salesforce user that wrote it", personal=False),
    text("body", "CommentBody: what was said", personal=True),
    flag("is_public", "IsPublished: the customer may read it; the others are agents' notes", required=True),
    instant("written_at", "CreatedDate: when it was said, UTC", required=True),
    *hub_times(),
    schema="hub",
    comment="One row per comment on a support case (Salesforce CaseComment).",
)

Index(None, case_comments.c.case_id)
