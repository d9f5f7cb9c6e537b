"""Cases, and what is said on them.

Case, CaseComment: Object Reference; portal reference, 11.
"""

from datetime import UTC, datetime
from typing import Any

from domain.common.vocabulary import SalesforceVocabulary
from domain.support.contract import CaseComment, SupportCase
from tests.domain.literals.literal import SALESFORCE, Labels, Literal, Row, ours
from tests.domain.readers import case_from_row, comment_from_row

PORTAL = SalesforceVocabulary(portal_users=("hub@example.com", "portal@example.com"))


def case(row: Row) -> object:
    return case_from_row(row, SALESFORCE)


def comment(row: Row) -> object:
    return comment_from_row(row, PORTAL)


CASE: dict[str, Any] = {
    "attributes": {"type": "Case"}, "Id": "500D000000IRFma", "IsDeleted": False,
    "SystemModstamp": "2026-02-03T04:05:06.000+0000", "AccountId": "001D000000IRFma", "CaseNumber": "00001026",
    "Subject": "AT&amp;T ?x=1&reg=2", "Description": "It is slow.\nSince Monday.", "Status": "Escalated",
    "Priority": "High", "Type": "Network", "Origin": "Portal Website", "IsClosed": True,
    "CreatedDate": "2026-02-01T15:30:00.000+0000", "ClosedDate": "2026-02-03T04:00:00.000+0000",
}  # fmt: skip
BARE_CASE: dict[str, Any] = {
    "attributes": {"type": "Case"}, "Id": "500000000000002AAA", "IsDeleted": True,
    "SystemModstamp": "2026-02-04T00:00:00.000+0000", "AccountId": None, "CaseNumber": "00001027", "Subject": None,
    "Description": None, "Status": "New", "Priority": None, "Type": None, "Origin": "Email", "IsClosed": False,
    "CreatedDate": "2026-02-02T00:00:00.000+0000", "ClosedDate": None,
}  # fmt: skip
CASE_SAYS = (SupportCase, {
    "id": ours("salesforce:case:500D000000IRFmaIAH"), "source": "salesforce", "source_id": "500D000000IRFmaIAH",
    "source_updated_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    "account_id": ours("salesforce:account:001D000000IRFmaIAH"), "case_number": "00001026",
    "subject": "AT&amp;T ?x=1&reg=2", "description": "It is slow.\nSince Monday.", "status": "in_progress",
    "source_status": "Escalated", "priority": "high", "source_priority": "High", "category": "Network",
    "origin": "Portal Website", "is_closed": True, "opened_at": datetime(2026, 2, 1, 15, 30, tzinfo=UTC),
    "closed_at": datetime(2026, 2, 3, 4, tzinfo=UTC),
})  # fmt: skip
BARE_CASE_SAYS = (SupportCase, {
    "id": ours("salesforce:case:500000000000002AAA"), "source": "salesforce", "source_id": "500000000000002AAA",
    "source_updated_at": datetime(2026, 2, 4, tzinfo=UTC), "deleted_at": datetime(2026, 2, 4, tzinfo=UTC),
    "case_number": "00001027", "status": "new", "source_status": "New", "priority": "other", "origin": "Email",
    "is_closed": False, "opened_at": datetime(2026, 2, 2, tzinfo=UTC),
})  # fmt: skip

COMMENT: dict[str, Any] = {
    "attributes": {"type": "CaseComment"}, "Id": "00aD000000IRFma", "IsDeleted": False,
    "SystemModstamp": "2026-02-03T04:05:06.000+0000", "ParentId": "500D000000IRFma",
    "Parent": {"attributes": {"type": "Case"}, "AccountId": "001D000000IRFma"},
    "CreatedById": "005000000000001AAA",
    "CreatedBy": {"attributes": {"type": "User"}, "Username": "portal@example.com"},
    "CommentBody": "Still slow &amp; worse", "IsPublished": True, "CreatedDate": "2026-02-01T15:30:00.000+0000",
}  # fmt: skip
NOTE = COMMENT | {
    "Id": "00a000000000002AAA", "IsDeleted": True, "Parent": {"attributes": {"type": "Case"}, "AccountId": None},
    "CreatedBy": {"attributes": {"type": "User"}, "Username": "agent@example.com"}, "IsPublished": False,
}  # fmt: skip
_COMMENT = {
    "source": "salesforce", "source_updated_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    "case_id": ours("salesforce:case:500D000000IRFmaIAH"), "source_author": "005000000000001AAA",
    "body": "Still slow &amp; worse", "written_at": datetime(2026, 2, 1, 15, 30, tzinfo=UTC),
}  # fmt: skip
COMMENT_SAYS = (CaseComment, _COMMENT | {
    "id": ours("salesforce:case_comment:00aD000000IRFmaIAH"), "source_id": "00aD000000IRFmaIAH",
    "account_id": ours("salesforce:account:001D000000IRFmaIAH"), "author": "customer", "is_public": True,
})  # fmt: skip
NOTE_SAYS = (CaseComment, _COMMENT | {
    "id": ours("salesforce:case_comment:00a000000000002AAA"), "source_id": "00a000000000002AAA",
    "deleted_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), "author": "agent", "is_public": False,
})  # fmt: skip
# What an org does not let the hub read: a comment that nobody calls public is a note.
HIDDEN = {name: COMMENT[name] for name in ("Id", "SystemModstamp", "ParentId", "CreatedDate")}
HIDDEN_SAYS = (CaseComment, {
    "id": ours("salesforce:case_comment:00aD000000IRFmaIAH"), "source": "salesforce",
    "source_id": "00aD000000IRFmaIAH", "source_updated_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    "case_id": ours("salesforce:case:500D000000IRFmaIAH"), "author": "agent", "is_public": False,
    "written_at": datetime(2026, 2, 1, 15, 30, tzinfo=UTC),
})  # fmt: skip

LITERALS = (
    Literal("a case that is closed", case, CASE, (CASE_SAYS,)),
    Literal("a case by mail, of nobody, that is deleted", case, BARE_CASE, (BARE_CASE_SAYS,)),
    Literal("what a customer said on a case", comment, COMMENT, (COMMENT_SAYS,)),
    Literal("what agents note for each other, on a case of nobody", comment, NOTE, (NOTE_SAYS,)),
    Literal("a comment of which little may be read", comment, HIDDEN, (HIDDEN_SAYS,)),
)

# Object Reference, Case: values of a fresh org; portal reference, 11.
LABELS = (
    Labels("Status", "status", case, CASE, {
        "New": "new", "Working": "in_progress", "In Progress": "in_progress", "Escalated": "in_progress",
        "Awaiting": "awaiting_customer", "Awaiting Customer": "awaiting_customer", "Closed": "closed",
    }),
    Labels("Priority", "priority", case, CASE, {"High": "high", "Medium": "medium", "Low": "low"}),
)  # fmt: skip
