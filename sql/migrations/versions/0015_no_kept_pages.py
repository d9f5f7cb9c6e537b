"""The page that a whole read is writing is no longer kept: a run that is killed asks for it again."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DROP TABLE sync.unwritten_pages")
