"""Tables fit the terminal they are printed on: what can be spared goes first, and nothing alarming goes at all."""

from io import StringIO

import pytest
from rich.console import Console

from cli.output import Column, counted, table

COLUMNS = (
    Column("dataset", "data set"),
    Column("tables", "tables", spare=True),
    Column("rows", "rows", right=True),
    Column("status", "status", alarming=lambda status: status == "failed", spare=True),
    Column("parked", "parked", alarming=bool, spare=True),
)


def lines(width: int, **row: str) -> list[str]:
    out = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    fine = {"dataset": "whmcs.invoices", "tables": "invoices", "rows": "7,188", "status": "succeeded", "parked": ""}
    out.print(table([fine | row], COLUMNS, out))
    return [line.strip() for line in out.file.getvalue().splitlines() if line.strip()]  # type: ignore[attr-defined]


def test_a_wide_terminal_shows_every_column():
    assert lines(120)[0].split() == ["data", "set", "tables", "rows", "status", "parked"]


@pytest.mark.parametrize(
    ("width", "left"),
    [
        (56, ["data", "set", "rows", "status", "parked"]),
        (40, ["data", "set", "rows", "parked"]),
        (28, ["data", "set", "rows"]),
    ],
)
def test_a_narrow_one_leaves_out_what_can_be_spared_first_things_first(width, left):
    title, _, *rows = lines(width)

    assert title.split() == left
    assert len(rows) == 1, "a row is one line"


def test_what_is_alarming_is_never_left_out():
    title, *_ = lines(40, status="failed")

    assert title.split() == ["data", "set", "rows", "status"]


def test_one_is_no_plural():
    said = [counted(count, "table differs", "tables differ") for count in (0, 1, 2, 1024)]

    assert said == ["0 tables differ", "1 table differs", "2 tables differ", "1,024 tables differ"]
