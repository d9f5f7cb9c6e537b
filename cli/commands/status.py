"""`hub status`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cli.database import opened
from cli.examples import examples
from cli.output import NOTHING, AsJson, Column, age, moment, number, show

EXAMPLES = examples(
    ("hub status", "a red age is older than the data set may be"),
    ("hub status --json | jq '.[] | select(.stale) | .dataset'", "the stale ones, for a program"),
)


def _by_table(rows: object) -> str:
    """`1,000`, or the counts of several tables in the order of the columns' comment: `1,600 + 800`."""
    return " + ".join(number(count) for count in rows.values()) if isinstance(rows, Mapping) else NOTHING


COLUMNS = (
    Column("dataset", "data set"),
    Column("tables", "tables"),
    Column("rows", "rows", _by_table, right=True),
    Column("age_shown", "age", right=True, alarming=lambda shown: str(shown).endswith("!")),
    Column("last_started_at", "last run (UTC)", moment),
    Column("last_status", "status", alarming=lambda status: status == "failed"),
    Column("quarantined", "quarantined", number, right=True, alarming=bool),
)


def status(*, as_json: AsJson = False) -> None:
    """Rows, age, last run and quarantine of each data set."""
    rows = state()
    if as_json:
        rows = [{key: value for key, value in row.items() if key not in {"age_shown", "tables"}} for row in rows]
    show(rows, COLUMNS, as_json=as_json, empty="No data set is declared.")


def state() -> list[dict[str, Any]]:
    """One row per data set, as `hub status --json` prints it, and two more keys for its table."""
    from pipelines.sync.status import statuses

    with opened() as connection:
        found = statuses(connection)
    return [
        asdict(one)
        | {
            "stale": one.stale,
            "age_shown": age(one.age_seconds) + ("!" if one.stale else ""),
            "tables": " + ".join(one.rows),
        }
        for one in found
    ]
