"""Writes as jobs: commands and their steps; the command that placed an order."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS command")
    op.create_table(
        "commands",
        sa.Column(
            "id",
            sa.Uuid(),
            nullable=False,
            comment="Command id, and the marker by which source systems know what it did",
        ),
        sa.Column(
            "seq",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Running number, in order of acceptance",
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="What is to be done, such as place_order"),
        sa.Column(
            "customer_id",
            sa.Uuid(),
            nullable=True,
            comment="Customer who asked, by the id it had then; null: a source system asked",
        ),
        sa.Column(
            "account_id", sa.Uuid(), nullable=False, comment="Account whose data it changes: hub.customer_accounts.id"
        ),
        sa.Column("subject_kind", sa.Text(), nullable=False, comment="Kind of thing it changes: a table of schema hub"),
        sa.Column(
            "subject_id",
            sa.Uuid(),
            nullable=False,
            comment="The thing: an id of that table; a new order's is the command's own",
        ),
        sa.Column("lane", sa.Text(), nullable=False, comment="Commands of one lane are done one after the other"),
        sa.Column(
            "idempotency_key",
            sa.Text(),
            nullable=False,
            comment="The caller's own key: the same one twice is one command",
        ),
        sa.Column("request_hash", sa.Text(), nullable=False, comment="SHA-256 of what was asked for under that key"),
        sa.Column(
            "input", postgresql.JSONB(), server_default="{}", nullable=False, comment="What was asked for, as checked"
        ),
        sa.Column(
            "status",
            sa.Text(),
            server_default="accepted",
            nullable=False,
            comment="Where it stands: accepted, running, waiting, succeeded, failed, cancelled, dead",
        ),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it may go on, UTC",
        ),
        sa.Column(
            "attempts",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Tries that failed since the last step",
        ),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False, comment="When it is given up, UTC"),
        sa.Column(
            "waits_for", sa.Text(), nullable=True, comment="What it waits for, in words for people; null: nothing"
        ),
        sa.Column(
            "failing",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="Whether it is sure to fail: what was done is being taken back",
        ),
        sa.Column(
            "failure_code",
            sa.Text(),
            nullable=True,
            comment="Why it failed, or stopped for an operator, in a word for programs",
        ),
        sa.Column("failure_reason", sa.Text(), nullable=True, comment="Why it failed, in words for the customer"),
        sa.Column("result", postgresql.JSONB(), nullable=True, comment="What came of it: ids in source systems"),
        sa.Column(
            "request_id",
            sa.Text(),
            nullable=False,
            comment="Request id of the call that asked, carried through every system",
        ),
        sa.Column(
            "accepted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was accepted, UTC",
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True, comment="When work on it began, UTC"),
        sa.Column(
            "finished_at", sa.DateTime(timezone=True), nullable=True, comment="When it ended, UTC; null: it has not"
        ),
        sa.Column("claimed_by", sa.Text(), nullable=True, comment="Forwarder that works on it; null: none"),
        sa.Column(
            "claim",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="How often it was claimed: whoever holds an older claim may write nothing more",
        ),
        sa.Column(
            "lease_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Until when the claim holds unless renewed, UTC",
        ),
        sa.Column("dagster_run_id", sa.Text(), nullable=True, comment="Dagster run that worked on it last"),
        sa.CheckConstraint(
            "status IN ('accepted', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'dead')",
            name=op.f("commands_status_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("commands_pkey")),
        sa.UniqueConstraint(
            "customer_id",
            "idempotency_key",
            name=op.f("commands_customer_id_idempotency_key_key"),
            postgresql_nulls_not_distinct=True,
        ),
        schema="command",
        comment="One row per thing that a customer, or a source system, asked to be done.",
    )
    op.create_index(
        op.f("commands_account_id_accepted_at_idx"),
        "commands",
        ["account_id", sa.literal_column("accepted_at DESC")],
        unique=False,
        schema="command",
    )
    op.create_index(
        "commands_due_idx",
        "commands",
        ["due_at", "seq"],
        unique=False,
        schema="command",
        postgresql_where=sa.text("status IN ('accepted', 'running', 'waiting')"),
    )
    op.create_index(
        "commands_lane_idx",
        "commands",
        ["lane", "seq"],
        unique=False,
        schema="command",
        postgresql_where=sa.text("status IN ('accepted', 'running', 'waiting', 'dead')"),
    )
    op.create_index(
        "commands_subject_idx",
        "commands",
        ["subject_id"],
        unique=False,
        schema="command",
        postgresql_where=sa.text("status IN ('accepted', 'running', 'waiting', 'dead')"),
    )
    op.create_table(
        "steps",
        sa.Column("command_id", sa.Uuid(), nullable=False, comment="Command: command.commands.id"),
        sa.Column("name", sa.Text(), nullable=False, comment="Step, such as add_order"),
        sa.Column(
            "number", sa.Integer(), nullable=False, comment="Place among the steps that this command took, from 1"
        ),
        sa.Column(
            "status",
            sa.Text(),
            nullable=False,
            comment="Started: a call may have been made, its outcome is unknown: started, done",
        ),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False, comment="How often it was started"),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was started last, UTC",
        ),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True, comment="When its outcome was known, UTC"),
        sa.Column("result", postgresql.JSONB(), nullable=True, comment="What came of it, for the steps after it"),
        sa.Column("error", sa.Text(), nullable=True, comment="Why it failed last; holds no values"),
        sa.ForeignKeyConstraint(["command_id"], ["command.commands.id"], ondelete="CASCADE"),
        sa.CheckConstraint("status IN ('started', 'done')", name=op.f("steps_status_check")),
        sa.PrimaryKeyConstraint("command_id", "name", name=op.f("steps_pkey")),
        schema="command",
        comment="What each command has done so far, written down before and after each call to a source system.",
    )
    op.add_column(
        "orders",
        sa.Column(
            "command_id",
            sa.Uuid(),
            nullable=True,
            comment="Command of the hub that placed it: Hub_Command_Id__c; null: placed elsewhere",
        ),
        schema="hub",
    )
    op.create_index(
        "orders_command_idx",
        "orders",
        ["command_id"],
        unique=False,
        schema="hub",
        postgresql_where=sa.text("command_id IS NOT NULL"),
    )
