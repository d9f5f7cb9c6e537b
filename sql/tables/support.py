"""Support cases, from Salesforce."""

from sqlalchemy import Index, Table

from sql.tables.columns import choice, flag, hub_times, instant, metadata, owner, synced, text

support_cases = Table(
    "support_cases",
    metadata,
    *synced("salesforce", "Case"),
    owner("Salesforce"),
    text("case_number", "CaseNumber, as shown to people"),
    text("subject", "What it is about, as the customer wrote it"),
    text("description", "The customer's text"),
    choice(
        "status", ("new", "in_progress", "awaiting_customer", "closed", "other"), "Where the case stands", required=True
    ),
    text("source_status", "Status, as sent; Working, In Progress and Escalated count as in_progress"),
    choice("priority", ("low", "medium", "high", "other"), "Urgency", required=True),
    text("source_priority", "Priority, as sent"),
    text("category", "Type, as sent"),
    text("origin", "Channel it came by, as sent, such as Portal Website"),
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
