"""An index that finds an account by the id that a claim or an operator names: judging links read all accounts for each."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "customer_accounts_source_id_idx", "customer_accounts", ["source", "source_id"], unique=False, schema="hub"
    )
