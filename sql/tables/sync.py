"""What the sync remembers of itself: where it stands, what it did, what it could not represent, what changed."""

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.types import UserDefinedType

from sql.tables.columns import choice, count, flag, instant, json, metadata, reference, says, serial, stamp
from sql.tables.columns import text as words


class Mode(StrEnum):
    """What a run of the sync is for: on from the last one, all anew, single records, compare and heal, quarantine."""

    INCREMENTAL = "incremental"
    FULL = "full"
    EVENTS = "events"
    RECONCILE = "reconcile"
    QUARANTINE = "quarantine"


class XID8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction number, which SQLAlchemy does not know."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


# Reflection (the drift check) must know the type too.
PGDialect.ischema_names["xid8"] = XID8


cursors = Table(
    "cursors",
    metadata,
    Column("dataset", Text, primary_key=True, comment="Data set, such as whmcs.invoices"),
    json("position", "Where the next read starts; only the reader that wrote it understands it", default="{}"),
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
    choice("mode", tuple(Mode), "Kind of read", required=True),
    choice("status", ("running", "succeeded", "failed"), "How it went", default="running"),
    stamp("started_at", "When it started, UTC"),
    instant("finished_at", "When it ended, UTC; null: still running, or killed"),
    count("pages", "Pages committed"),
    count("rows_read", "Rows the source handed over"),
    count("inserted", "Rows new to the hub"),
    count("updated", "Rows that differed"),
    count("unchanged", "Rows that did not"),
    count("deleted", "Rows marked deleted"),
    count("quarantined", "Rows that could not be represented"),
    json("unknown_labels", "Labels that fell to other, with their counts", default="{}"),
    words("error", "Why it failed; null: it did not"),
    words("dagster_run_id", "Dagster run it was part of; null: none"),
    schema="sync",
    comment="One row per read of a data set: what it did, counted at each committed page.",
)

deletion_permits = Table(
    "deletion_permits",
    metadata,
    Column("dagster_run_id", Text, primary_key=True, comment="Dagster run that it is for"),
    stamp("allowed_at", "When an operator allowed it, UTC"),
    schema="sync",
    comment="Dagster runs that may delete more than the brake lets through. Written by hub sync as the owner, for as"
    " long as the run takes; no other login may write here.",
)

quarantine = Table(
    "quarantine",
    metadata,
    serial("Running number"),
    words("dataset", "Data set it was read for", required=True, personal=False),
    words("source_id", "Id of the record in its system", required=True, personal=False),
    Column(
        "payload",
        JSONB,
        nullable=False,
        comment="The record as sent: personal data, for operators only",
        info=says(personal=True, erased="'{}'"),
    ),
    words("reason", "Why it cannot be represented; holds no values", required=True, personal=False),
    words("mapper_version", "Version of the mapper that refused it", required=True, personal=False),
    stamp("first_seen_at", "When it was first refused, UTC"),
    stamp("last_seen_at", "When it was last refused, UTC"),
    count("times_seen", "How often it was refused", start=1),
    instant("resolved_at", "When it was represented after all, or vanished, UTC; null: open"),
    UniqueConstraint("dataset", "source_id"),
    schema="sync",
    comment="Records that could not be represented, with their raw payload. Nothing is dropped silently.",
)

link_words = Table(
    "link_words",
    metadata,
    serial("Running number"),
    words("salesforce_id", "Account in Salesforce", required=True, personal=False),
    words("whmcs_id", "Client in WHMCS", required=True, personal=False),
    flag("is_linked", "Whether they are one customer's; false: never", required=True),
    words("reason", "Why, in the operator's words", required=True, personal=True, erased="'erased'"),
    words("said_by", "Operator who said it", required=True, personal=False),
    stamp("said_at", "When, UTC"),
    instant("ended_at", "When a later word replaced it, UTC; null: it holds"),
    schema="sync",
    comment="What operators said of whose account is whose: outweighs every claim. Kept for good.",
)
for name in ("salesforce_id", "whmcs_id"):
    # Of the words that hold, one links an account at most.
    Index(
        f"link_words_{name}_idx",
        link_words.c[name],
        unique=True,
        postgresql_where=text("is_linked AND ended_at IS NULL"),
    )

