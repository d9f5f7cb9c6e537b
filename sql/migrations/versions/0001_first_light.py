"""First light: the tables of the hub and of its sync."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import UserDefinedType

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


class XID8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction number."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS hub")
    op.create_table(
        "customer_accounts",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: salesforce, whmcs"),
        sa.Column(
            "source_id",
            sa.Text(),
            nullable=False,
            comment="Id of the Account (Salesforce, 18 characters) or client (WHMCS) in its system",
        ),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "customer_id",
            sa.Uuid(),
            nullable=False,
            comment="Customer it belongs to: hub.customers.id; its own id while unlinked",
        ),
        sa.Column(
            "link_status",
            sa.Text(),
            server_default="unlinked",
            nullable=False,
            comment="Link to the other system; contradicting claims are a conflict, and not linked: linked, unlinked, conflict",
        ),
        sa.Column(
            "name",
            sa.Text(),
            nullable=True,
            comment="Account name (Salesforce); company, or first and last name (WHMCS)",
        ),
        sa.Column(
            "partner_key",
            sa.Text(),
            nullable=True,
            comment="Key of the partner account: WHMCS client id (on Salesforce rows) or customer number (on WHMCS)",
        ),
        sa.Column(
            "account_number", sa.Text(), nullable=True, comment="Customer number: Salesforce Account.SF_Account_No__c"
        ),
        sa.Column("first_name", sa.Text(), nullable=True, comment="Given name (WHMCS)"),
        sa.Column("last_name", sa.Text(), nullable=True, comment="Family name (WHMCS)"),
        sa.Column("company_name", sa.Text(), nullable=True, comment="Company (WHMCS); null for a person"),
        sa.Column("email", sa.Text(), nullable=True, comment="E-mail address (WHMCS); never used for linking"),
        sa.Column("phone", sa.Text(), nullable=True, comment="Telephone number as written in its system"),
        sa.Column("address1", sa.Text(), nullable=True, comment="Street (WHMCS)"),
        sa.Column("address2", sa.Text(), nullable=True, comment="Building, room (WHMCS)"),
        sa.Column("city", sa.Text(), nullable=True, comment="City or ward (WHMCS)"),
        sa.Column("state", sa.Text(), nullable=True, comment="Prefecture or state (WHMCS)"),
        sa.Column("postcode", sa.Text(), nullable=True, comment="Postal code (WHMCS)"),
        sa.Column("country", sa.Text(), nullable=True, comment="ISO 3166-1 alpha-2, upper case (WHMCS)"),
        sa.Column("currency", sa.Text(), nullable=True, comment="ISO 4217 code the customer is billed in (WHMCS)"),
        sa.Column("language", sa.Text(), nullable=True, comment="Language of messages, as named by WHMCS"),
        sa.Column(
            "status", sa.Text(), nullable=True, comment="Billing status (WHMCS): active, inactive, closed, other"
        ),
        sa.Column(
            "portal_status",
            sa.Text(),
            nullable=True,
            comment="Portal access (Salesforce Portal_Status__c): active, not_yet, other",
        ),
        sa.Column(
            "internet_eligibility",
            sa.Text(),
            nullable=True,
            comment="Internet offering available at the address (Salesforce), such as Home 1G",
        ),
        sa.Column(
            "internet_eligibility_status",
            sa.Text(),
            nullable=True,
            comment="Progress of the address check (Salesforce): not_requested, pending, eligible, ineligible, other",
        ),
        sa.Column(
            "identity_status",
            sa.Text(),
            nullable=True,
            comment="Progress of the identity check (Salesforce): not_submitted, pending, verified, rejected, other",
        ),
        sa.Column("source_status", sa.Text(), nullable=True, comment="WHMCS client status, as sent"),
        sa.Column(
            "registered_on",
            sa.Date(),
            nullable=True,
            comment="Day of registration in its system; Salesforce: UTC, WHMCS: its local date",
        ),
        sa.Column("source_portal_status", sa.Text(), nullable=True, comment="Salesforce Portal_Status__c, as sent"),
        sa.Column(
            "source_internet_eligibility_status",
            sa.Text(),
            nullable=True,
            comment="Salesforce Internet_Eligibility_Status__c, as sent",
        ),
        sa.Column(
            "source_identity_status", sa.Text(), nullable=True, comment="Salesforce Id_Verification_Status__c, as sent"
        ),
        sa.Column(
            "details_as_of",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Hub: when address and contact (WHMCS GetClientsDetails) was last read from the source, UTC; null: not yet",
        ),
        sa.Column(
            "details_due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=True,
            comment="Hub: when address and contact (WHMCS GetClientsDetails) must be read from the source next, UTC; null: never",
        ),
        sa.Column(
            "payment_methods_as_of",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Hub: when the list of payment methods (WHMCS GetPayMethods) was last read from the source, UTC; null: not yet",
        ),
        sa.Column(
            "payment_methods_due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=True,
            comment="Hub: when the list of payment methods (WHMCS GetPayMethods) must be read from the source next, UTC; null: never",
        ),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint(
            "identity_status IN ('not_submitted', 'pending', 'verified', 'rejected', 'other')",
            name=op.f("customer_accounts_identity_status_check"),
        ),
        sa.CheckConstraint(
            "internet_eligibility_status IN ('not_requested', 'pending', 'eligible', 'ineligible', 'other')",
            name=op.f("customer_accounts_internet_eligibility_status_check"),
        ),
        sa.CheckConstraint(
            "link_status IN ('linked', 'unlinked', 'conflict')", name=op.f("customer_accounts_link_status_check")
        ),
        sa.CheckConstraint(
            "portal_status IN ('active', 'not_yet', 'other')", name=op.f("customer_accounts_portal_status_check")
        ),
        sa.CheckConstraint("source IN ('salesforce', 'whmcs')", name=op.f("customer_accounts_source_check")),
        sa.CheckConstraint(
            "status IN ('active', 'inactive', 'closed', 'other')", name=op.f("customer_accounts_status_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("customer_accounts_pkey")),
        sa.UniqueConstraint(
            "customer_id", "source", deferrable=True, name=op.f("customer_accounts_customer_id_source_key")
        ),
        schema="hub",
        comment="One row per account in Salesforce or WHMCS, and the customer it is linked to.",
    )
    op.create_index(
        "customer_accounts_details_queue_idx",
        "customer_accounts",
        ["details_due_at"],
        unique=False,
        schema="hub",
        postgresql_where=sa.text("details_due_at IS NOT NULL"),
    )
    op.create_index(
        "customer_accounts_number_idx", "customer_accounts", ["source", "account_number"], unique=False, schema="hub"
    )
    op.create_index(
        "customer_accounts_partner_idx", "customer_accounts", ["source", "partner_key"], unique=False, schema="hub"
    )
    op.create_index(
        "customer_accounts_payment_methods_queue_idx",
        "customer_accounts",
        ["payment_methods_due_at"],
        unique=False,
        schema="hub",
        postgresql_where=sa.text("payment_methods_due_at IS NOT NULL"),
    )
    op.create_table(
        "customers",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: the id of one of its accounts, the Salesforce one when linked",
        ),
        sa.Column("name", sa.Text(), nullable=True, comment="Display name: Salesforce's when linked, else WHMCS's"),
        sa.Column(
            "account_number", sa.Text(), nullable=True, comment="Customer number: Salesforce Account.SF_Account_No__c"
        ),
        sa.Column("first_name", sa.Text(), nullable=True, comment="Given name (WHMCS)"),
        sa.Column("last_name", sa.Text(), nullable=True, comment="Family name (WHMCS)"),
        sa.Column("company_name", sa.Text(), nullable=True, comment="Company (WHMCS); null for a person"),
        sa.Column("email", sa.Text(), nullable=True, comment="E-mail address (WHMCS); never used for linking"),
        sa.Column("phone", sa.Text(), nullable=True, comment="Telephone number as written in its system"),
        sa.Column("address1", sa.Text(), nullable=True, comment="Street (WHMCS)"),
        sa.Column("address2", sa.Text(), nullable=True, comment="Building, room (WHMCS)"),
        sa.Column("city", sa.Text(), nullable=True, comment="City or ward (WHMCS)"),
        sa.Column("state", sa.Text(), nullable=True, comment="Prefecture or state (WHMCS)"),
        sa.Column("postcode", sa.Text(), nullable=True, comment="Postal code (WHMCS)"),
        sa.Column("country", sa.Text(), nullable=True, comment="ISO 3166-1 alpha-2, upper case (WHMCS)"),
        sa.Column("currency", sa.Text(), nullable=True, comment="ISO 4217 code the customer is billed in (WHMCS)"),
        sa.Column("language", sa.Text(), nullable=True, comment="Language of messages, as named by WHMCS"),
        sa.Column(
            "status", sa.Text(), nullable=True, comment="Billing status (WHMCS): active, inactive, closed, other"
        ),
        sa.Column(
            "portal_status",
            sa.Text(),
            nullable=True,
            comment="Portal access (Salesforce Portal_Status__c): active, not_yet, other",
        ),
        sa.Column(
            "internet_eligibility",
            sa.Text(),
            nullable=True,
            comment="Internet offering available at the address (Salesforce), such as Home 1G",
        ),
        sa.Column(
            "internet_eligibility_status",
            sa.Text(),
            nullable=True,
            comment="Progress of the address check (Salesforce): not_requested, pending, eligible, ineligible, other",
        ),
        sa.Column(
            "identity_status",
            sa.Text(),
            nullable=True,
            comment="Progress of the identity check (Salesforce): not_submitted, pending, verified, rejected, other",
        ),
        sa.Column(
            "salesforce_account_id",
            sa.Uuid(),
            nullable=True,
            comment="Its Salesforce account: hub.customer_accounts.id; null: none linked",
        ),
        sa.Column(
            "whmcs_account_id",
            sa.Uuid(),
            nullable=True,
            comment="Its WHMCS account: hub.customer_accounts.id; null: none linked",
        ),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint(
            "identity_status IN ('not_submitted', 'pending', 'verified', 'rejected', 'other')",
            name=op.f("customers_identity_status_check"),
        ),
        sa.CheckConstraint(
            "internet_eligibility_status IN ('not_requested', 'pending', 'eligible', 'ineligible', 'other')",
            name=op.f("customers_internet_eligibility_status_check"),
        ),
        sa.CheckConstraint(
            "portal_status IN ('active', 'not_yet', 'other')", name=op.f("customers_portal_status_check")
        ),
        sa.CheckConstraint("status IN ('active', 'inactive', 'closed', 'other')", name=op.f("customers_status_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("customers_pkey")),
        schema="hub",
        comment="One row per customer, drawn together from its linked accounts. Written by the linking step only.",
    )
    op.create_table(
        "invoice_items",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: whmcs"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the invoice item in its system"),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=False,
            comment="WHMCS account it belongs to: hub.customer_accounts.id, which may arrive later than this row",
        ),
        sa.Column("invoice_id", sa.Uuid(), nullable=False, comment="Invoice it is a line of: hub.invoices.id"),
        sa.Column(
            "type", sa.Text(), nullable=False, comment="What is charged: service, addon, domain, upgrade, manual, other"
        ),
        sa.Column(
            "source_type", sa.Text(), nullable=True, comment="type, as sent; Hosting counts as service, empty as manual"
        ),
        sa.Column(
            "subscription_id",
            sa.Uuid(),
            nullable=True,
            comment="Subscription charged: hub.subscriptions.id; null: none",
        ),
        sa.Column("description", sa.Text(), nullable=True, comment="Text of the line"),
        sa.Column(
            "amount", sa.Numeric(precision=18, scale=4), nullable=False, comment="Charge before tax, in currency"
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code of every amount in this row"),
        sa.Column("is_taxed", sa.Boolean(), nullable=False, comment="Whether tax is added"),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint("source IN ('whmcs')", name=op.f("invoice_items_source_check")),
        sa.CheckConstraint(
            "type IN ('service', 'addon', 'domain', 'upgrade', 'manual', 'other')",
            name=op.f("invoice_items_type_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("invoice_items_pkey")),
        schema="hub",
        comment="One row per line of an invoice (WHMCS).",
    )
    op.create_index(op.f("invoice_items_invoice_id_idx"), "invoice_items", ["invoice_id"], unique=False, schema="hub")
    op.create_index(
        op.f("invoice_items_subscription_id_idx"), "invoice_items", ["subscription_id"], unique=False, schema="hub"
    )
    op.create_table(
        "invoices",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: whmcs"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the invoice in its system"),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=False,
            comment="WHMCS account it belongs to: hub.customer_accounts.id, which may arrive later than this row",
        ),
        sa.Column(
            "number",
            sa.Text(),
            nullable=False,
            comment="invoicenum, or the invoice id where there is none, as shown to people",
        ),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="Where the invoice stands; overdue is unpaid past due_on: draft, unpaid, paid, cancelled, refunded, collections, pending, other",
        ),
        sa.Column(
            "source_status", sa.Text(), nullable=True, comment="status, as sent; Payment Pending counts as pending"
        ),
        sa.Column("issued_on", sa.Date(), nullable=False, comment="date: day of issue, WHMCS local date"),
        sa.Column("due_on", sa.Date(), nullable=True, comment="duedate: day it is due, WHMCS local date"),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True, comment="datepaid: when it was paid, UTC"),
        sa.Column(
            "refunded_at", sa.DateTime(timezone=True), nullable=True, comment="date_refunded: when it was refunded, UTC"
        ),
        sa.Column(
            "cancelled_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="date_cancelled: when it was cancelled, UTC",
        ),
        sa.Column(
            "last_capture_attempt_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="last_capture_attempt: when a card was last charged for it, UTC",
        ),
        sa.Column(
            "subtotal", sa.Numeric(precision=18, scale=4), nullable=False, comment="Before credit and tax, in currency"
        ),
        sa.Column("credit", sa.Numeric(precision=18, scale=4), nullable=False, comment="Credit applied, in currency"),
        sa.Column("tax", sa.Numeric(precision=18, scale=4), nullable=False, comment="First tax, in currency"),
        sa.Column("tax2", sa.Numeric(precision=18, scale=4), nullable=False, comment="Second tax, in currency"),
        sa.Column("total", sa.Numeric(precision=18, scale=4), nullable=False, comment="To pay in all, in currency"),
        sa.Column("tax_rate", sa.Numeric(precision=18, scale=4), nullable=False, comment="First tax rate, percent"),
        sa.Column("tax_rate2", sa.Numeric(precision=18, scale=4), nullable=False, comment="Second tax rate, percent"),
        sa.Column(
            "balance",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Still to pay, in currency; null until the details are read (WHMCS GetInvoice)",
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code of every amount in this row"),
        sa.Column("payment_method", sa.Text(), nullable=True, comment="Gateway it is paid by, as sent"),
        sa.Column(
            "source_created_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="created_at: when WHMCS made it, UTC",
        ),
        sa.Column(
            "items_as_of",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Hub: when the invoice's items and payments (WHMCS GetInvoice) was last read from the source, UTC; null: not yet",
        ),
        sa.Column(
            "items_due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=True,
            comment="Hub: when the invoice's items and payments (WHMCS GetInvoice) must be read from the source next, UTC; null: never",
        ),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint("source IN ('whmcs')", name=op.f("invoices_source_check")),
        sa.CheckConstraint(
            "status IN ('draft', 'unpaid', 'paid', 'cancelled', 'refunded', 'collections', 'pending', 'other')",
            name=op.f("invoices_status_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("invoices_pkey")),
        schema="hub",
        comment="One row per invoice (WHMCS). Items and payments are read one invoice per call, so they follow later.",
    )
    op.create_index("invoices_account_due_idx", "invoices", ["account_id", "due_on", "id"], unique=False, schema="hub")
    op.create_index(
        "invoices_account_issued_idx",
        "invoices",
        ["account_id", sa.literal_column("issued_on DESC"), sa.literal_column("id DESC")],
        unique=False,
        schema="hub",
    )
    op.create_index(
        "invoices_items_queue_idx",
        "invoices",
        ["items_due_at"],
        unique=False,
        schema="hub",
        postgresql_where=sa.text("items_due_at IS NOT NULL"),
    )
    op.create_table(
        "order_items",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: salesforce"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the OrderItem in its system"),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=False,
            comment="Salesforce account it belongs to: hub.customer_accounts.id, which may arrive later than this row",
        ),
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="Order it is a line of: hub.orders.id"),
        sa.Column("product_id", sa.Uuid(), nullable=True, comment="Product ordered: hub.products.id"),
        sa.Column("price_id", sa.Uuid(), nullable=True, comment="Price it was ordered at: hub.prices.id"),
        sa.Column("sku", sa.Text(), nullable=True, comment="SKU of the product at the time of reading"),
        sa.Column("product_name", sa.Text(), nullable=True, comment="Name of the product at the time of reading"),
        sa.Column("quantity", sa.Numeric(precision=18, scale=4), nullable=False, comment="How many"),
        sa.Column(
            "unit_price",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Price of one, without consumption tax, in currency",
        ),
        sa.Column(
            "total",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="Price of the line, without consumption tax, in currency",
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code of every amount in this row"),
        sa.Column(
            "billing_cycle",
            sa.Text(),
            nullable=True,
            comment="How it is charged; null: not said: monthly, onetime, other",
        ),
        sa.Column("source_billing_cycle", sa.Text(), nullable=True, comment="Billing_Cycle__c, as sent"),
        sa.Column("whmcs_service_id", sa.Text(), nullable=True, comment="WHMCS service it became: WHMCS_Service_ID__c"),
        sa.Column(
            "subscription_id",
            sa.Uuid(),
            nullable=True,
            comment="Subscription it became: hub.subscriptions.id; null: not yet",
        ),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint(
            "billing_cycle IN ('monthly', 'onetime', 'other')", name=op.f("order_items_billing_cycle_check")
        ),
        sa.CheckConstraint("source IN ('salesforce')", name=op.f("order_items_source_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("order_items_pkey")),
        schema="hub",
        comment="One row per line of an order (Salesforce OrderItem).",
    )
    op.create_index(op.f("order_items_order_id_idx"), "order_items", ["order_id"], unique=False, schema="hub")
    op.create_table(
        "orders",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: salesforce"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the Order in its system"),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=False,
            comment="Salesforce account it belongs to: hub.customer_accounts.id, which may arrive later than this row",
        ),
        sa.Column("order_number", sa.Text(), nullable=True, comment="OrderNumber, as shown to people"),
        sa.Column("type", sa.Text(), nullable=False, comment="What is ordered: internet, sim, vpn, other"),
        sa.Column("source_type", sa.Text(), nullable=True, comment="Order_Type__c, as sent"),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="Where the order stands: draft, pending_review, approved, processed, cancelled, rejected, other",
        ),
        sa.Column(
            "source_status",
            sa.Text(),
            nullable=True,
            comment="Status, as sent; Reactivate counts as approved, Activated as processed",
        ),
        sa.Column(
            "activation_status",
            sa.Text(),
            nullable=True,
            comment="Where activation stands: not_started, scheduled, activating, activated, failed, other",
        ),
        sa.Column("source_activation_status", sa.Text(), nullable=True, comment="Activation_Status__c, as sent"),
        sa.Column("activation_error_code", sa.Text(), nullable=True, comment="Why activation failed, as a code"),
        sa.Column("activation_error_message", sa.Text(), nullable=True, comment="Why activation failed, for staff"),
        sa.Column("activation_type", sa.Text(), nullable=True, comment="Immediate or Scheduled, as sent"),
        sa.Column(
            "activation_scheduled_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When activation is to happen, UTC",
        ),
        sa.Column("effective_on", sa.Date(), nullable=True, comment="EffectiveDate: first day of the order"),
        sa.Column(
            "total",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="TotalAmount without consumption tax, in currency",
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code of every amount in this row"),
        sa.Column(
            "placed_at", sa.DateTime(timezone=True), nullable=False, comment="CreatedDate: when it was placed, UTC"
        ),
        sa.Column("whmcs_order_id", sa.Text(), nullable=True, comment="WHMCS order that fulfils it: WHMCS_Order_ID__c"),
        sa.Column("sim_type", sa.Text(), nullable=True, comment="SIM only: eSIM or Physical SIM, as sent"),
        sa.Column(
            "access_mode", sa.Text(), nullable=True, comment="Internet only: IPoE-BYOR, IPoE-HGW, PPPoE, as sent"
        ),
        sa.Column("billing_street", sa.Text(), nullable=True, comment="Street at the time of the order"),
        sa.Column("billing_city", sa.Text(), nullable=True, comment="City at the time of the order"),
        sa.Column("billing_state", sa.Text(), nullable=True, comment="Prefecture or state at the time of the order"),
        sa.Column("billing_postcode", sa.Text(), nullable=True, comment="Postal code at the time of the order"),
        sa.Column("billing_country", sa.Text(), nullable=True, comment="Country at the time of the order, as sent"),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint(
            "activation_status IN ('not_started', 'scheduled', 'activating', 'activated', 'failed', 'other')",
            name=op.f("orders_activation_status_check"),
        ),
        sa.CheckConstraint("source IN ('salesforce')", name=op.f("orders_source_check")),
        sa.CheckConstraint(
            "status IN ('draft', 'pending_review', 'approved', 'processed', 'cancelled', 'rejected', 'other')",
            name=op.f("orders_status_check"),
        ),
        sa.CheckConstraint("type IN ('internet', 'sim', 'vpn', 'other')", name=op.f("orders_type_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("orders_pkey")),
        schema="hub",
        comment="One row per order (Salesforce Order).",
    )
    op.create_index(
        "orders_account_placed_idx",
        "orders",
        ["account_id", sa.literal_column("placed_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        schema="hub",
    )
    op.create_table(
        "payment_methods",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: whmcs"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the pay method in its system"),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=False,
            comment="WHMCS account it belongs to: hub.customer_accounts.id, which may arrive later than this row",
        ),
        sa.Column(
            "type",
            sa.Text(),
            nullable=False,
            comment="Kind; remote ones count with their kind: credit_card, bank_account, other",
        ),
        sa.Column("source_type", sa.Text(), nullable=True, comment="type, as sent"),
        sa.Column("description", sa.Text(), nullable=True, comment="The customer's own name for it"),
        sa.Column("gateway", sa.Text(), nullable=True, comment="Gateway that holds it, as sent"),
        sa.Column("card_last_four", sa.Text(), nullable=True, comment="Last four digits of a card"),
        sa.Column("card_type", sa.Text(), nullable=True, comment="Brand of a card, as sent"),
        sa.Column("expires_on", sa.Date(), nullable=True, comment="Last day a card is valid"),
        sa.Column("bank_name", sa.Text(), nullable=True, comment="Bank of an account"),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint("source IN ('whmcs')", name=op.f("payment_methods_source_check")),
        sa.CheckConstraint("type IN ('credit_card', 'bank_account', 'other')", name=op.f("payment_methods_type_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("payment_methods_pkey")),
        schema="hub",
        comment="One row per stored payment method (WHMCS). Never holds a card number or a gateway's token.",
    )
    op.create_index(
        op.f("payment_methods_account_id_id_idx"), "payment_methods", ["account_id", "id"], unique=False, schema="hub"
    )
    op.create_table(
        "payments",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: whmcs"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the transaction in its system"),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=False,
            comment="WHMCS account it belongs to: hub.customer_accounts.id, which may arrive later than this row",
        ),
        sa.Column("invoice_id", sa.Uuid(), nullable=True, comment="Invoice paid: hub.invoices.id; null: none"),
        sa.Column("kind", sa.Text(), nullable=False, comment="Direction: payment, refund"),
        sa.Column("gateway", sa.Text(), nullable=True, comment="Gateway it went through, as sent"),
        sa.Column("transaction_id", sa.Text(), nullable=True, comment="The gateway's own reference"),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True, comment="When it happened, UTC"),
        sa.Column("description", sa.Text(), nullable=True, comment="Text of the transaction"),
        sa.Column("amount_in", sa.Numeric(precision=18, scale=4), nullable=False, comment="Received, in currency"),
        sa.Column("amount_out", sa.Numeric(precision=18, scale=4), nullable=False, comment="Given back, in currency"),
        sa.Column(
            "fees", sa.Numeric(precision=18, scale=4), nullable=False, comment="Kept by the gateway, in currency"
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code of every amount in this row"),
        sa.Column("refund_of", sa.Uuid(), nullable=True, comment="Payment that a refund gives back: hub.payments.id"),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint("kind IN ('payment', 'refund')", name=op.f("payments_kind_check")),
        sa.CheckConstraint("source IN ('whmcs')", name=op.f("payments_source_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("payments_pkey")),
        schema="hub",
        comment="One row per payment or refund (WHMCS transaction).",
    )
    op.create_index(op.f("payments_invoice_id_idx"), "payments", ["invoice_id"], unique=False, schema="hub")
    op.create_table(
        "prices",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: salesforce"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the PricebookEntry in its system"),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "product_id", sa.Uuid(), nullable=False, comment="Product priced: hub.products.id, which may arrive later"
        ),
        sa.Column("pricebook_id", sa.Text(), nullable=False, comment="Salesforce Pricebook2 id, 18 characters"),
        sa.Column("pricebook_name", sa.Text(), nullable=True, comment="Pricebook2 name"),
        sa.Column(
            "in_portal",
            sa.Boolean(),
            nullable=False,
            comment="Whether the pricebook is the portal's (setting of the hub)",
        ),
        sa.Column(
            "amount",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="Unit price without consumption tax, in currency",
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code of every amount in this row"),
        sa.Column("is_active", sa.Boolean(), nullable=False, comment="IsActive: the price is in use"),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint("source IN ('salesforce')", name=op.f("prices_source_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("prices_pkey")),
        schema="hub",
        comment="One row per product and price book (Salesforce PricebookEntry).",
    )
    op.create_index(op.f("prices_product_id_idx"), "prices", ["product_id"], unique=False, schema="hub")
    op.create_table(
        "products",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: salesforce"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the Product2 in its system"),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column("sku", sa.Text(), nullable=True, comment="Stock-keeping unit: StockKeepingUnit"),
        sa.Column("name", sa.Text(), nullable=False, comment="Product name"),
        sa.Column("description", sa.Text(), nullable=True, comment="Description for customers"),
        sa.Column("category", sa.Text(), nullable=False, comment="Kind of service: internet, sim, vpn, other"),
        sa.Column("source_category", sa.Text(), nullable=True, comment="Product2Categories1__c, as sent"),
        sa.Column(
            "item_class",
            sa.Text(),
            nullable=False,
            comment="Part in an order: service, installation, addon, activation, other",
        ),
        sa.Column("source_item_class", sa.Text(), nullable=True, comment="Item_Class__c, as sent"),
        sa.Column("billing_cycle", sa.Text(), nullable=False, comment="How it is charged: monthly, onetime, other"),
        sa.Column("source_billing_cycle", sa.Text(), nullable=True, comment="Billing_Cycle__c, as sent"),
        sa.Column("is_active", sa.Boolean(), nullable=False, comment="IsActive: in use in Salesforce"),
        sa.Column(
            "in_catalog", sa.Boolean(), nullable=False, comment="Portal_Catalog__c: shown in the portal's catalogue"
        ),
        sa.Column(
            "is_orderable",
            sa.Boolean(),
            nullable=False,
            comment="Portal_Accessible__c: may be ordered, hidden fees and add-ons too",
        ),
        sa.Column("whmcs_product_id", sa.Text(), nullable=True, comment="WHMCS product (pid): WH_Product_ID__c"),
        sa.Column("whmcs_product_name", sa.Text(), nullable=True, comment="WHMCS product name: WH_Product_Name__c"),
        sa.Column(
            "internet_plan_tier", sa.Text(), nullable=True, comment="Internet only: Silver, Gold, Platinum, as sent"
        ),
        sa.Column(
            "internet_offering_type",
            sa.Text(),
            nullable=True,
            comment="Internet only: Home 1G, Apartment 1G, Apartment 100M, as sent",
        ),
        sa.Column("sim_data_size", sa.Text(), nullable=True, comment="SIM only: data per month, as sent, such as 5GB"),
        sa.Column(
            "sim_plan_type", sa.Text(), nullable=True, comment="SIM only: DataOnly, DataSmsVoice, VoiceOnly, as sent"
        ),
        sa.Column(
            "sim_has_family_discount",
            sa.Boolean(),
            nullable=False,
            comment="SIM only: for customers who already have an active SIM",
        ),
        sa.Column("vpn_region", sa.Text(), nullable=True, comment="VPN only: region, as sent, such as USA-SF"),
        sa.Column("is_default", sa.Boolean(), nullable=False, comment="Is_Default__c: the one to pick of several fees"),
        sa.Column("auto_add", sa.Boolean(), nullable=False, comment="Auto_Add__c: added to an order by itself"),
        sa.Column("display_order", sa.Integer(), nullable=True, comment="Display_Order__c: place in lists, 0 first"),
        sa.Column(
            "is_bundled_addon",
            sa.Boolean(),
            nullable=False,
            comment="Is_Bundled_Addon__c: sold together with another product",
        ),
        sa.Column(
            "bundled_addon_id", sa.Uuid(), nullable=True, comment="The product it is bundled with: hub.products.id"
        ),
        sa.Column(
            "required_skus",
            sa.ARRAY(sa.Text()),
            nullable=False,
            comment="Required_Products__c: SKUs that must be in the same order",
        ),
        sa.Column(
            "dependent_skus",
            sa.ARRAY(sa.Text()),
            nullable=False,
            comment="Dependent_Products__c: SKUs that need this one",
        ),
        sa.Column(
            "exclusive_skus",
            sa.ARRAY(sa.Text()),
            nullable=False,
            comment="Mutually_Exclusive__c: SKUs that may not be in the same order",
        ),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint(
            "billing_cycle IN ('monthly', 'onetime', 'other')", name=op.f("products_billing_cycle_check")
        ),
        sa.CheckConstraint("category IN ('internet', 'sim', 'vpn', 'other')", name=op.f("products_category_check")),
        sa.CheckConstraint(
            "item_class IN ('service', 'installation', 'addon', 'activation', 'other')",
            name=op.f("products_item_class_check"),
        ),
        sa.CheckConstraint("source IN ('salesforce')", name=op.f("products_source_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("products_pkey")),
        schema="hub",
        comment="One row per product of the catalogue (Salesforce Product2), shown in the portal or not.",
    )
    op.create_table(
        "sim_usage",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: freebit"),
        sa.Column(
            "source_id", sa.Text(), nullable=False, comment="Id of the line and day, as service id:date in its system"
        ),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=False,
            comment="WHMCS account it belongs to: hub.customer_accounts.id, which may arrive later than this row",
        ),
        sa.Column("sim_id", sa.Uuid(), nullable=False, comment="Line: hub.sims.id"),
        sa.Column("used_on", sa.Date(), nullable=False, comment="Day of use, Freebit's local date"),
        sa.Column("used_kb", sa.BigInteger(), nullable=False, comment="Data used on that day, kilobytes"),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint("source IN ('freebit')", name=op.f("sim_usage_source_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("sim_usage_pkey")),
        schema="hub",
        comment="One row per SIM line and day with traffic (Freebit).",
    )
    op.create_index(
        "sim_usage_sim_day_idx", "sim_usage", ["sim_id", sa.literal_column("used_on DESC")], unique=False, schema="hub"
    )
    op.create_table(
        "sims",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: whmcs"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the service of the line in its system"),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=False,
            comment="WHMCS account it belongs to: hub.customer_accounts.id, which may arrive later than this row",
        ),
        sa.Column(
            "subscription_id", sa.Uuid(), nullable=False, comment="Subscription of the line: hub.subscriptions.id"
        ),
        sa.Column(
            "msisdn",
            sa.Text(),
            nullable=True,
            comment="Phone number, digits only: Freebit's account; null: not known yet",
        ),
        sa.Column(
            "serial_number", sa.Text(), nullable=True, comment="Serial number printed on the SIM (WHMCS custom field)"
        ),
        sa.Column("eid", sa.Text(), nullable=True, comment="eSIM chip id, 32 digits (WHMCS custom field)"),
        sa.Column(
            "is_open", sa.Boolean(), nullable=False, comment="Whether the service is pending, active or suspended"
        ),
        sa.Column(
            "status",
            sa.Text(),
            nullable=True,
            comment="Where the line stands (Freebit): active, suspended, pending, cancelled, other",
        ),
        sa.Column("source_status", sa.Text(), nullable=True, comment="Line state at Freebit, as sent"),
        sa.Column("plan_code", sa.Text(), nullable=True, comment="Plan code at Freebit"),
        sa.Column("plan_name", sa.Text(), nullable=True, comment="Plan name of that code (setting of the hub)"),
        sa.Column(
            "sim_type",
            sa.Text(),
            nullable=True,
            comment="Form of the SIM (Freebit): standard, micro, nano, esim, other",
        ),
        sa.Column("source_sim_type", sa.Text(), nullable=True, comment="SIM size at Freebit, as sent"),
        sa.Column("iccid", sa.Text(), nullable=True, comment="SIM card id"),
        sa.Column("imsi", sa.Text(), nullable=True, comment="Subscriber id in the network"),
        sa.Column("contract_line", sa.Text(), nullable=True, comment="Network contracted (Freebit): 4G, 5G, other"),
        sa.Column("has_sms", sa.Boolean(), nullable=True, comment="SMS in the contract; null: unknown"),
        sa.Column("has_voice", sa.Boolean(), nullable=True, comment="Voice in the contract; null: unknown"),
        sa.Column("voicemail_enabled", sa.Boolean(), nullable=True, comment="Voicemail on; null: unknown"),
        sa.Column("call_waiting_enabled", sa.Boolean(), nullable=True, comment="Call waiting on; null: unknown"),
        sa.Column("roaming_enabled", sa.Boolean(), nullable=True, comment="International roaming on; null: unknown"),
        sa.Column(
            "remaining_quota_kb", sa.BigInteger(), nullable=True, comment="Data left at full speed, kilobytes (Freebit)"
        ),
        sa.Column("started_on", sa.Date(), nullable=True, comment="First day of the line, Freebit's local date"),
        sa.Column(
            "pending_operation",
            sa.Text(),
            nullable=True,
            comment="Change that is scheduled at Freebit, as named there; null: none",
        ),
        sa.Column("pending_on", sa.Date(), nullable=True, comment="Day of that change, Freebit's local date"),
        sa.Column(
            "today_usage_kb",
            sa.BigInteger(),
            nullable=True,
            comment="Data used on the day of reading, kilobytes (Freebit)",
        ),
        sa.Column("is_speed_restricted", sa.Boolean(), nullable=True, comment="Slowed down by Freebit for heavy use"),
        sa.Column(
            "details_as_of",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Hub: when the line's details (Freebit) was last read from the source, UTC; null: not yet",
        ),
        sa.Column(
            "details_due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=True,
            comment="Hub: when the line's details (Freebit) must be read from the source next, UTC; null: never",
        ),
        sa.Column(
            "usage_as_of",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Hub: when the line's traffic (Freebit) was last read from the source, UTC; null: not yet",
        ),
        sa.Column(
            "usage_due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=True,
            comment="Hub: when the line's traffic (Freebit) must be read from the source next, UTC; null: never",
        ),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint("contract_line IN ('4G', '5G', 'other')", name=op.f("sims_contract_line_check")),
        sa.CheckConstraint(
            "sim_type IN ('standard', 'micro', 'nano', 'esim', 'other')", name=op.f("sims_sim_type_check")
        ),
        sa.CheckConstraint("source IN ('whmcs')", name=op.f("sims_source_check")),
        sa.CheckConstraint(
            "status IN ('active', 'suspended', 'pending', 'cancelled', 'other')", name=op.f("sims_status_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sims_pkey")),
        schema="hub",
        comment="One row per SIM line: a WHMCS service of type sim, with its state at Freebit.",
    )
    op.create_index(op.f("sims_account_id_id_idx"), "sims", ["account_id", "id"], unique=False, schema="hub")
    op.create_index(
        "sims_details_queue_idx",
        "sims",
        ["details_due_at"],
        unique=False,
        schema="hub",
        postgresql_where=sa.text("details_due_at IS NOT NULL"),
    )
    op.create_index(op.f("sims_subscription_id_idx"), "sims", ["subscription_id"], unique=False, schema="hub")
    op.create_index(
        "sims_usage_queue_idx",
        "sims",
        ["usage_due_at"],
        unique=False,
        schema="hub",
        postgresql_where=sa.text("usage_due_at IS NOT NULL"),
    )
    op.create_table(
        "subscriptions",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: whmcs"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the service in its system"),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=False,
            comment="WHMCS account it belongs to: hub.customer_accounts.id, which may arrive later than this row",
        ),
        sa.Column("whmcs_order_id", sa.Text(), nullable=True, comment="WHMCS order it came from"),
        sa.Column("whmcs_product_id", sa.Text(), nullable=True, comment="WHMCS product (pid)"),
        sa.Column("product_name", sa.Text(), nullable=True, comment="Product name in WHMCS"),
        sa.Column("group_name", sa.Text(), nullable=True, comment="Product group in WHMCS"),
        sa.Column(
            "service_type",
            sa.Text(),
            nullable=False,
            comment="Kind of service, told from the product name: internet, sim, vpn, other",
        ),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="Where the service stands: pending, active, suspended, terminated, cancelled, fraud, completed, other",
        ),
        sa.Column("source_status", sa.Text(), nullable=True, comment="status, as sent"),
        sa.Column(
            "billing_cycle",
            sa.Text(),
            nullable=False,
            comment="How often it is billed: free, onetime, monthly, quarterly, semiannually, annually, biennially, triennially, other",
        ),
        sa.Column("source_billing_cycle", sa.Text(), nullable=True, comment="billingcycle, as sent"),
        sa.Column(
            "amount",
            sa.Numeric(precision=18, scale=4),
            nullable=False,
            comment="recurringamount: charge per cycle, in currency",
        ),
        sa.Column(
            "first_amount",
            sa.Numeric(precision=18, scale=4),
            nullable=True,
            comment="firstpaymentamount: first charge, in currency",
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="ISO 4217 code of every amount in this row"),
        sa.Column("registered_on", sa.Date(), nullable=True, comment="regdate: first day, WHMCS local date"),
        sa.Column(
            "next_due_on", sa.Date(), nullable=True, comment="nextduedate: next due date, WHMCS local date; null: none"
        ),
        sa.Column("payment_method", sa.Text(), nullable=True, comment="Gateway that pays it, as sent"),
        sa.Column("domain", sa.Text(), nullable=True, comment="domain: WHMCS's free label of the service"),
        sa.Column(
            "opportunity_id",
            sa.Text(),
            nullable=True,
            comment="Salesforce Opportunity, from the service's custom field",
        ),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint(
            "billing_cycle IN ('free', 'onetime', 'monthly', 'quarterly', 'semiannually', 'annually', 'biennially', 'triennially', 'other')",
            name=op.f("subscriptions_billing_cycle_check"),
        ),
        sa.CheckConstraint(
            "service_type IN ('internet', 'sim', 'vpn', 'other')", name=op.f("subscriptions_service_type_check")
        ),
        sa.CheckConstraint("source IN ('whmcs')", name=op.f("subscriptions_source_check")),
        sa.CheckConstraint(
            "status IN ('pending', 'active', 'suspended', 'terminated', 'cancelled', 'fraud', 'completed', 'other')",
            name=op.f("subscriptions_status_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("subscriptions_pkey")),
        schema="hub",
        comment="One row per subscription (WHMCS service).",
    )
    op.create_index(
        op.f("subscriptions_account_id_id_idx"), "subscriptions", ["account_id", "id"], unique=False, schema="hub"
    )
    op.create_table(
        "support_cases",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: salesforce"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the Case in its system"),
        sa.Column(
            "source_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Last change by the source's own clock, UTC; null where it does not say",
        ),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=False,
            comment="Salesforce account it belongs to: hub.customer_accounts.id, which may arrive later than this row",
        ),
        sa.Column("case_number", sa.Text(), nullable=True, comment="CaseNumber, as shown to people"),
        sa.Column("subject", sa.Text(), nullable=True, comment="What it is about, as the customer wrote it"),
        sa.Column("description", sa.Text(), nullable=True, comment="The customer's text"),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="Where the case stands: new, in_progress, awaiting_customer, closed, other",
        ),
        sa.Column(
            "source_status",
            sa.Text(),
            nullable=True,
            comment="Status, as sent; Working, In Progress and Escalated count as in_progress",
        ),
        sa.Column("priority", sa.Text(), nullable=False, comment="Urgency: low, medium, high, other"),
        sa.Column("source_priority", sa.Text(), nullable=True, comment="Priority, as sent"),
        sa.Column("category", sa.Text(), nullable=True, comment="Type, as sent"),
        sa.Column("origin", sa.Text(), nullable=True, comment="Channel it came by, as sent, such as Portal Website"),
        sa.Column("is_closed", sa.Boolean(), nullable=False, comment="IsClosed: no more work is planned"),
        sa.Column(
            "opened_at", sa.DateTime(timezone=True), nullable=False, comment="CreatedDate: when it was opened, UTC"
        ),
        sa.Column(
            "closed_at", sa.DateTime(timezone=True), nullable=True, comment="ClosedDate: when it was closed, UTC"
        ),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the row was first stored, UTC",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Hub: when the stored row last changed, UTC",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was deleted at the source, or found missing there, UTC; null: it exists",
        ),
        sa.CheckConstraint("priority IN ('low', 'medium', 'high', 'other')", name=op.f("support_cases_priority_check")),
        sa.CheckConstraint("source IN ('salesforce')", name=op.f("support_cases_source_check")),
        sa.CheckConstraint(
            "status IN ('new', 'in_progress', 'awaiting_customer', 'closed', 'other')",
            name=op.f("support_cases_status_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("support_cases_pkey")),
        schema="hub",
        comment="One row per support case (Salesforce Case).",
    )
    op.create_index(
        "support_cases_account_opened_idx",
        "support_cases",
        ["account_id", sa.literal_column("opened_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        schema="hub",
    )
    op.create_table(
        "changes",
        sa.Column(
            "seq", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Running number; gaps are normal"
        ),
        sa.Column(
            "xid",
            XID8(),
            server_default=sa.text("pg_current_xact_id()"),
            nullable=False,
            comment="Transaction that wrote it. To miss nothing, read rows whose xid is below pg_snapshot_xmin(...) of pg_current_snapshot(), in the order (xid, seq), and keep the last pair: numbers alone commit out of order",
        ),
        sa.Column("entity", sa.Text(), nullable=False, comment="Table of schema hub"),
        sa.Column("entity_id", sa.Uuid(), nullable=False, comment="Row of that table"),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=True,
            comment="Account the row belongs to: hub.customer_accounts.id; null: none, as for products",
        ),
        sa.Column("operation", sa.Text(), nullable=False, comment="What happened: insert, update, delete, restore"),
        sa.Column(
            "before",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Columns that changed, with their old values; null for an insert",
        ),
        sa.Column(
            "after",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Columns that changed, with their new values; null for an insert",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When, UTC",
        ),
        sa.Column("run_id", sa.Uuid(), nullable=True, comment="Run that did it: sync.runs.id"),
        sa.CheckConstraint(
            "operation IN ('insert', 'update', 'delete', 'restore')", name=op.f("changes_operation_check")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("changes_pkey")),
        schema="sync",
        comment="Every real change of a hub row, written in the transaction that made it: the log that everything follows.",
    )
    op.create_index("changes_xid_idx", "changes", ["xid", "seq"], unique=False, schema="sync")
    op.create_table(
        "cursors",
        sa.Column("dataset", sa.Text(), nullable=False, comment="Data set, such as whmcs.invoices"),
        sa.Column(
            "position",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="Where the next read starts; only the reader that wrote it understands it",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the position was last stored, UTC",
        ),
        sa.PrimaryKeyConstraint("dataset", name=op.f("cursors_pkey")),
        schema="sync",
        comment="How far each data set was read. Committed together with the rows it stands for.",
    )
    op.create_table(
        "freshness",
        sa.Column("dataset", sa.Text(), nullable=False, comment="Data set"),
        sa.Column("system", sa.Text(), nullable=False, comment="System it comes from"),
        sa.Column("target_seconds", sa.Integer(), nullable=False, comment="How old it may be, seconds"),
        sa.Column(
            "as_of",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Moment up to which the data set is known, UTC; null: never read",
        ),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True, comment="When a run last looked, UTC"),
        sa.PrimaryKeyConstraint("dataset", name=op.f("freshness_pkey")),
        schema="sync",
        comment="How old each data set is, and how old it may be.",
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Running number"),
        sa.Column("dataset", sa.Text(), nullable=False, comment="Data set it was read for"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the record in its system"),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="The record as sent: personal data, for operators only",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why it cannot be represented; holds no values"),
        sa.Column("mapper_version", sa.Text(), nullable=False, comment="Version of the mapper that refused it"),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was first refused, UTC",
        ),
        sa.Column(
            "last_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was last refused, UTC",
        ),
        sa.Column("times_seen", sa.Integer(), server_default="1", nullable=False, comment="How often it was refused"),
        sa.Column(
            "resolved_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was represented after all, or vanished, UTC; null: open",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("quarantine_pkey")),
        sa.UniqueConstraint("dataset", "source_id", name=op.f("quarantine_dataset_source_id_key")),
        schema="sync",
        comment="Records that could not be represented, with their raw payload. Nothing is dropped silently.",
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Run id"),
        sa.Column("dataset", sa.Text(), nullable=False, comment="Data set read"),
        sa.Column("system", sa.Text(), nullable=False, comment="System read"),
        sa.Column("mode", sa.Text(), nullable=False, comment="Kind of read, such as incremental or full"),
        sa.Column(
            "status",
            sa.Text(),
            server_default="running",
            nullable=False,
            comment="How it went: running, succeeded, failed",
        ),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it started, UTC",
        ),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it ended, UTC; null: still running, or killed",
        ),
        sa.Column("pages", sa.Integer(), server_default="0", nullable=False, comment="Pages committed"),
        sa.Column("rows_read", sa.Integer(), server_default="0", nullable=False, comment="Rows the source handed over"),
        sa.Column("inserted", sa.Integer(), server_default="0", nullable=False, comment="Rows new to the hub"),
        sa.Column("updated", sa.Integer(), server_default="0", nullable=False, comment="Rows that differed"),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False, comment="Rows that did not"),
        sa.Column("deleted", sa.Integer(), server_default="0", nullable=False, comment="Rows marked deleted"),
        sa.Column(
            "quarantined",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Rows that could not be represented",
        ),
        sa.Column(
            "unknown_labels",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="Labels that fell to other, with their counts",
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="Why it failed; null: it did not"),
        sa.Column("dagster_run_id", sa.Text(), nullable=True, comment="Dagster run it was part of; null: none"),
        sa.CheckConstraint("status IN ('running', 'succeeded', 'failed')", name=op.f("runs_status_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("runs_pkey")),
        schema="sync",
        comment="One row per read of a data set: what it did, counted at each committed page.",
    )
    op.create_index(
        "runs_dataset_started_idx",
        "runs",
        ["dataset", sa.literal_column("started_at DESC")],
        unique=False,
        schema="sync",
    )
