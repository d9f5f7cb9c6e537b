"""Drops sync.unwritten_pages, where whole reads kept the page they were writing; the database checks a run's mode.

Processes of before 0.1.0 still write to that table, and nothing was released before 0.1.0: stop them first.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A run that is killed asks for the page again.
    op.execute("DROP TABLE sync.unwritten_pages")
    op.execute(
        "ALTER TABLE sync.runs ADD CONSTRAINT runs_mode_check"
        " CHECK (mode IN ('incremental', 'full', 'events', 'reconcile', 'quarantine'))"
    )
    op.execute(
        "COMMENT ON COLUMN sync.runs.mode IS 'Kind of read: incremental, full, events, reconcile, quarantine'"
    )
