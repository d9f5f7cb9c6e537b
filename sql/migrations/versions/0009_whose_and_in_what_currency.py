"""Currencies that nobody proved are forgotten; cases that belong to nobody are kept."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_NOBODYS = "Salesforce account it belongs to: hub.customer_accounts.id, which may arrive later than this row; null: nobody's"


def upgrade() -> None:
    op.alter_column("support_cases", "account_id", nullable=True, comment=_NOBODYS, schema="hub")
    op.alter_column("case_comments", "account_id", nullable=True, comment=_NOBODYS, schema="hub")

    op.alter_column(
        "subscriptions",
        "currency",
        nullable=True,
        comment="Always null: WHMCS names a currency per account (hub.customer_accounts.currency), not per service",
        schema="hub",
    )
    op.alter_column(
        "subscriptions",
        "amount",
        comment="recurringamount: charge per cycle, in the currency of its account (hub.customer_accounts.currency)",
        schema="hub",
    )
    op.alter_column(
        "subscriptions",
        "first_amount",
        comment="firstpaymentamount: first charge, in the currency of its account",
        schema="hub",
    )
    # It was the one currency of the settings, whatever the client's.
    op.execute("UPDATE hub.subscriptions SET currency = NULL WHERE currency IS NOT NULL")
