"""Salesforce accounts in our words (source: Object Reference; custom fields: portal reference, sections 2 to 4)."""

import re
from collections.abc import Mapping

from domain.common.salesforce import as_sent, day_of_instant, hub_id_of, label, table_of, text
from domain.customer.contract import CrmAccount, EligibilityStatus, IdentityStatus, PortalStatus

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


def client_number(claim: str | None) -> str | None:
    """The client id in `#1234 - Customer Name`; a claim that cannot be read claims nobody."""
    found = CLIENT_NUMBER.match(claim or "")
    return str(int(found[1])) if found else None


ACCOUNT = table_of(
    CrmAccount,
    id=hub_id_of("account", "Id", required=True),
    name=text("Name").then(lambda name: name or ""),
    account_number=text("SF_Account_No__c"),
    partner_key=text("WH_Account__c").then(client_number, makes=str | None),
    phone=text("Phone"),
    registered_on=day_of_instant("CreatedDate"),
    portal_status=label("Portal_Status__c", PORTAL_STATUSES, none=None),
    source_portal_status=as_sent("Portal_Status__c"),
    internet_eligibility=text("Internet_Eligibility__c"),
    internet_eligibility_status=label("Internet_Eligibility_Status__c", ELIGIBILITY_STATUSES, none=None),
    source_internet_eligibility_status=as_sent("Internet_Eligibility_Status__c"),
    identity_status=label("Id_Verification_Status__c", IDENTITY_STATUSES, none=None),
    source_identity_status=as_sent("Id_Verification_Status__c"),
)
"""An Account."""
