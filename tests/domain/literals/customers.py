"""Who we deal with, as the CRM and the billing system keep them.

Account: Object Reference; custom fields: portal reference, 2 to 4. Clients: WHMCS/developer-docs, GetClients and
GetClientsDetails.
"""

from datetime import UTC, date, datetime
from typing import Any

from domain.customer.contract import BillingClient, BillingClientDetails, CrmAccount
from tests.domain.literals.literal import SALESFORCE, WHMCS, Labels, Literal, Row, ours
from tests.domain.readers import account_from_row, client_details_from_row, client_from_row


def account(row: Row) -> object:
    return account_from_row(row, SALESFORCE)


def client(row: Row) -> object:
    return client_from_row(row, WHMCS)


def client_details(row: Row) -> object:
    return client_details_from_row(row, WHMCS)


ACCOUNT: dict[str, Any] = {
    "attributes": {"type": "Account", "url": "/services/data/v62.0/sobjects/Account/001D000000IRFmaIAH"},
    "Id": "001D000000IRFmaIAH", "IsDeleted": False, "SystemModstamp": "2026-02-03T04:05:06.000+0000",
    "Name": "Mori Trading", "Phone": "06-6123-4567", "CreatedDate": "2026-01-31T23:30:00.000+0000",
    "SF_Account_No__c": "C-0042", "WH_Account__c": "#0008 - Mori Trading", "Portal_Status__c": "Active",
    "Internet_Eligibility__c": "Home 1G", "Internet_Eligibility_Status__c": "Ineligible",
    "Id_Verification_Status__c": "Submitted",
}  # fmt: skip
GONE_ACCOUNT = {
    "attributes": {"type": "Account"}, "Id": "0014H00002LbR7Q", "IsDeleted": True,
    "SystemModstamp": "2026-02-04T00:00:00.000+0000", "Name": "Old & Sons", "Phone": None, "CreatedDate": None,
    "SF_Account_No__c": "", "WH_Account__c": "Mori #8", "Portal_Status__c": None, "Internet_Eligibility__c": None,
    "Internet_Eligibility_Status__c": None, "Id_Verification_Status__c": None,
}  # fmt: skip
ACCOUNT_SAYS = (CrmAccount, {
    "id": ours("salesforce:account:001D000000IRFmaIAH"), "source": "salesforce", "source_id": "001D000000IRFmaIAH",
    "source_updated_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), "name": "Mori Trading",
    "account_number": "C-0042", "partner_key": "8", "phone": "06-6123-4567",
    # A day of UTC (docs/data-dictionary.md), where WHMCS tells one of its own clock.
    "registered_on": date(2026, 1, 31),
    "portal_status": "active", "source_portal_status": "Active", "internet_eligibility": "Home 1G",
    "internet_eligibility_status": "ineligible", "source_internet_eligibility_status": "Ineligible",
    "identity_status": "pending", "source_identity_status": "Submitted",
})  # fmt: skip
GONE_ACCOUNT_SAYS = (CrmAccount, {
    "id": ours("salesforce:account:0014H00002LbR7QQAV"), "source": "salesforce", "source_id": "0014H00002LbR7QQAV",
    "source_updated_at": datetime(2026, 2, 4, tzinfo=UTC), "deleted_at": datetime(2026, 2, 4, tzinfo=UTC),
    "name": "Old & Sons",
})  # fmt: skip

COMPANY: dict[str, Any] = {
    "id": 8, "firstname": "Hana", "lastname": "O&#039;Mori", "companyname": "Mori &amp; Sons",
    "email": "hana@example.com", "datecreated": "2026-01-15", "groupid": 0, "status": "Inactive",
}  # fmt: skip
PERSON = COMPANY | {"id": "9", "companyname": "", "datecreated": "0000-00-00", "status": "Active"}
_CLIENT = {
    "id": ours("whmcs:account:8"), "source": "whmcs", "source_id": "8", "first_name": "Hana", "last_name": "O'Mori",
    "email": "hana@example.com",
}  # fmt: skip
COMPANY_SAYS = (BillingClient, _CLIENT | {
    "name": "Mori & Sons", "company_name": "Mori & Sons", "status": "inactive", "source_status": "Inactive",
    "registered_on": date(2026, 1, 15),
})  # fmt: skip
PERSON_SAYS = (BillingClient, _CLIENT | {
    "id": ours("whmcs:account:9"), "source_id": "9", "name": "Hana O'Mori", "status": "active",
    "source_status": "Active",
})  # fmt: skip

