"""Whose the number of a SIM line is, where several have it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sims",
        sa.Column(
            "number_claim",
            sa.Text(),
            server_default=sa.text("'undisputed'"),
            nullable=False,
            comment="Hub: whose the number is. undisputed: no other open line has it; disputed: others have, and the"
            " network has not shown that it is this one's, so that nothing of the network's is kept here; proven: it"
            " has: undisputed, disputed, proven",
        ),
        schema="hub",
    )
    op.create_check_constraint(
        op.f("sims_number_claim_check"), "sims", "number_claim IN ('undisputed', 'disputed', 'proven')", schema="hub"
    )
    for name, comment in (
        ("network_eid", "eSIM chip id that the network names (Freebit)"),
        ("relation_code", "Our reference for the line at the network: the Salesforce order that opened it (Freebit)"),
    ):
        op.add_column("sims", sa.Column(name, sa.Text(), nullable=True, comment=comment), schema="hub")
    op.create_index(
        op.f("sims_msisdn_idx"),
        "sims",
        ["msisdn"],
        unique=False,
        schema="hub",
        postgresql_where=sa.text("msisdn IS NOT NULL"),
    )
