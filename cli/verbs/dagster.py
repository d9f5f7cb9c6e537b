"""`hub dagster`."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.examples import examples
from core.settings import HubSettings, UiSettings, load

if TYPE_CHECKING:
    from cli.ui.sessions import May

EXAMPLES = examples(
    ("hub dagster --link", "a link to look around with: one use, within ten minutes"),
    ("hub dagster --link --operate", "the same for who starts and stops runs"),
    ("hub dagster", "the UI itself, on DAGSTER_PORT, as `hub up` runs it"),
)


def dagster(
    link: Annotated[bool, typer.Option("--link", help="Print a one-time link into the running UI instead.")] = False,
    operate: Annotated[bool, typer.Option("--operate", help="The link is an operator's, not a viewer's.")] = False,
) -> None:
    """Run the Dagster UI, in this terminal, until Ctrl-C; it lets in whoever has a link.

    No other web page can make it do anything, and viewers start and stop nothing.
    """
    if link or operate:
        typer.echo(link_into_ui("operate" if operate else "view"))
        return
    from cli.ui.serve import serve

    serve()


def link_into_ui(may: "May") -> str:
    """The address of a one-time link into the UI of this machine, for one who may `view` or `operate`."""
    from cli.ui.sessions import ENTRANCE, Sessions

    token = Sessions(load(UiSettings)).link(may)
    return f"http://127.0.0.1:{load(HubSettings).dagster_port}{ENTRANCE}?link={token}"
