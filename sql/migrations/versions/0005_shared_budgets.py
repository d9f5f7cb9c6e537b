"""Budgets of calls that all processes share."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sources",
        sa.Column(
            "promised_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Up to when turns to call it are promised, UTC: keeps all processes within its budget",
        ),
        schema="sync",
    )
