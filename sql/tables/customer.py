"""Customers and the accounts that the systems keep for them."""

from sqlalchemy import Column, Index, Table, UniqueConstraint, func

from domain.customer.contract import ClientStatus, EligibilityStatus, IdentityStatus, PortalStatus
from sql.tables.columns import (
    as_of,
    choice,
    day,
    due,
    hub_times,
    key,
    metadata,
    reference,
    synced,
    text,
)


def _person() -> tuple[Column[str], ...]:
    """Who and where. Address and billing contact are WHMCS's, name and number Salesforce's."""
    return (
        text("account_number", "Customer number: Salesforce Account.SF_Account_No__c", personal=False),
        text("first_name", "Given name (WHMCS)", personal=True),
        text("last_name", "Family name (WHMCS)", personal=True),
        text("company_name", "Company (WHMCS); null for a person", personal=True),
        text("email", "E-mail address (WHMCS); never used for linking", personal=True),
        text("phone", "Telephone number as written in its system", personal=True),
        text("address1", "Street (WHMCS)", personal=True),
        text("address2", "Building, room (WHMCS)", personal=True),
        text("city", "City or ward (WHMCS)", personal=True),
        text("state", "Prefecture or state (WHMCS)", personal=False),
        text("postcode", "Postal code (WHMCS)", personal=True),
        text("country", "ISO 3166-1 alpha-2, upper case (WHMCS)", personal=False),
        text("currency", "ISO 4217 code the customer is billed in (WHMCS)", personal=False),
        text("language", "Language of messages, as named by WHMCS", personal=False),
        choice("status", ClientStatus, "Billing status (WHMCS)"),
        choice("portal_status", PortalStatus, "Portal access (Salesforce Portal_Status__c)"),
        text(
            "internet_eligibility",
            "Internet offering available at the address (Salesforce), such as Home 1G",
            personal=False,
        ),
        choice("internet_eligibility_status", EligibilityStatus, "Progress of the address check (Salesforce)"),
        choice("identity_status", IdentityStatus, "Progress of the identity check (Salesforce)"),
    )


customers = Table(
    "customers",
    metadata,
    key("Hub id: the id of one of its accounts, the Salesforce one when linked"),
    text("name", "Display name: Salesforce's when linked, else WHMCS's", personal=True),
    *_person(),
    reference("salesforce_account_id", "Its Salesforce account: hub.customer_accounts.id; null: none linked"),
    reference("whmcs_account_id", "Its WHMCS account: hub.customer_accounts.id; null: none linked"),
    *hub_times(),
    schema="hub",
    comment="One row per customer, drawn together from its linked accounts. Written by the linking step only.",
)

customer_accounts = Table(
    "customer_accounts",
    metadata,
    *synced("salesforce", "Account (Salesforce, 18 characters) or client (WHMCS)", "whmcs"),
    reference("customer_id", "Customer it belongs to: hub.customers.id; its own id while unlinked", required=True),
    choice(
        "link_status",
        ("linked", "unlinked", "conflict"),
        "Link to the other system; contradicting claims are a conflict, and not linked",
        default="unlinked",
    ),
    text("name", "Account name (Salesforce); company, or first and last name (WHMCS)", personal=True),
    text(
        "partner_key",
        "Key of the partner account: WHMCS client id (on Salesforce rows) or customer number (on WHMCS)",
        personal=False,
    ),
    *_person(),
    text("source_status", "WHMCS client status, as sent", personal=False),
    day("registered_on", "Day of registration in its system; Salesforce: UTC, WHMCS: its local date"),
    text("source_portal_status", "Salesforce Portal_Status__c, as sent", personal=False),
    text("source_internet_eligibility_status", "Salesforce Internet_Eligibility_Status__c, as sent", personal=False),
    text("source_identity_status", "Salesforce Id_Verification_Status__c, as sent", personal=False),
    as_of("details_as_of", "address and contact (WHMCS GetClientsDetails)"),
    due("details_due_at", "address and contact (WHMCS GetClientsDetails)", from_start=True),
    as_of("payment_methods_as_of", "the list of payment methods (WHMCS GetPayMethods)"),
    due("payment_methods_due_at", "the list of payment methods (WHMCS GetPayMethods)", from_start=True),
    *hub_times(),
    # Deferrable, so that one statement may move accounts between customers in any order.
    UniqueConstraint("customer_id", "source", deferrable=True),
    schema="hub",
    comment="One row per account in Salesforce or WHMCS, and the customer it is linked to.",
)

Index("customer_accounts_source_id_idx", customer_accounts.c.source, customer_accounts.c.source_id)
Index("customer_accounts_partner_idx", customer_accounts.c.source, customer_accounts.c.partner_key)
Index("customer_accounts_email_idx", func.lower(customer_accounts.c.email))
Index("customer_accounts_number_idx", customer_accounts.c.source, customer_accounts.c.account_number)
for name in ("details", "payment_methods"):
    due_at = customer_accounts.c[f"{name}_due_at"]
    Index(f"customer_accounts_{name}_queue_idx", due_at, postgresql_where=due_at.is_not(None))
