"""Erasing a customer: what is personal is overwritten everywhere, and does not come back.

First the customer's accounts are named as erased. From that moment on the sync stores nothing personal of them
(pipelines/sync/erased.py); so whatever is overwritten after it stays so. Then people who may act for nobody else are
kept out, and their log-ins end. Each table is a transaction of its own, what was done is written down with it, and
beginning again does what is left.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL, Composed, Identifier, Literal
from psycopg.types.json import Jsonb
from sqlalchemy import Table

from core.errors import HubError
from pipelines.personal.holdings import Customer, accounts_named, customer_named, theirs
from pipelines.sync.tables import account_of, entity, qualified
from sql.personal import by_entity, erased, kept, keys_by_entity, overwritten, overwritten_tables
from sql.statements import statement
from sql.tables.columns import Kept
from sql.tables.command import OPEN, commands

UNDER_WAY = (*OPEN, "dead")
ELSEWHERE = (
    "Salesforce, WHMCS and Freebit, which own the records: erase or close them there",
    "backups made before: they go with their own rotation",
)
ACT_FOR_OTHERS = Kept(
    "people who may act for other customers too, or are of support: their e-mail address", "they log in for that"
)

# Of some tables, not all that is the customer's is overwritten.
_BUT_ONLY = {
    "sync.inbox": "state <> 'waiting'",  # what waits needs what it was notified with, and is deleted once it is applied
    "auth.users": "id = ANY(%(only_theirs)s)",
    "auth.sessions": "user_id = ANY(%(only_theirs)s)",
    "auth.refresh_tokens": "session_id IN (SELECT id FROM auth.sessions WHERE user_id = ANY(%(only_theirs)s))",
}
STAYS_AS_KEYS = (
    "ids in the systems and of people, the customer number, and what is no personal data: they tie together what is"
    " kept, and the accounts' ids keep them from coming back"
)


class NotNowError(HubError):
    """The customer cannot be erased at this moment; the text says what to do."""


@dataclass(frozen=True)
class Certificate:
    """What an erasure did, and what it left."""

    customer: str
    accounts: Sequence[str]
    began_at: datetime
    ended_at: datetime
    said_by: str
    overwritten: Mapping[str, int]
    stays: Sequence[Mapping[str, object]]
    keys: str = STAYS_AS_KEYS
    elsewhere: Sequence[str] = ELSEWHERE

    @property
    def sha256(self) -> str:
        """Of everything above, so that a copy can be compared."""
        return hashlib.sha256(json.dumps(vars(self), sort_keys=True, default=str).encode()).hexdigest()


def would_overwrite(connection: Connection[Any], customer: Customer) -> dict[str, int]:
    """How many rows an erasure would overwrite, by table. Writes nothing."""
    _refuse_if_under_way(connection, customer)
    _refuse_if_a_line_is_open(connection, customer)
    found = dict[str, int]()
    for table in overwritten_tables():
        query = SQL("SELECT count(*) FROM {} WHERE {} AND {}").format(qualified(table), _theirs(table), _differs(table))
        ((found[table.fullname],),) = connection.execute(query, _values(customer))
    return {name: count for name, count in sorted(found.items()) if count}


def erase(connection: Connection[Any], customer: Customer, *, by: str) -> Certificate:
    """Overwrite what is personal of the customer. As the owner; safe to repeat, and to begin again after a crash.

    The connection is in autocommit mode, so that each table is a transaction.

    Raises:
        NotNowError: commands of theirs are under way, a line of theirs is open, a page is being written for longer than
            we wait, or they have other accounts now than they had when `customer` was read.
    """
    _refuse_if_under_way(connection, customer)
    _say_erased(connection, customer, by)
    # The operator has taken their time to say yes, and the sync has gone on: what is theirs is looked for again, now
    # that nothing personal of them comes in any more.
    confirmed, customer = customer, customer_named(connection, customer.id)
    _refuse_if_others(confirmed, customer.accounts)
    # Systems first, and people, so that nobody comes in who would ask for something; then commands, so that nothing new
    # of them is in the log; the log after the tables whose changes it holds. But for the first, that is, by chance, the
    # order of the schemas' names.
    connection.execute(statement("operations/end_keys_of_customer").encode(), {**customer.finds, "by": by})
    for table in overwritten_tables():
        with connection.transaction():
            if table.fullname == "command.commands":
                _let_no_command_in(connection, customer)
            count = connection.execute(_overwriting(table), _values(customer)).rowcount
            connection.execute(
                "UPDATE sync.erasures SET overwritten = overwritten || jsonb_build_object(%(table)s::text,"
                " coalesce((overwritten ->> %(table)s)::integer, 0) + %(count)s::integer) WHERE customer_id = %(id)s",
                {"table": table.fullname, "count": count, "id": customer.id},
            )
    with connection.transaction():
        connection.execute("UPDATE sync.erasures SET ended_at = now() WHERE customer_id = %s", [customer.id])
        connection.execute("SELECT pg_notify('hub_changes', '')")
    return certificate(connection, customer)


def certificate(connection: Connection[Any], customer: Customer) -> Certificate:
    """What was done so far, as it is written down."""
    row = connection.execute(
        "SELECT began_at, ended_at, said_by, overwritten FROM sync.erasures WHERE customer_id = %s", [customer.id]
    ).fetchone()
    if row is None:
        raise AssertionError
    began_at, ended_at, said_by, overwritten = row
    counted = {name: count for name, count in sorted(overwritten.items()) if count}
    accounts = [str(each) for each in customer.accounts]
    return Certificate(
        str(customer.id), accounts, began_at, ended_at, said_by, counted, list(_stays(connection, customer))
    )


def runs_of(connection: Connection[Any], customer: Customer) -> list[str]:
    """The Dagster runs that worked on the customer's commands last."""
    query = SQL(
        "SELECT DISTINCT dagster_run_id FROM command.commands WHERE {} AND dagster_run_id IS NOT NULL ORDER BY 1"
    ).format(_theirs(commands))
    rows = connection.execute(query, customer.finds).fetchall()
    return [row[0] for row in rows]