link_changes = Table(
    "link_changes",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True, comment="Running number"),
    reference("account_id", "Account that changed hands: hub.customer_accounts.id", required=True),
    reference("former_customer_id", "Customer it belonged to before", required=True),
    reference("customer_id", "Customer it belongs to since; its own id: to no other", required=True),
    choice("said_by", ("both", "crm", "operator"), "Who says that it is theirs; null: nobody"),
    stamp("changed_at", "When, UTC"),
    reference("run_id", "Run that did it: sync.runs.id; null: an operator"),
    schema="sync",
    comment="Every link between two systems' accounts that was made, moved or ended. Kept for good: the change log"
    " forgets.",
)
Index("link_changes_changed_at_idx", link_changes.c.changed_at)

changes = Table(
    "changes",
    metadata,
    Column("seq", BigInteger, Identity(always=True), comment="Running number; gaps are normal"),
    Column(
        "xid",
        XID8,
        nullable=False,
        server_default=text("pg_current_xact_id()"),
        comment="Transaction that wrote it. To miss nothing, read rows whose xid is below pg_snapshot_xmin(...) of"
        " pg_current_snapshot(), in the order (xid, seq), and keep the last pair: numbers alone commit out of order",
    ),
    words("entity", "Table of schema hub", required=True, personal=False),
    reference("entity_id", "Row of that table", required=True),
    reference("account_id", "Account the row belongs to: hub.customer_accounts.id; null: none, as for products"),
    choice("operation", ("insert", "update", "delete", "restore"), "What happened", required=True),
    json("before", "Columns that changed, with their old values; null for an insert", personal="by entity"),
    json("after", "Columns that changed, with their new values; null for an insert", personal="by entity"),
    stamp("changed_at", "When, UTC"),
    reference("run_id", "Run that did it: sync.runs.id"),
    PrimaryKeyConstraint("seq", "changed_at"),
    schema="sync",
    comment="Every real change of a hub row, written in the transaction that made it: the log that everything follows."
    " A partition a month (schema history); sync.keep_history makes the next and drops the oldest.",
    postgresql_partition_by="RANGE (changed_at)",
)

freshness = Table(
    "freshness",
    metadata,
    Column("dataset", Text, primary_key=True, comment="Data set"),
    words("system", "System it comes from", required=True),
    Column(
        "target_seconds",
        Integer,
        nullable=False,
        comment="How old it may be, seconds; set when the data set is first read, an operator's to change",
    ),
    Column("as_of", DateTime(timezone=True), comment="Moment up to which the data set is known, UTC; null: never read"),
    instant("checked_at", "When a run last checked it, UTC"),
    instant("verified_through", "Moment at which a reconcile began that found, or made, the whole data set right, UTC"),
    instant("parked_at", "Since when reading it is given up until somebody looks, UTC; null: it is read"),
    words("parked_reason", "Why; holds no values"),
    schema="sync",
    comment="How old each data set is, and how old it may be.",
)

inbox = Table(
    "inbox",
    metadata,
    serial("Running number, in order of arrival"),
    words(
        "source", "Who sent it: salesforce, whmcs, or hub for our own refresh requests", required=True, personal=False
    ),
    words("event_id", "The sender's own id of it: the same one sent twice is one row", required=True, personal=False),
    choice(
        "kind",
        ("record", "gap", "event"),
        "A record to read again, records missed, or something that happened",
        required=True,
    ),
    words(
        "entity", "Object concerned, in the system's words, such as Account or invoice", required=True, personal=False
    ),
    words("record_id", "The record's id in its system; null for a gap", personal=False),
    words("parent_id", "Id of the record it hangs under, where named", personal=False),
    json("payload", "What else the sender said", default="{}", personal=True, erased="'{}'"),
    instant("occurred_at", "When it happened, by the sender's clock, UTC"),
    stamp("received_at", "When it was stored, UTC"),
    stamp("due_at", "When it may be applied, UTC: later than received where the source needs time to settle"),
    choice("state", ("waiting", "done", "parked"), "Where it stands", default="waiting"),
    count("attempts", "How often applying it failed"),
    instant("applied_at", "When it was done, UTC"),
    words("error", "Why applying it failed last; holds no values", personal=False),
    UniqueConstraint("source", "event_id"),
    schema="sync",
    comment="Notifications and refresh requests until they are applied: the record itself is read again.",
)

