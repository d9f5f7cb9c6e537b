"""What commands print: tables for people, aligned text for pipes, JSON for programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

NOTHING = "-"


def plain(value: object) -> str:
    return NOTHING if value is None else str(value)


def number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else plain(value)


def age(seconds: object) -> str:
    """Seconds as people say them, in the largest unit that gives at least one: `4 min`."""
    if not isinstance(seconds, int | float):
        return NOTHING
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def moment(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else plain(value)


@dataclass(frozen=True)
class Column:
    """One column of a table: the key of its value in a row, and how a person wants to read it."""

    key: str
    title: str
    shown: Callable[[object], str] = plain
    right: bool = False
    alarming: Callable[[object], bool] = lambda _: False


def console(*, stderr: bool = False) -> Console:
    """A console that never cuts or wraps what a pipe reads."""
    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=10_000, color_system=None)


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, as_json: bool, empty: str) -> None:
    """Print the rows. JSON holds every key of a row; a table the columns, or `empty` where there is no row."""
    out = console()
    if as_json:
        typer.echo(json.dumps(rows, default=_jsonable, ensure_ascii=False, indent=2))
    elif rows:
        out.print(table(rows, columns, terminal=out.is_terminal))
    else:
        out.print(empty)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, terminal: bool) -> Table:
    made = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(
            column.title, justify="right" if column.right else "left", no_wrap=column.right, overflow="fold"
        )
    for row in rows:
        made.add_row(*(_cell(column, row.get(column.key)) for column in columns))
    return made


def _cell(column: Column, value: object) -> Text:
    return Text(column.shown(value), style="red" if column.alarming(value) else "")


def _jsonable(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
