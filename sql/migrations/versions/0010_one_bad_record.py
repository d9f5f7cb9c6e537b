"""A record that always fails is told from a source that is down: sources remember which calls failed."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE sync.sources ADD COLUMN failing text[] DEFAULT '{}' NOT NULL")
    op.execute("ALTER TABLE sync.sources ADD COLUMN answered_at timestamptz")
    op.execute(
        "COMMENT ON COLUMN sync.sources.failing IS"
        " 'Digests of the calls that failed last, by which the same one is known again'"
    )
    op.execute(
        "COMMENT ON COLUMN sync.sources.answered_at IS 'When it answered after a failure, UTC; null: it never failed'"
    )
    op.execute("COMMENT ON COLUMN sync.sources.failures IS 'Different calls that failed since it answered'")
