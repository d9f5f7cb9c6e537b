"""`hub mail`."""

from typing import Annotated
from uuid import UUID

import typer

from cli.database import answer, opened, operator_login
from cli.examples import examples
from cli.output import AsJson, Column, console, counted, moment, number, plain, show
from core.errors import NotFoundError
from sql.statements import statement

EXAMPLES = examples(
    ("hub mail list", "what waits to be sent, what could not be, and why"),
    ("hub mail list --all", "what was sent in the last week, too"),
    ("hub mail retry", "everything that could not be sent, once the reason is mended"),
    ("hub mail retry 0b9ee7c5-…", "one message"),
)

app = typer.Typer(no_args_is_help=True, help="What people are told by e-mail.", rich_markup_mode="rich")

MESSAGES = (
    Column("id", "message"),
    Column("template", "says"),
    Column("email", "to"),
    Column("state", "state", alarming=lambda state: state == "dead"),
    Column("attempts", "tries", number, right=True),
    Column("posted_at", "since (UTC)", moment),
    Column("due_at", "next try (UTC)", moment, spare=True),
    Column("reason", "why", lambda reason: plain(reason) if reason else ""),
)


@app.command("list", epilog=EXAMPLES)
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Those that were sent, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Messages that wait or could not be sent, the newest first. What is secret of them is never shown."""
    rows = answer("operations/messages", all=everything, limit=limit)
    show(rows, MESSAGES, as_json=as_json, empty="No message waits, and none failed.")


@app.command("retry", epilog=EXAMPLES)
def retry(message: Annotated[UUID | None, typer.Argument(help="One message; without it, all.")] = None) -> None:
    """Try again what could not be sent. What held a code or a link is left: it is gone, and must be asked for again."""
    with opened() as connection:
        tried = connection.execute(statement("operations/retry_messages").encode(), {"message": message}).fetchall()
        if message is not None and not tried:
            raise NotFoundError(f"{message} is no message that could be tried again; see `hub mail list`")
        for (each,) in tried:
            noted = {
                "actor": f"operator:{operator_login()}", "action": "message.retried", "record": f"message:{each}",
                "details": "{}",
            }  # fmt: skip
            connection.execute(statement("operations/note").encode(), noted)
        connection.execute("NOTIFY hub_mail")
    console().print(f"{counted(len(tried), 'message is', 'messages are')} tried again.")
