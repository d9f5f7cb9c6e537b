"""Stay in sync: the inbox, streams, the state of sources, reconcile windows; the change log by month."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import UserDefinedType

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


class XID8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction number."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column(
            "id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Running number, in order of arrival",
        ),
        sa.Column(
            "source", sa.Text(), nullable=False, comment="Who tells: salesforce, whmcs, or hub for our own wishes"
        ),
        sa.Column(
            "event_id",
            sa.Text(),
            nullable=False,
            comment="The teller's own id of the event: the same one told twice is one row",
        ),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="A record to read again, records missed, or something that happened: record, gap, event",
        ),
        sa.Column(
            "entity",
            sa.Text(),
            nullable=False,
            comment="Object concerned, in the system's words, such as Account or invoice",
        ),
        sa.Column("record_id", sa.Text(), nullable=True, comment="The record's id in its system; null for a gap"),
        sa.Column("parent_id", sa.Text(), nullable=True, comment="Id of the record it hangs under, where told"),
        sa.Column(
            "payload", postgresql.JSONB(), server_default="{}", nullable=False, comment="What else the teller said"
        ),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it happened, by the teller's clock, UTC",
        ),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was stored, UTC",
        ),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it may be applied, UTC: later than received where the source needs time to settle",
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="waiting",
            nullable=False,
            comment="Where it stands: waiting, done, parked",
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False, comment="How often applying it failed"),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True, comment="When it was done, UTC"),
        sa.Column("error", sa.Text(), nullable=True, comment="Why applying it failed last; holds no values"),
        sa.CheckConstraint("kind IN ('record', 'gap', 'event')", name=op.f("inbox_kind_check")),
        sa.CheckConstraint("state IN ('waiting', 'done', 'parked')", name=op.f("inbox_state_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("inbox_pkey")),
        sa.UniqueConstraint("source", "event_id", name=op.f("inbox_source_event_id_key")),
        schema="sync",
        comment="What sources told us and we wished for, until it is applied. Hints: the record itself is read again.",
    )
    op.create_index(
        "inbox_applied_idx",
        "inbox",
        ["applied_at"],
        unique=False,
        schema="sync",
        postgresql_where=sa.text("state = 'done'"),
    )
    op.create_index(
        "inbox_waiting_idx",
        "inbox",
        ["due_at", "id"],
        unique=False,
        schema="sync",
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "sources",
        sa.Column("system", sa.Text(), nullable=False, comment="System called"),
        sa.Column(
            "circuit",
            sa.Text(),
            server_default="closed",
            nullable=False,
            comment="Open: nobody calls it until retry_at, then one tries: closed, open",
        ),
        sa.Column(
            "failures",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Calls that failed since the last success",
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True, comment="When the circuit was opened, UTC"),
        sa.Column(
            "retry_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Before this nobody calls, UTC: circuit open, or the source asked for patience",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why; holds no values"),
        sa.Column("quota_used", sa.Integer(), nullable=True, comment="Calls used of the quota, as the source says"),
        sa.Column("quota_limit", sa.Integer(), nullable=True, comment="The quota, as the source says"),
        sa.Column("quota_at", sa.DateTime(timezone=True), nullable=True, comment="When it said so, UTC"),
        sa.CheckConstraint("circuit IN ('closed', 'open')", name=op.f("sources_circuit_check")),
        sa.PrimaryKeyConstraint("system", name=op.f("sources_pkey")),
        schema="sync",
        comment="How each system is doing, shared by every process that calls it.",
    )
    op.create_table(
        "streams",
        sa.Column("topic", sa.Text(), nullable=False, comment="Channel of the Pub/Sub API"),
        sa.Column(
            "replay_id",
            sa.LargeBinary(),
            nullable=True,
            comment="Position after the last event stored, raw as received; null: none yet",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the position was last stored, UTC",
        ),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=True, comment="When the last event was stored, UTC"),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="What the listener does: listening, reconnecting, catching_up, refused"
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="Why it was last refused; holds no values"),
        sa.PrimaryKeyConstraint("topic", name=op.f("streams_pkey")),
        schema="sync",
        comment="Where the listener stands on each channel. Committed together with the events it stands for.",
    )
    op.create_table(
        "windows",
        sa.Column("dataset", sa.Text(), nullable=False, comment="Data set"),
        sa.Column("number", sa.Integer(), nullable=False, comment="Place in the pass, from 0"),
        sa.Column("pass_id", sa.Uuid(), nullable=False, comment="Pass that compared it last: sync.runs.id"),
        sa.Column("first_id", sa.Text(), nullable=False, comment="First record, in the system's order"),
        sa.Column("last_id", sa.Text(), nullable=False, comment="Last record"),
        sa.Column("source_rows", sa.Integer(), server_default="0", nullable=False, comment="Records the source has"),
        sa.Column("missing", sa.Integer(), server_default="0", nullable=False, comment="Of these, not in the hub"),
        sa.Column(
            "different", sa.Integer(), server_default="0", nullable=False, comment="Of these, different in the hub"
        ),
        sa.Column("content_hash", sa.Text(), nullable=False, comment="MD5 over the ids and contents the source sent"),
        sa.Column(
            "checked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When, UTC",
        ),
        sa.PrimaryKeyConstraint("dataset", "number", name=op.f("windows_pkey")),
        schema="sync",
        comment="The windows of records that the last reconcile compared with the source, in order.",
    )
    op.add_column(
        "sims",
        sa.Column(
            "looked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Hub: when somebody last looked at the line, UTC; those are refreshed first",
        ),
        schema="hub",
    )
    _partition_changes()
    op.create_index(
        "changes_history_idx",
        "changes",
        ["account_id", "entity", "changed_at"],
        unique=False,
        schema="sync",
        postgresql_where=sa.text("operation != 'insert'"),
    )
    op.create_table_comment(
        "changes",
        "Every real change of a hub row, written in the transaction that made it: the log that everything follows. A partition a month (schema history); sync.keep_history makes the next and drops the oldest.",
        existing_comment="Every real change of a hub row, written in the transaction that made it: the log that everything follows.",
        schema="sync",
    )
    op.add_column(
        "freshness",
        sa.Column(
            "verified_through",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Moment at which a reconcile began that found, or made, the whole data set right, UTC",
        ),
        schema="sync",
    )
    op.add_column(
        "freshness",
        sa.Column(
            "parked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Since when reading it is given up until somebody looks, UTC; null: it is read",
        ),
        schema="sync",
    )
    op.add_column(
        "freshness", sa.Column("parked_reason", sa.Text(), nullable=True, comment="Why; holds no values"), schema="sync"
    )
    op.alter_column(
        "freshness",
        "target_seconds",
        existing_type=sa.INTEGER(),
        comment="How old it may be, seconds; set when the data set is first read, an operator's to change",
        existing_comment="How old it may be, seconds",
        existing_nullable=False,
        schema="sync",
    )


def _partition_changes() -> None:
    """The change log becomes a table of months. The old one is one partition of it, so no row is copied."""
    op.execute("CREATE SCHEMA IF NOT EXISTS history")
    op.drop_index("changes_xid_idx", "changes", schema="sync")
    op.execute("ALTER TABLE sync.changes DROP CONSTRAINT changes_pkey")
    op.execute("ALTER TABLE sync.changes SET SCHEMA history")
    op.execute("ALTER TABLE history.changes RENAME TO changes_before")
    op.create_table(
        "changes",
        sa.Column(
            "seq", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Running number; gaps are normal"
        ),
        sa.Column(
            "xid",
            XID8(),
            server_default=sa.text("pg_current_xact_id()"),
            nullable=False,
            comment="Transaction that wrote it. To miss nothing, read rows whose xid is below pg_snapshot_xmin(...) of pg_current_snapshot(), in the order (xid, seq), and keep the last pair: numbers alone commit out of order",
        ),
        sa.Column("entity", sa.Text(), nullable=False, comment="Table of schema hub"),
        sa.Column("entity_id", sa.Uuid(), nullable=False, comment="Row of that table"),
        sa.Column(
            "account_id",
            sa.Uuid(),
            nullable=True,
            comment="Account the row belongs to: hub.customer_accounts.id; null: none, as for products",
        ),
        sa.Column("operation", sa.Text(), nullable=False, comment="What happened: insert, update, delete, restore"),
        sa.Column(
            "before",
            postgresql.JSONB(),
            nullable=True,
            comment="Columns that changed, with their old values; null for an insert",
        ),
        sa.Column(
            "after",
            postgresql.JSONB(),
            nullable=True,
            comment="Columns that changed, with their new values; null for an insert",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When, UTC",
        ),
        sa.Column("run_id", sa.Uuid(), nullable=True, comment="Run that did it: sync.runs.id"),
        sa.CheckConstraint(
            "operation IN ('insert', 'update', 'delete', 'restore')", name=op.f("changes_operation_check")
        ),
        sa.PrimaryKeyConstraint("seq", "changed_at", name=op.f("changes_pkey")),
        schema="sync",
        postgresql_partition_by="RANGE (changed_at)",
    )
    # The old table's numbers go on where they stopped.
    op.execute(
        "SELECT setval(pg_get_serial_sequence('sync.changes', 'seq'),"
        " (SELECT coalesce(max(seq), 0) + 1 FROM history.changes_before), false)"
    )
    op.execute("ALTER TABLE history.changes_before ALTER COLUMN seq DROP IDENTITY")
    op.create_index("changes_xid_idx", "changes", ["xid", "seq"], unique=False, schema="sync")
    op.execute(
        """
        DO $$
        DECLARE
            next_month timestamptz := date_trunc('month', now() AT TIME ZONE 'UTC' + interval '1 month')
                                      AT TIME ZONE 'UTC';
        BEGIN
            EXECUTE format('ALTER TABLE sync.changes ATTACH PARTITION history.changes_before'
                           ' FOR VALUES FROM (MINVALUE) TO (%L)', next_month);
        END
        $$
        """
    )
