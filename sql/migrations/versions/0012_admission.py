"""Admission: what each customer's requests have cost lately, counted across all processes."""

from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE command.admissions (
            id uuid NOT NULL,
            customer_id uuid NOT NULL,
            kind text NOT NULL,
            admitted_at timestamptz DEFAULT now() NOT NULL,
            until timestamptz,
            system text,
            calls integer DEFAULT 0 NOT NULL,
            CONSTRAINT admissions_pkey PRIMARY KEY (id)
        )
    """)
    op.execute("CREATE INDEX admissions_recent_idx ON command.admissions (customer_id, kind, admitted_at)")
    comments = {
        "id": "Made by whoever asks: asking twice under it counts once",
        "customer_id": "Customer whose request it was",
        "kind": "What it costs: commands, uploads, pay_links, waits, refreshes, catch_ups",
        "admitted_at": "When it was admitted, UTC",
        "until": "Until when it counts as under way, UTC; null: it is over, or was never long",
        "system": "System whose quota of calls it draws on; null: none",
        "calls": "About how many calls to that system it takes",
    }
    op.execute(
        "COMMENT ON TABLE command.admissions IS 'One row per request of the last day that was admitted and costs something.'"
    )
    for column, comment in comments.items():
        op.execute(f"COMMENT ON COLUMN command.admissions.{column} IS '{comment}'")
    # They take limits now, or other ones; objects/functions.sql makes them anew.
    op.execute(
        "DROP FUNCTION IF EXISTS"
        " command.accept(text, text, text, uuid, text, text, text, jsonb, text, interval, integer),"
        " sync.wish_line(uuid), sync.wish_items(uuid)"
    )
