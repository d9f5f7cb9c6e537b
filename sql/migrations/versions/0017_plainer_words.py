"""Drops functions that have new names; renames where a scan of WHMCS stands; says comments in plain words.

`sync.wish_line`, `sync.wish_items` and `sync.receive_hint` are `sync.request_line_refresh`, `sync.request_items_refresh` and
`sync.receive_notification` now. Processes of 0.1.0 call the old names: stop them first.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLE = "Notifications and refresh requests until they are applied: the record itself is read again."
COLUMNS = {
    "inbox.source": "Who sent it: salesforce, whmcs, or hub for our own refresh requests",
    "inbox.event_id": "The sender's own id of it: the same one sent twice is one row",
    "inbox.parent_id": "Id of the record it hangs under, where named",
    "inbox.payload": "What else the sender said",
    "inbox.occurred_at": "When it happened, by the sender's clock, UTC",
    "freshness.checked_at": "When a run last checked it, UTC",
    "sources.promised_until": "Up to when slots for calls are promised, UTC: keeps all processes within its budget",
}


def upgrade() -> None:
    # objects/functions.sql makes them anew under their new names.
    op.execute(
        "DROP FUNCTION IF EXISTS sync.wish_line(uuid, jsonb), sync.wish_items(uuid, jsonb),"
        " sync.receive_hint(text, text, text, text, text, timestamptz, jsonb)"
    )
    op.execute(
        "UPDATE sync.cursors SET position = position - 'walk' || jsonb_build_object('scan', position -> 'walk')"
        " WHERE position ? 'walk'"
    )
    op.execute(f"COMMENT ON TABLE sync.inbox IS '{TABLE}'")
    for column, comment in COLUMNS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN sync.{column} IS '{quoted}'")
