"""Comments on support cases are read back."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "case_comments",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Hub id: UUIDv5 of (system, kind, source_id), the same on every load",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="System that owns the row: salesforce"),
        sa.Column("source_id", sa.Text(), nullable=False, comment="Id of the CaseComment in its system"),
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
        sa.Column("case_id", sa.Uuid(), nullable=False, comment="Case it was said on: hub.support_cases.id"),
        sa.Column("author", sa.Text(), nullable=False, comment="Who said it: customer, agent"),
        sa.Column(
            "source_author", sa.Text(), nullable=True, comment="CreatedById: the Salesforce user that wrote it"
        ),
        sa.Column("body", sa.Text(), nullable=True, comment="CommentBody: what was said"),
        sa.Column(
            "is_public",
            sa.Boolean(),
            nullable=False,
            comment="IsPublished: the customer may read it; the others are agents' notes",
        ),
        sa.Column(
            "written_at", sa.DateTime(timezone=True), nullable=False, comment="CreatedDate: when it was said, UTC"
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
        sa.CheckConstraint("author IN ('customer', 'agent')", name=op.f("case_comments_author_check")),
        sa.CheckConstraint("source IN ('salesforce')", name=op.f("case_comments_source_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("case_comments_pkey")),
        schema="hub",
        comment="One row per comment on a support case (Salesforce CaseComment).",
    )
    op.create_index(op.f("case_comments_case_id_idx"), "case_comments", ["case_id"], unique=False, schema="hub")