streams = Table(
    "streams",
    metadata,
    Column("topic", Text, primary_key=True, comment="Channel of the Pub/Sub API"),
    Column("replay_id", LargeBinary, comment="Position after the last event stored, raw as received; null: none yet"),
    stamp("updated_at", "When the position was last stored, UTC"),
    instant("event_at", "When the last event was stored, UTC"),
    words("state", "What the listener does: listening, reconnecting, catching_up, refused", required=True),
    words("error", "Why it was last refused; holds no values"),
    schema="sync",
    comment="Where the listener stands on each channel. Committed together with the events it stands for.",
)

sources = Table(
    "sources",
    metadata,
    Column("system", Text, primary_key=True, comment="System called"),
    choice("circuit", ("closed", "open"), "Open: nobody calls it until retry_at, then one tries", default="closed"),
    count("failures", "Different calls that failed since it answered"),
    Column(
        "failing",
        ARRAY(Text),
        nullable=False,
        server_default="{}",
        comment="Digests of the calls that failed last, by which the same one is known again",
    ),
    instant("answered_at", "When it answered after a failure, UTC; null: it never failed"),
    instant("opened_at", "When the circuit was opened, UTC"),
    instant("retry_at", "Before this nobody calls, UTC: circuit open, or the source asked for patience"),
    words("reason", "Why; holds no values"),
    Column("quota_used", Integer, comment="Calls used of the quota, as the source says"),
    Column("quota_limit", Integer, comment="The quota, as the source says"),
    instant("quota_at", "When it said so, UTC"),
    instant("promised_until", "Up to when slots for calls are promised, UTC: keeps all processes within its budget"),
    schema="sync",
    comment="How each system is doing, shared by every process that calls it.",
)

windows = Table(
    "windows",
    metadata,
    Column("dataset", Text, primary_key=True, comment="Data set"),
    Column("number", Integer, primary_key=True, comment="Place in the pass, from 0"),
    reference("pass_id", "Pass that compared it last: sync.runs.id", required=True),
    words("first_id", "First record, in the system's order", required=True),
    words("last_id", "Last record", required=True),
    count("source_rows", "Records the source has"),
    count("missing", "Of these, not in the hub"),
    count("different", "Of these, different in the hub"),
    words("content_hash", "MD5 over the ids and contents the source sent", required=True),
    stamp("checked_at", "When, UTC"),
    schema="sync",
    comment="The windows of records that the last reconcile compared with the source, in order.",
)

Index("inbox_waiting_idx", inbox.c.due_at, inbox.c.id, postgresql_where=inbox.c.state == "waiting")
Index("inbox_applied_idx", inbox.c.applied_at, postgresql_where=inbox.c.state == "done")
Index("runs_dataset_started_idx", runs.c.dataset, runs.c.started_at.desc())
Index("changes_xid_idx", changes.c.xid, changes.c.seq)
# For what an account's rows were: an insert adds nothing to that, and first loads are inserts.
Index(
    "changes_history_idx",
    changes.c.account_id,
    changes.c.entity,
    changes.c.changed_at,
    postgresql_where=changes.c.operation != "insert",
)

erasures = Table(
    "erasures",
    metadata,
    Column("customer_id", Uuid, primary_key=True, comment="Customer erased"),
    stamp("began_at", "When it was first begun, UTC"),
    instant("ended_at", "When it was last done, UTC; null: it was stopped on the way, and is to be begun again"),
    words("said_by", "Operator who did it", required=True, personal=False),
    json("overwritten", "How many rows were overwritten, by where they are", default="{}", personal=False),
    schema="sync",
    comment="Which customers were erased, and what that did: what a certificate is printed from.",
)

erased = Table(
    "erased",
    metadata,
    Column("account_id", Uuid, primary_key=True, comment="Account: hub.customer_accounts.id"),
    reference("customer_id", "Customer it belonged to when it was erased", required=True),
    stamp("erased_at", "When, UTC"),
    schema="sync",
    comment="Accounts that were erased. Whatever a source sends of them is stored without what is personal.",
)