DETAILS: dict[str, Any] = {
    "client_id": 8, "userid": 8, "id": 8, "owner_user_id": 5, "firstname": "Hana", "lastname": "Mori",
    "fullname": "Hana Mori", "companyname": "", "email": "hana@example.com", "address1": "1-2-3 Kita",
    "address2": "Room 501", "city": "Osaka", "fullstate": "Osaka-fu", "state": "Osaka-fu", "statecode": "27",
    "postcode": "530-0001", "countrycode": "jp", "country": "US", "countryname": "Japan", "phonenumber": "0661234567",
    "phonecc": 81, "phonenumberformatted": "+81.661234567", "currency": 1, "currency_code": "EUR",
    "defaultgateway": "", "groupid": 0, "status": "Active", "credit": "0.00", "language": "japanese",
    "lastlogin": "Date: 01/02/2026 09:15<br>IP Address:<br>Host:",
    "customfields": [{"id": 1980, "value": "x"}, {"id": 198, "value": "C-0042"}, {"id": 199, "value": "JP"}],
    "customfields1": "x",
}  # fmt: skip
DETAILS_SAY = (BillingClientDetails, {
    "id": ours("whmcs:account:8"), "partner_key": "C-0042", "phone": "0661234567", "address1": "1-2-3 Kita",
    "address2": "Room 501", "city": "Osaka", "state": "Osaka-fu", "postcode": "530-0001", "country": "JP",
    "currency": "EUR", "language": "japanese",
})  # fmt: skip
# "id" is `client_id` or `userid` in some versions, and `country` stood alone before `countrycode` (reference, 2.2).
OLDER_DETAILS = {"userid": "9", "country": "gb", "customfields": ""}
OLDER_DETAILS_SAY = (BillingClientDetails, {"id": ours("whmcs:account:9"), "country": "GB"})

LITERALS = (
    Literal("an account that claims a billing client", account, ACCOUNT, (ACCOUNT_SAYS,)),
    Literal("an account that is deleted", account, GONE_ACCOUNT, (GONE_ACCOUNT_SAYS,)),
    Literal("a client that is a company", client, COMPANY, (COMPANY_SAYS,)),
    Literal("a client that is a person", client, PERSON, (PERSON_SAYS,)),
    Literal("where a client lives, and what it is billed in", client_details, DETAILS, (DETAILS_SAY,)),
    Literal("a client of an older version", client_details, OLDER_DETAILS, (OLDER_DETAILS_SAY,)),
    Literal(
        "a client whose id has the other older name",
        client_details, {"client_id": 9, "country": ""}, ((BillingClientDetails, {"id": ours("whmcs:account:9")}),),
    ),
)  # fmt: skip

# Portal reference, 3 and 4; V: GetClients.
LABELS = (
    Labels("Portal_Status__c", "portal_status", account, ACCOUNT, {"Active": "active", "Not Yet": "not_yet"}, None),
    Labels("Internet_Eligibility_Status__c", "internet_eligibility_status", account, ACCOUNT, {
        "Not Requested": "not_requested", "Pending": "pending", "Eligible": "eligible", "Ineligible": "ineligible",
    }, None),
    Labels("Id_Verification_Status__c", "identity_status", account, ACCOUNT, {
        "Not Submitted": "not_submitted", "Submitted": "pending", "Verified": "verified", "Rejected": "rejected",
    }, None),
    Labels("status", "status", client, COMPANY, {"Active": "active", "Inactive": "inactive", "Closed": "closed"}),
)  # fmt: skip
