"""The page that a whole read is writing is kept compressed."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One that was kept in the form of before is asked for again.
    op.execute("TRUNCATE sync.unwritten_pages")
    op.execute(
        "COMMENT ON COLUMN sync.unwritten_pages.page IS"
        " 'The page as sent, JSON compressed with zlib: personal data, for the sync only'"
    )
