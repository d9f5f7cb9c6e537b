"""`hub audit`."""

from typing import Annotated

import typer

from cli.database import answer
from cli.examples import examples
from cli.output import AsJson, Column, console, counted, moment, number, plain, show
from core.errors import HubError

EXAMPLES = examples(
    ("hub audit", "who did what lately"),
    ("hub audit --record user:0b9e… --json", "to one record, for a program"),
    ("hub audit verify", "whether anything was changed, taken out or put in; keep what it prints elsewhere"),
    ("hub audit verify --known 4711:9f86d081…", "and whether it still holds what was kept"),
)

app = typer.Typer(
    invoke_without_command=True, help="Who did what to which record, from where.", rich_markup_mode="rich"
)

ENTRIES = (
    Column("seq", "entry", number, right=True),
    Column("at", "when (UTC)", moment),
    Column("actor", "who"),
    Column("on_behalf_of", "as", plain, spare=True),
    Column("action", "what"),
    Column("record", "to", plain),
    Column("address", "from", plain, spare=True),
    Column("details", "details", plain, spare=True),
)


class BrokenChainError(HubError):
    """The audit is not what it was."""


@app.callback(epilog=EXAMPLES)
def entries(
    context: typer.Context,
    record: Annotated[str, typer.Option(help="Only of this record, such as user:<id>, or done by it.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Who did what to which record, newest first."""
    if context.invoked_subcommand is None:
        rows = answer("operations/audit", record=record or None, limit=limit)
        show(rows, ENTRIES, as_json=as_json, empty="Nothing was done yet.")


@app.command("verify", epilog=EXAMPLES)
def verify(
    known: Annotated[str, typer.Option(help="ENTRY:HASH that an earlier `hub audit verify` printed.")] = "",
) -> None:
    """Compute the chain of hashes anew, and name the first entry that does not fit; then the exit code is 1.

    Whoever owns the database could make the whole chain anew: keep the last entry and hash elsewhere, and give it back.
    """
    seq, _, hashed = known.partition(":")
    if known and not (seq.isdecimal() and hashed):
        raise BrokenChainError(f"--known: {known} is not ENTRY:HASH (for example 4711:9f86d081…)")
    (found,) = answer("operations/audit_broken", seq=int(seq) if known else None, hash=hashed)
    if found["broken"] is not None:
        raise BrokenChainError(f"the audit's chain is broken at entry {found['broken']}")
    if not found["entries"]:
        console().print("Nothing was done yet.")
        return
    entries = counted(found["entries"], "entry", "entries")
    console().print(f"{entries}, one unbroken chain. To keep elsewhere: {found['last']}:{found['hash']}")
