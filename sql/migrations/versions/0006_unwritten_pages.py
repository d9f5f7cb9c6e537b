"""The page that a whole read is writing, kept for whoever goes on after a kill."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unwritten_pages",
        sa.Column("dataset", sa.Text(), nullable=False, comment="Data set being read whole"),
        sa.Column(
            "begins", postgresql.JSONB(), nullable=False, comment="Where a reader stands who has not read the page"
        ),
        sa.Column(
            "page", sa.LargeBinary(), nullable=False, comment="The page as sent, JSON: personal data, for the sync only"
        ),
        sa.Column(
            "kept_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was kept, UTC",
        ),
        sa.PrimaryKeyConstraint("dataset"),
        schema="sync",
        comment="The page a whole read is writing: whoever goes on after a kill need not ask for it again. Empty otherwise,"
        " and after a crash of the server.",
        prefixes=["UNLOGGED"],
    )
    # It is overwritten page after page and read once, if ever: not worth compressing.
    op.execute("ALTER TABLE sync.unwritten_pages ALTER COLUMN page SET STORAGE EXTERNAL")
