"""What customers and systems asked for: each a command, done in steps that are written down before and after."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    Uuid,
)

from sql.tables.columns import choice, count, flag, instant, json, key, metadata, reference, stamp, text

OPEN = ("accepted", "running", "waiting")
"""Something is still to be done, by us."""
STATUSES = (*OPEN, "succeeded", "failed", "cancelled", "dead")
"""dead: only an operator can tell how it goes on; it holds up what waits behind it."""


commands = Table(
    "commands",
    metadata,
    key("Command id, and the marker by which source systems know what it did"),
    Column("seq", BigInteger, Identity(always=True), nullable=False, comment="Running number, in order of acceptance"),
    text("kind", "What is to be done, such as place_order", required=True, personal=False),
    reference(
        "customer_id", "Customer who asked, by the id it had then; a sign-up by its own; null: a source system asked"
    ),
    reference(
        "account_id",
        "Account whose data it changes: hub.customer_accounts.id; auth.sign_ups.id, until there is one",
        required=True,
    ),
    text("subject_kind", "Kind of thing it changes: a table of schema hub, or sign_ups", required=True, personal=False),
    reference("subject_id", "The thing: an id of that table; a new order's is the command's own", required=True),
    text("lane", "Commands of one lane are done one after the other", required=True, personal=False),
    text(
        "idempotency_key",
        "The caller's own key: the same one twice is one command",
        required=True,
        personal=True,
        erased="'erased ' || id",
    ),
    text(
        "request_hash",
        "SHA-256 of what was asked for under that key",
        required=True,
        personal=True,
        erased="'erased'",  # whoever knows most of a request could try the rest against its hash
    ),
    json(
        "input",
        "What was asked for, as checked",
        default="{}",
        personal=True,
        erased="command.kept_input(kind, input)",
    ),
    choice("status", STATUSES, "Where it stands", default="accepted"),
    stamp("due_at", "When it may go on, UTC"),
    count("attempts", "Tries that failed since the last step"),
    instant("deadline_at", "When it is given up, UTC", required=True),
    text("waits_for", "What it waits for, in words for people; null: nothing", personal=False),
    flag("failing", "Whether it is sure to fail: what was done is being taken back", required=True, default=False),
    text("failure_code", "Why it failed, or stopped for an operator, in a word for programs", personal=False),
    text(
        "failure_reason",
        "Why it failed, in words for the customer",
        personal=True,
        erased="CASE WHEN failure_reason IS NOT NULL THEN 'erased' END",
    ),
    json("result", "What came of it: ids in source systems", personal=True),
    text(
        "request_id", "Request id of the call that asked, carried through every system", required=True, personal=False
    ),
    stamp("accepted_at", "When it was accepted, UTC"),
    instant("started_at", "When work on it began, UTC"),
    instant("finished_at", "When it ended, UTC; null: it has not"),
    text("claimed_by", "Forwarder that works on it; null: none", personal=False),
    Column(
        "claim",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="How often it was claimed: whoever holds an older claim may write nothing more",
    ),
    instant("lease_until", "Until when the claim holds unless renewed, UTC"),
    text("dagster_run_id", "Dagster run that worked on it last", personal=False),
    UniqueConstraint("customer_id", "idempotency_key", postgresql_nulls_not_distinct=True),
    schema="command",
    comment="One row per thing that a customer, or a source system, asked to be done.",
)

steps = Table(
    "steps",
    metadata,
    Column(
        "command_id",
        Uuid,
        ForeignKey("command.commands.id", ondelete="CASCADE"),
        nullable=False,
        comment="Command: command.commands.id",
    ),
    text("name", "Step, such as add_order", personal=False, required=True),
    Column("number", Integer, nullable=False, comment="Place among the steps that this command took, from 1"),
    choice("status", ("started", "done"), "Started: a call may have been made, its outcome is unknown", required=True),
    count("attempts", "How often it was started", start=1),
    stamp("started_at", "When it was started last, UTC"),
    instant("done_at", "When its outcome was known, UTC"),
    json("result", "What came of it, for the steps after it", personal=True),
    text("error", "Why it failed last, in our own words or the source's", personal=True),
    PrimaryKeyConstraint("command_id", "name"),
    schema="command",
    comment="What each command has done so far, written down before and after each call to a source system.",
)

admissions = Table(
    "admissions",
    metadata,
    Column("id", Uuid, primary_key=True, comment="Made by whoever asks: asking twice under it counts once"),
    reference("customer_id", "Customer whose request it was", required=True),
    text(
        "kind",
        "What it costs: commands, uploads, pay_links, waits, refreshes, catch_ups",
        required=True,
        personal=False,
    ),
    stamp("admitted_at", "When it was admitted, UTC"),
    instant("until", "Until when it counts as under way, UTC; null: it is over, or was never long"),
    text("system", "System whose quota of calls it draws on; null: none", personal=False),
    count("calls", "About how many calls to that system it takes"),
    schema="command",
    comment="One row per request of the last day that was admitted and costs something.",
)

Index("admissions_recent_idx", admissions.c.customer_id, admissions.c.kind, admissions.c.admitted_at)

_is_open = commands.c.status.in_(OPEN)
Index("commands_due_idx", commands.c.due_at, commands.c.seq, postgresql_where=_is_open)
Index("commands_lane_idx", commands.c.lane, commands.c.seq, postgresql_where=commands.c.status.in_((*OPEN, "dead")))
Index("commands_subject_idx", commands.c.subject_id, postgresql_where=commands.c.status.in_((*OPEN, "dead")))
Index(None, commands.c.account_id, commands.c.accepted_at.desc())
