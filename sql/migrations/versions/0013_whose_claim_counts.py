"""Operators say whose account is whose, each change of a link is kept, and all accounts are judged by the CRM's word."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "link_words",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Running number"),
        sa.Column("salesforce_id", sa.Text(), nullable=False, comment="Account in Salesforce"),
        sa.Column("whmcs_id", sa.Text(), nullable=False, comment="Client in WHMCS"),
        sa.Column("is_linked", sa.Boolean(), nullable=False, comment="Whether they are one customer's; false: never"),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why, in the operator's words"),
        sa.Column("said_by", sa.Text(), nullable=False, comment="Operator who said it"),
        sa.Column(
            "said_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When, UTC"
        ),
        sa.Column(
            "ended_at", sa.DateTime(timezone=True), nullable=True, comment="When a later word replaced it, UTC; null: it holds"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("link_words_pkey")),
        schema="sync",
        comment="What operators said of whose account is whose: outweighs every claim. Kept for good.",
    )
    holds = "is_linked AND ended_at IS NULL"
    for column in ("salesforce_id", "whmcs_id"):
        op.create_index(
            f"link_words_{column}_idx", "link_words", [column], unique=True, schema="sync", postgresql_where=sa.text(holds)
        )
    op.create_table(
        "link_changes",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Running number"),
        sa.Column(
            "account_id", sa.Uuid(), nullable=False, comment="Account that changed hands: hub.customer_accounts.id"
        ),
        sa.Column("former_customer_id", sa.Uuid(), nullable=False, comment="Customer it belonged to before"),
        sa.Column("customer_id", sa.Uuid(), nullable=False, comment="Customer it belongs to since; its own id: to no other"),
        sa.Column(
            "said_by", sa.Text(), nullable=True, comment="Who says that it is theirs; null: nobody: both, crm, operator"
        ),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When, UTC"
        ),
        sa.Column("run_id", sa.Uuid(), nullable=True, comment="Run that did it: sync.runs.id; null: an operator"),
        sa.CheckConstraint("said_by IN ('both', 'crm', 'operator')", name=op.f("link_changes_said_by_check")),
        sa.PrimaryKeyConstraint("seq", name=op.f("link_changes_pkey")),
        schema="sync",
        comment="Every link between two systems' accounts that was made, moved or ended. Kept for good: the change log"
        " forgets.",
    )
    op.create_index("link_changes_changed_at_idx", "link_changes", ["changed_at"], schema="sync")
    # Links that rested on what customers can write end now; reading the client again judges it, with all around it.
    op.execute(
        """
        WITH unproven AS (
            UPDATE hub.customer_accounts w
               SET customer_id = w.id, link_status = 'unlinked', changed_at = now(), details_due_at = now()
              FROM hub.customer_accounts s
             WHERE w.source = 'whmcs' AND s.source = 'salesforce' AND w.customer_id = s.id
               AND s.partner_key IS DISTINCT FROM w.source_id
            RETURNING w.id, s.id AS crm
        ), alone AS (
            UPDATE hub.customer_accounts s SET link_status = 'unlinked', changed_at = now()
              FROM unproven WHERE s.id = unproven.crm
        ), logged AS (
            INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)
            SELECT 'customer_accounts', id, id, 'update',
                   jsonb_build_object('customer_id', crm, 'link_status', 'linked'),
                   jsonb_build_object('customer_id', id, 'link_status', 'unlinked')
              FROM unproven
        )
        INSERT INTO sync.link_changes (account_id, former_customer_id, customer_id) SELECT id, crm, id FROM unproven
        """
    )