def _say_erased(connection: Connection[Any], customer: Customer, by: str) -> None:
    try:
        with connection.transaction():
            # Every page that is being written has read this table. When we have it for ourselves there is none, and
            # each page after this will see whose personal data it must not store.
            connection.execute("SET LOCAL lock_timeout = '30s'")
            connection.execute("LOCK TABLE sync.erased IN ACCESS EXCLUSIVE MODE")
            _refuse_if_others(customer, accounts_named(connection, customer.id))
            _refuse_if_a_line_is_open(connection, customer)
            connection.execute(
                "INSERT INTO sync.erased (account_id, customer_id) SELECT unnest(%s::uuid[]), %s"
                " ON CONFLICT DO NOTHING",
                [list(customer.accounts), customer.id],
            )
            connection.execute(
                "INSERT INTO sync.erasures (customer_id, said_by) VALUES (%s, %s)"
                " ON CONFLICT (customer_id) DO UPDATE SET ended_at = NULL",
                [customer.id, by],
            )
            # Sign-ups that let nobody in, as auth.let_in does of the others: found once, they stay the customer's.
            connection.execute(
                "UPDATE command.commands SET customer_id = %(id)s, account_id = %(account)s"
                " WHERE id = ANY(%(sign_up_commands)s) AND account_id = subject_id AND %(account)s::uuid IS NOT NULL",
                {**customer.finds, "id": customer.id, "account": next(iter(customer.accounts), None)},
            )
    except LockNotAvailable as error:
        raise NotNowError(
            "the sync has been writing one page for half a minute; nothing was erased, try again"
        ) from error


def _refuse_if_a_line_is_open(connection: Connection[Any], customer: Customer) -> None:
    """Without its number an open line disputes nobody's: another's with the same number would be taken for the owner's.

    That customer would be shown this one's network data, and command this one's line (hub.judge_lines).
    """
    rows = connection.execute(
        "SELECT source_id FROM hub.sims WHERE account_id = ANY(%(accounts)s) AND is_open AND deleted_at IS NULL"
        " ORDER BY source_id",
        customer.finds,
    ).fetchall()
    if rows:
        which = ", ".join(service for (service,) in rows)
        raise NotNowError(
            f"lines of the customer are open: services {which} in WHMCS; end them there, let the sync read that,"
            " and begin again"
        )


def _refuse_if_others(confirmed: Customer, accounts: Sequence[UUID]) -> None:
    """What was never shown to the operator is not overwritten, nor what is another customer's by now."""
    if set(accounts) != set(confirmed.accounts):
        raise NotNowError(
            f"accounts were linked or parted meanwhile: {_ids(confirmed.accounts)} became {_ids(accounts)};"
            " look at them (`hub customers links`), and begin again"
        )


