"""What the sync remembers of itself: where it stands, what it did, what it could not represent, what changed."""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, Table, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.types import UserDefinedType

from sql.tables.columns import choice, instant, metadata, reference, stamp
from sql.tables.columns import text as words


class XID8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction number, which SQLAlchemy does not know."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


# Reflection (the drift check) must know the type too.
PGDialect.ischema_names["xid8"] = XID8


def _json(name: str, comment: str, *, default: str | None = None) -> Column[Any]:
    return Column(name, JSONB, nullable=default is None, server_default=default, comment=comment)


def _count(name: str, comment: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0", comment=comment)


cursors = Table(
    "cursors",
    metadata,
    Column("dataset", Text, primary_key=True, comment="Data set, such as whmcs.invoices"),
    _json("position", "Where the next read starts; only the reader that wrote it understands it", default="{}"),
    stamp("updated_at", "When the position was last stored, UTC"),
    schema="sync",
    comment="How far each data set was read. Committed together with the rows it stands for.",
)

runs = Table(
    "runs",
    metadata,
    Column("id", Uuid, primary_key=True, comment="Run id"),
    words("dataset", "Data set read", required=True),
    words("system", "System read", required=True),
    words("mode", "Kind of read, such as incremental or full", required=True),
    choice("status", ("running", "succeeded", "failed"), "How it went", default="running"),
    stamp("started_at", "When it started, UTC"),
    instant("finished_at", "When it ended, UTC; null: still running, or killed"),
    _count("pages", "Pages committed"),
    _count("rows_read", "Rows the source handed over"),
    _count("inserted", "Rows new to the hub"),
    _count("updated", "Rows that differed"),
    _count("unchanged", "Rows that did not"),
    _count("deleted", "Rows marked deleted"),
    _count("quarantined", "Rows that could not be represented"),
    _json("unknown_labels", "Labels that fell to other, with their counts", default="{}"),
    words("error", "Why it failed; null: it did not"),
    words("dagster_run_id", "Dagster run it was part of; null: none"),
    schema="sync",
    comment="One row per read of a data set: what it did, counted at each committed page.",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="Running number"),
    words("dataset", "Data set it was read for", required=True),
    words("source_id", "Id of the record in its system", required=True),
    Column("payload", JSONB, nullable=False, comment="The record as sent: personal data, for operators only"),
    words("reason", "Why it cannot be represented; holds no values", required=True),
    words("mapper_version", "Version of the mapper that refused it", required=True),
    stamp("first_seen_at", "When it was first refused, UTC"),
    stamp("last_seen_at", "When it was last refused, UTC"),
    Column("times_seen", Integer, nullable=False, server_default="1", comment="How often it was refused"),
    instant("resolved_at", "When it was represented after all, or vanished, UTC; null: open"),
    UniqueConstraint("dataset", "source_id"),
    schema="sync",
    comment="Records that could not be represented, with their raw payload. Nothing is dropped silently.",
)

changes = Table(
    "changes",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True, comment="Running number; gaps are normal"),
    Column(
        "xid",
        XID8,
        nullable=False,
        server_default=text("pg_current_xact_id()"),
        comment="Transaction that wrote it. To miss nothing, read rows whose xid is below pg_snapshot_xmin(...) of"
        " pg_current_snapshot(), in the order (xid, seq), and keep the last pair: numbers alone commit out of order",
    ),
    words("entity", "Table of schema hub", required=True),
    reference("entity_id", "Row of that table", required=True),
    reference("account_id", "Account the row belongs to: hub.customer_accounts.id; null: none, as for products"),
    choice("operation", ("insert", "update", "delete", "restore"), "What happened", required=True),
    _json("before", "Columns that changed, with their old values; null for an insert"),
    _json("after", "Columns that changed, with their new values; null for an insert"),
    stamp("changed_at", "When, UTC"),
    reference("run_id", "Run that did it: sync.runs.id"),
    schema="sync",
    comment="Every real change of a hub row, written in the transaction that made it: the log that everything follows.",
)

freshness = Table(
    "freshness",
    metadata,
    Column("dataset", Text, primary_key=True, comment="Data set"),
    words("system", "System it comes from", required=True),
    Column("target_seconds", Integer, nullable=False, comment="How old it may be, seconds"),
    Column("as_of", DateTime(timezone=True), comment="Moment up to which the data set is known, UTC; null: never read"),
    instant("checked_at", "When a run last looked, UTC"),
    schema="sync",
    comment="How old each data set is, and how old it may be.",
)

Index("runs_dataset_started_idx", runs.c.dataset, runs.c.started_at.desc())
Index("changes_xid_idx", changes.c.xid, changes.c.seq)
