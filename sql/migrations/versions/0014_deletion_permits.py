"""Only `hub` lifts the brake on deletions: a run may go on without it if its permit lies here."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE sync.deletion_permits (dagster_run_id text NOT NULL,"
        " allowed_at timestamptz DEFAULT now() NOT NULL, PRIMARY KEY (dagster_run_id))"
    )
    op.execute(
        "COMMENT ON TABLE sync.deletion_permits IS"
        " 'Dagster runs that may delete more than the brake lets through. Written by hub sync as the owner, for as long"
        " as the run takes; no other login may write here.'"
    )
    op.execute("COMMENT ON COLUMN sync.deletion_permits.dagster_run_id IS 'Dagster run that it is for'")
    op.execute("COMMENT ON COLUMN sync.deletion_permits.allowed_at IS 'When an operator allowed it, UTC'")