def _ids(accounts: Sequence[UUID]) -> str:
    return ", ".join(map(str, accounts)) or "none"


def _let_no_command_in(connection: Connection[Any], customer: Customer) -> None:
    """Commands are accepted one at a time for each customer (command.accept): until this ends, none is."""
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtext('command.accept'), hashtext(%s::text))", [str(customer.id)]
    )
    _refuse_if_under_way(connection, customer)


def _refuse_if_under_way(connection: Connection[Any], customer: Customer) -> None:
    query = SQL(
        "SELECT id, kind, status FROM command.commands WHERE {} AND status = ANY(%(under_way)s) ORDER BY seq"
    ).format(_theirs(commands))
    rows = connection.execute(query, {**customer.finds, "under_way": list(UNDER_WAY)}).fetchall()
    if rows:
        which = ", ".join(f"{kind} {identity} ({status})" for identity, kind, status in rows)
        raise NotNowError(
            f"commands of the customer are under way: {which}; let them end, or `hub commands cancel` or `resolve` them"
        )


def _overwriting(table: Table) -> Composed:
    columns = overwritten(table)
    sets = SQL(", ").join(
        SQL("{} = {}").format(Identifier(column.name), _replacement(table, column.name)) for column in columns
    )
    if table.schema != "hub":
        return SQL("UPDATE {} SET {} WHERE {} AND {}").format(qualified(table), sets, _theirs(table), _differs(table))
    # A change like any other: what is cached of it is read again, and no page that was requested before overwrites it.
    # The log names the columns, and holds no values.
    update = SQL("UPDATE {} t SET {}, changed_at = now() WHERE {} AND {} RETURNING id, {}").format(
        qualified(table), sets, _theirs(table), _differs(table), account_of(table, "t")
    )
    emptied = Literal(json.dumps(dict.fromkeys(column.name for column in columns)))
    return SQL(
        "WITH emptied (id, account) AS ({}) INSERT INTO sync.changes (entity, entity_id, account_id, operation, before,"
        " after) SELECT {}, id, account, 'update', {}, {} FROM emptied"
    ).format(update, entity(table), emptied, emptied)


def _replacement(table: Table, name: str) -> Composed | SQL:
    if table.c[name] in by_entity(table):
        # A key that was personal stays, with nothing in it: something did change.
        return SQL(
            "coalesce((SELECT jsonb_object_agg(e.key, CASE WHEN %(keys)s::jsonb -> entity ? e.key THEN 'null'"
            " ELSE e.value END) FROM jsonb_each({0}) e), {0})"
        ).format(Identifier(name))
    return SQL(erased(table.c[name]))  # declared in sql/tables, never data


def _differs(table: Table) -> Composed:
    """Whether something of a row is still to be overwritten, so that repeating it writes nothing."""
    differs = [
        SQL("{} IS DISTINCT FROM {}").format(Identifier(column.name), _replacement(table, column.name))
        for column in overwritten(table)
    ]
    return SQL("({})").format(SQL(" OR ").join(differs))


def _theirs(table: Table) -> SQL:
    return SQL(f"({theirs(table) or 'false'}) AND {_BUT_ONLY.get(table.fullname, 'true')}")


def _values(customer: Customer) -> dict[str, Any]:
    return {**customer.finds, "keys": Jsonb(keys_by_entity())}


def _stays(connection: Connection[Any], customer: Customer) -> Iterator[Mapping[str, object]]:
    for reason, tables in kept().items():
        rows = {}
        for table in tables:
            query = SQL("SELECT count(*) FROM {} WHERE {}").format(qualified(table), SQL(theirs(table) or "false"))
            found = connection.execute(query, customer.finds).fetchone()
            rows[table.fullname] = int(found[0]) if found else 0
        yield from _listed(reason, rows)
    yield from _listed(
        ACT_FOR_OTHERS, {"auth.users": len(customer.finds["people"]) - len(customer.finds["only_theirs"])}
    )


def _listed(reason: Kept, rows: Mapping[str, int]) -> Iterator[Mapping[str, object]]:
    if any(rows.values()):
        yield {"what": reason.what, "why": reason.why, "years": reason.years, "rows": rows}
