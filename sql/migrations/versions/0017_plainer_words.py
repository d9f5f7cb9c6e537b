"""Drops functions that have new names, and says the inbox's comments in plain words.

`sync.wish_line`, `sync.wish_items` and `sync.receive_hint` are `sync.request_line_refresh`, `sync.request_items_refresh` and
`sync.receive_notification` now. Processes of before 0.1.0 call the old names, and nothing was released before 0.1.0: stop
them first.
"""

from alembic import op

revision = "0017"
down_revision = "0015"
branch_labels = None
depends_on = None

COMMENTS = {
    "source": "Who sent it: salesforce, whmcs, or hub for our own refresh requests",
    "event_id": "The sender's own id of it: the same one sent twice is one row",
    "parent_id": "Id of the record it hangs under, where named",
    "payload": "What else the sender said",
    "occurred_at": "When it happened, by the sender's clock, UTC",
}
INBOX = "Notifications and refresh requests until they are applied: the record itself is read again."


def upgrade() -> None:
    # objects/functions.sql makes them anew under their new names.
    op.execute(
        "DROP FUNCTION IF EXISTS sync.wish_line(uuid, jsonb), sync.wish_items(uuid, jsonb),"
        " sync.receive_hint(text, text, text, text, text, timestamptz, jsonb)"
    )
    op.execute(f"COMMENT ON TABLE sync.inbox IS '{INBOX}'")
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN sync.inbox.{column} IS '{quoted}'")
