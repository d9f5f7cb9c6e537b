"""Salesforce accounts in our words."""

import re
from collections.abc import Mapping

from pydantic import ValidationError

from domain.common.failures import broken
from domain.common.identifiers import account_id
from domain.common.salesforce import flat
from domain.common.vocabulary import SalesforceVocabulary
from domain.customer.contract import CrmAccount, EligibilityStatus, IdentityStatus, PortalStatus
from domain.customer.providers.salesforce.raw import RawAccount

MAPPER_VERSION = "2"

PORTAL_STATUSES: Mapping[str, PortalStatus] = {"Active": "active", "Not Yet": "not_yet"}
ELIGIBILITY_STATUSES: Mapping[str, EligibilityStatus] = {
    "Not Requested": "not_requested",
    "Pending": "pending",
    "Eligible": "eligible",
    "Ineligible": "ineligible",
}
IDENTITY_STATUSES: Mapping[str, IdentityStatus] = {
    "Not Submitted": "not_submitted",
    "Submitted": "pending",
    "Verified": "verified",
    "Rejected": "rejected",
}
CLIENT_NUMBER = re.compile(r"\s*#\s*(\d+)")


def account_from_row(
    row: Mapping[str, object],
    vocabulary: SalesforceVocabulary,  # noqa: ARG001 - every mapper is called alike
) -> CrmAccount:
    """The account that an Account record describes.

    Raises:
        MappingError: a field that gives it its meaning, the name above all, is missing or malformed.
    """
    try:
        raw = RawAccount.model_validate(flat(row))
        return CrmAccount(
            id=account_id("salesforce", raw.id),
            source="salesforce",
            source_id=raw.id,
            source_updated_at=raw.system_modstamp,
            deleted_at=raw.deleted_at,
            name=raw.name or "",
            account_number=raw.account_number,
            partner_key=_client_number(raw.billing_client),
            phone=raw.phone,
            registered_on=raw.created.date() if raw.created else None,
            portal_status=PORTAL_STATUSES.get(raw.portal_status, "other") if raw.portal_status else None,
            source_portal_status=raw.portal_status,
            internet_eligibility=raw.eligibility,
            internet_eligibility_status=(
                ELIGIBILITY_STATUSES.get(raw.eligibility_status, "other") if raw.eligibility_status else None
            ),
            source_internet_eligibility_status=raw.eligibility_status,
            identity_status=IDENTITY_STATUSES.get(raw.identity_status, "other") if raw.identity_status else None,
            source_identity_status=raw.identity_status,
        )
    except (ValidationError, ValueError) as error:
        raise broken("salesforce", row.get("Id"), error) from error


def _client_number(claim: str | None) -> str | None:
    """The client id in `#1234 - Customer Name`; a claim that cannot be read claims nobody."""
    found = CLIENT_NUMBER.match(claim or "")
    return str(int(found[1])) if found else None
