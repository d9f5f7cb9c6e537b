"""`hub replay`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.database import opened
from cli.examples import examples
from cli.output import console, counted
from sql.statements import statement

EXAMPLES = examples(
    ("hub replay --since 2026-11-24T00:00:00Z", "apply again what arrived since then, and read what changed"),
    ("hub replay --since 2026-11-24", "from midnight UTC"),
)


def replay(
    since: Annotated[str, typer.Option(help="A moment, such as 2026-11-24T09:00:00Z; UTC unless it says otherwise.")],
) -> None:
    """Do again what happened since a moment: after a fix, or when something is suspected to have been missed.

    Notifications since then are applied again, parked and put-off rows included. Salesforce's records that changed
    since then are read again by the next poll. Nothing is doubled: only what differs is written. WHMCS has no
    "changed since": `hub reconcile whmcs --heal`.
    """
    moment = _moment(since)
    with opened() as connection:
        found = connection.execute(statement("operations/replay_inbox"), {"since": moment}).fetchone()
        moved = connection.execute(statement("operations/replay_cursors"), {"since": moment.isoformat()}).rowcount
    console().print(
        f"{counted(found[0] if found else 0, 'notification', 'notifications')} since {moment:%Y-%m-%d %H:%M:%S} UTC"
        " will be applied again;"
        f" {counted(moved, 'data set', 'data sets')} of Salesforce will be read from there."
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no moment, such as 2026-11-24T09:00:00Z") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
