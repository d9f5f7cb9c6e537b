"""`hub status`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli.database import opened
from cli.examples import examples
from cli.output import NOTHING, AsJson, Column, age, console, counted, moment, number, plain, show, table
from cli.verbs.commands import COLUMNS as COMMANDS

MOST_DEAD = 20

EXAMPLES = examples(
    ("hub status", "a red age is older than the data set may be"),
    ("hub status --sources", "who is called, who is left alone, and why"),
    ("hub status --json | jq '.[] | select(.stale) | .dataset'", "the stale ones, for a program"),
)


def _by_table(rows: object) -> str:
    """`1,000`, or the counts of several tables in the order of the columns' comment: `1,600 + 800`."""
    return " + ".join(number(count) for count in rows.values()) if isinstance(rows, Mapping) else NOTHING


COLUMNS = (
    Column("dataset", "data set"),
    Column("tables", "tables", spare=True),
    Column("rows", "rows", _by_table, right=True),
    Column("age_shown", "age", right=True, alarming=lambda shown: str(shown).endswith("!")),
    Column("target_seconds", "target", age, right=True, spare=True),
    Column("verified_age_seconds", "verified", age, right=True, spare=True),
    Column("last_started_at", "last run (UTC)", moment, spare=True),
    Column("last_status", "status", alarming=lambda status: status == "failed", spare=True),
    Column("quarantined", "quarantined", number, right=True, alarming=bool),
    Column("parked_reason", "parked", lambda reason: plain(reason) if reason else "", alarming=bool, spare=True),
)

SOURCES = (
    Column("system", "system"),
    Column("circuit", "circuit", alarming=lambda circuit: circuit == "open"),
    Column("left_alone_until", "left alone until (UTC)", moment, alarming=bool, spare=True),
    Column("reason", "why", alarming=bool, spare=True),
    Column("quota", "quota used", right=True),
    Column("waiting", "notified, waiting", number, right=True),
    Column("parked", "parked", number, right=True, alarming=bool),
    Column("parked_reason", "why parked", alarming=bool, spare=True),
)

STREAMS = (
    Column("topic", "channel of events"),
    Column("state", "listener", alarming=lambda state: state == "refused"),
    Column("event_at", "last event (UTC)", moment),
    Column("error", "why", lambda error: plain(error) if error else ""),
)

QUARANTINE = (
    Column("dataset", "in quarantine"),
    Column("rows", "rows", number, right=True),
    Column("reason", "why"),
)


def status(
    of_sources: Annotated[
        bool, typer.Option("--sources", help="The systems only: circuit, quota, what waits and what is parked.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Rows, age, last run and quarantine of each data set; how each system is doing; which commands are dead.

    Ages in red are above the target, which is an operator's to change: sync.freshness.target_seconds.
    """
    rows = [] if of_sources else state()
    if as_json:
        rows = [{key: value for key, value in row.items() if key not in {"age_shown", "tables"}} for row in rows]
    if not of_sources:
        show(rows, COLUMNS, as_json=as_json, empty="No data set is declared.")
    if of_sources or not as_json:
        show(systems(), SOURCES, as_json=as_json, empty="")
    if not as_json:
        _if_any(channels(), STREAMS)
        _if_any(in_quarantine(rows), QUARANTINE)
        _tell_of_changed_links()
        _tell_of_mail()
        _tell_of_dead_commands()


def _if_any(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    if rows:
        console().print()
        show(rows, columns, as_json=False, empty="")


def in_quarantine(datasets: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row per data set and reason."""
    return [
        {"dataset": each["dataset"], "rows": rows, "reason": reason}
        for each in datasets
        for reason, rows in each["quarantine_reasons"].items()
    ]


def channels() -> list[dict[str, Any]]:
    """One row per channel that is listened to."""
    from pipelines.sync.status import streams

    with opened() as connection:
        return [asdict(one) for one in streams(connection)]


def _tell_of_changed_links() -> None:
    """A link that stood and changed shows one customer less, or another one more: somebody should know why."""
    with opened() as connection:
        row = connection.execute(
            "SELECT count(*) FROM sync.link_changes"
            " WHERE changed_at > now() - interval '1 day' AND former_customer_id <> account_id"
        ).fetchone()
    if row is not None and row[0]:
        were = counted(row[0], "link of a customer's accounts", "links of customers' accounts")
        console().print(f"\n{were} moved or ended in the last 24 hours: hub customers links", style="bold red")


def _tell_of_mail() -> None:
    """Somebody waits for a message that does not come."""
    from sql.statements import statement

    with opened() as connection:
        row = connection.execute(statement("operations/messages_behind")).fetchone()
    waiting, dead = row or (0, 0)
    if waiting or dead:
        console().print(f"\nE-mails: {number(waiting)} late, {number(dead)} not sent: hub mail list", style="bold red")


def _tell_of_dead_commands() -> None:
    """A dead command holds back what a customer asked for until somebody looks: that is said last, and in red."""
    from pipelines.commands.operating import dead, listed

    with opened() as connection:
        number_of_dead = dead(connection)
        rows = [dict(row) for row in listed(connection, "dead", MOST_DEAD)]
    if number_of_dead:
        out = console()
        are = counted(number_of_dead, "command is dead and waits", "commands are dead and wait")
        out.print(f"\n{are} for an operator (hub commands show <command>):", style="bold red")
        out.print(table(rows, COMMANDS, out))
        if number_of_dead > len(rows):
            older = counted(number_of_dead - len(rows), "older one", "older ones")
            out.print(f"... and {older}: hub commands list --status dead")


def systems() -> list[dict[str, Any]]:
    """One row per system, as `hub status --sources --json` prints it."""
    from pipelines.sync.status import sources

    with opened() as connection:
        found = sources(connection)
    return [asdict(one) | {"quota": _share(one.quota_used, one.quota_limit)} for one in found]


def _share(used: int | None, limit: int | None) -> str:
    return f"{used:,} of {limit:,}" if used is not None and limit else NOTHING


def state() -> list[dict[str, Any]]:
    """One row per data set, as `hub status --json` prints it, and two more keys for its table."""
    from pipelines.datasets import DATASETS
    from pipelines.sync.status import statuses

    with opened() as connection:
        found = statuses(connection, DATASETS)
    return [
        asdict(one)
        | {
            "stale": one.stale,
            "age_shown": age(one.age_seconds) + ("!" if one.stale else ""),
            "tables": " + ".join(one.rows),
        }
        for one in found
    ]
