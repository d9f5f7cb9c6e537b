"""Personal data: masked views for analysts, and what was erased."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA analytics")
    op.execute("""
        CREATE TABLE sync.erasures (
            customer_id uuid NOT NULL,
            began_at timestamptz DEFAULT now() NOT NULL,
            ended_at timestamptz,
            said_by text NOT NULL,
            overwritten jsonb DEFAULT '{}' NOT NULL,
            CONSTRAINT erasures_pkey PRIMARY KEY (customer_id)
        )
    """)
    op.execute("""
        CREATE TABLE sync.erased (
            account_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            erased_at timestamptz DEFAULT now() NOT NULL,
            CONSTRAINT erased_pkey PRIMARY KEY (account_id)
        )
    """)
    comments = {
        "TABLE sync.erasures": "Which customers were erased, and what that did: what a certificate is printed from.",
        "COLUMN sync.erasures.customer_id": "Customer erased",
        "COLUMN sync.erasures.began_at": "When it was first begun, UTC",
        "COLUMN sync.erasures.ended_at": "When it was last done, UTC; null: it was stopped on the way, and is to be"
        " begun again",
        "COLUMN sync.erasures.said_by": "Operator who did it",
        "COLUMN sync.erasures.overwritten": "How many rows were overwritten, by where they are",
        "TABLE sync.erased": "Accounts that were erased. Whatever a source sends of them is stored without what is"
        " personal.",
        "COLUMN sync.erased.account_id": "Account: hub.customer_accounts.id",
        "COLUMN sync.erased.customer_id": "Customer it belonged to when it was erased",
        "COLUMN sync.erased.erased_at": "When, UTC",
        "COLUMN command.steps.error": "Why it failed last, in our own words or the source''s",
    }
    for what, comment in comments.items():
        op.execute(f"COMMENT ON {what} IS '{comment}'")
