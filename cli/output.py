"""What commands print: tables for people, aligned text for pipes, JSON for programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

NOTHING = "-"
LONGEST_UNFOLDED, GAP = 30, 3


def plain(value: object) -> str:
    return NOTHING if value is None else str(value)


def number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else plain(value)


def counted(count: int, one: str, many: str) -> str:
    """`1 table differs`, `1,024 tables differ`."""
    return f"{count:,} {one if count == 1 else many}"


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
    """One column of a table: the key of its value in a row, and how a person wants to read it.

    spare: left out where the terminal is too narrow for all columns side by side, the first ones first, unless
    something in it is alarming.
    """

    key: str
    title: str
    shown: Callable[[object], str] = plain
    right: bool = False
    alarming: Callable[[object], bool] = lambda _: False
    spare: bool = False


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
        out.print(table(rows, columns, out))
    else:
        out.print(empty)


def show_facts(facts: Mapping[str, object]) -> None:
    """Print what is known of one thing, a line each."""
    for key, value in facts.items():
        console().print(f"{key:<16}{moment(value)}", markup=False)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], out: Console) -> Table:
    """The rows as wide as `out` allows: what is longer is folded, once no spare column is left."""
    made = Table(box=box.SIMPLE_HEAD if out.is_terminal else None, pad_edge=False, header_style="bold")
    shown = _fitting(rows, columns, out.width)
    for column in shown:
        made.add_column(
            column.title, justify="right" if column.right else "left", no_wrap=column.right, overflow="fold"
        )
    for row in rows:
        made.add_row(*(_cell(column, row.get(column.key)) for column in shown))
    return made


def _fitting(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], width: int) -> list[Column]:
    shown = list(columns)
    spare = [each for each in columns if each.spare and not any(each.alarming(row.get(each.key)) for row in rows)]
    while spare and sum(_wanted(column, rows) for column in shown) > width:
        shown.remove(spare.pop(0))
    return shown


def _wanted(column: Column, rows: Sequence[Mapping[str, Any]]) -> int:
    """Characters, the gap to the next column included; a sentence can do with fewer than it has."""
    longest = max((cell_len(column.shown(row.get(column.key))) for row in rows), default=0)
    return max(cell_len(column.title), min(longest, LONGEST_UNFOLDED)) + GAP


def _cell(column: Column, value: object) -> Text:
    return Text(column.shown(value), style="red" if column.alarming(value) else "")


def _jsonable(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
