"""Salesforce cases, and what is said on them, in our words."""

from collections.abc import Mapping

from pydantic import ValidationError

from domain.common.failures import broken
from domain.common.identifiers import account_id, hub_id
from domain.common.salesforce import flat
from domain.common.vocabulary import SalesforceVocabulary
from domain.support.contract import CaseComment, CasePriority, CaseStatus, SupportCase
from domain.support.providers.salesforce.raw import RawCase, RawCaseComment

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


def case_from_row(
    row: Mapping[str, object],
    vocabulary: SalesforceVocabulary,  # noqa: ARG001 - every mapper is called alike
) -> SupportCase:
    """The support case that a Case record describes.

    Raises:
        MappingError: a field that gives it its meaning is missing or malformed.
    """
    try:
        raw = RawCase.model_validate(flat(row))
        return SupportCase(
            id=hub_id("salesforce", "case", raw.id),
            source="salesforce",
            source_id=raw.id,
            source_updated_at=raw.system_modstamp,
            deleted_at=raw.deleted_at,
            account_id=account_id("salesforce", raw.account) if raw.account else None,
            case_number=raw.number,
            subject=raw.subject,
            description=raw.description,
            status=STATUSES.get(raw.status or "", "other"),
            source_status=raw.status,
            priority=PRIORITIES.get(raw.priority or "", "other"),
            source_priority=raw.priority,
            category=raw.type,
            origin=raw.origin,
            is_closed=raw.is_closed,
            opened_at=raw.created,
            closed_at=raw.closed,
        )
    except (ValidationError, ValueError) as error:
        raise broken("salesforce", row.get("Id"), error) from error


def comment_from_row(row: Mapping[str, object], vocabulary: SalesforceVocabulary) -> CaseComment:
    """The comment that a CaseComment record describes. What the portal's own user wrote are customers' words.

    Raises:
        MappingError: a field that gives it its meaning is missing or malformed.
    """
    try:
        raw = RawCaseComment.model_validate(flat(row))
        return CaseComment(
            id=hub_id("salesforce", "case_comment", raw.id),
            source="salesforce",
            source_id=raw.id,
            source_updated_at=raw.system_modstamp,
            deleted_at=raw.deleted_at,
            account_id=account_id("salesforce", raw.account) if raw.account else None,
            case_id=hub_id("salesforce", "case", raw.case),
            author="customer" if raw.author_name in vocabulary.portal_users else "agent",
            source_author=raw.author,
            body=raw.body,
            is_public=raw.is_published,
            written_at=raw.created,
        )
    except (ValidationError, ValueError) as error:
        raise broken("salesforce", row.get("Id"), error) from error
