"""`hub keys`."""

from typing import Annotated

import typer

from cli.database import answer, note, opened
from cli.examples import examples
from cli.output import AsJson, Column, console, moment, show
from core.settings import ApiSettings, load

EXAMPLES = examples(
    ("hub keys list", "which keys sign and verify access tokens"),
    ("hub keys rotate", "once a month, say: the next key signs, nobody is logged out"),
    ("hub keys rotate --withdraw", "somebody else may have the present one: its tokens are good no more"),
)

app = typer.Typer(no_args_is_help=True, help="The keys that access tokens are signed with.", rich_markup_mode="rich")

KEYS = (
    Column("kid", "key"),
    Column("state", "state"),
    Column("algorithm", "algorithm", spare=True),
    Column("created_at", "made (UTC)", moment),
    Column("retired_at", "signed until (UTC)", moment),
    Column("verifies_until", "verifies until (UTC)", moment),
)


@app.command("list", epilog=EXAMPLES)
def list_(as_json: AsJson = False) -> None:
    """The keys: one signs, the next is published before it does, retired ones verify what they signed."""
    show(answer("operations/keys"), KEYS, as_json=as_json, empty="There is no key yet; `hub keys rotate` makes some.")


@app.command("rotate", epilog=EXAMPLES)
def rotate(
    withdraw: Annotated[bool, typer.Option("--withdraw", help="The present key verifies nothing from now on.")] = False,
) -> None:
    """Let the next key sign from now on, and publish another to come after it.

    The present one verifies until the last token that it signed has ended. With --withdraw it ends at once; whoever is
    logged in stays so, and gets another token with the next refresh.
    """
    from read_api.auth.keys import rotate as rotated

    with opened() as connection:
        kid = rotated(connection, load(ApiSettings).jwt_minutes, withdrawn=withdraw)
        note(connection, "keys.withdrawn" if withdraw else "keys.rotated", f"key:{kid}")
    console().print(f"{kid} signs from now on.")
