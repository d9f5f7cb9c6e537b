"""`hub service-key`."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from psycopg.rows import dict_row

from cli.database import answer, note, opened
from cli.examples import examples
from cli.output import AsJson, Column, console, moment, plain, show
from core.errors import HubError, NotFoundError
from domain.common.account_roles import AccountRole
from sql.statements import statement

EXAMPLES = examples(
    (
        "hub service-key add --name portal --role owner --days 90",
        "lets a system act for any customer that a request names; prints the key once",
    ),
    (
        "hub service-key add --name reports --role read_only --customer 0b9ee7c5-… --days 30",
        "for one customer, to look only; --customer again for more of them",
    ),
    ("hub service-key list", "which there are, for whom, and when they end"),
    ("hub service-key rotate 7c1e…", "another key; the one before goes on for a day, while the system is given it"),
    ("hub service-key rotate 7c1e… --overlap-hours 0", "the key leaked: another, and the one before ends at once"),
    ("hub service-key revoke 7c1e…", "ends it, within a second on every copy of the API"),
    ("hub audit --record key:7c1e…", "what was done about a key, and from where it was used"),
)

app = typer.Typer(
    no_args_is_help=True, help="Keys of systems that act for customers, such as portals.", rich_markup_mode="rich"
)

LONGEST_DAYS = 366


def _customers(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "any"


KEYS = (
    Column("id", "key"),
    Column("name", "of"),
    Column("role", "role"),
    Column("customers", "for", _customers, spare=True),
    Column("created_at", "made (UTC)", moment, spare=True),
    Column("is_good", "good", lambda value: "yes" if value else "no"),
    Column("expires_at", "ends (UTC)", moment),
    Column("revoked_at", "revoked (UTC)", moment),
    Column("replaced_by", "followed by", plain, spare=True),
)

Key = Annotated[UUID, typer.Argument(help="Which: an id of `hub service-key list`, which also stands in the key.")]
Days = typer.Option(min=1, max=LONGEST_DAYS, help="How long it is good.")


class KeyEndedError(HubError):
    """That key is good no more, or another follows it already."""


@app.command("add", epilog=EXAMPLES)
def add(
    name: Annotated[str, typer.Option(help="Which system has it, for whoever asks later.")],
    role: Annotated[AccountRole, typer.Option(help="What it may do for a customer.")],
    days: Annotated[int, Days],
    customer: Annotated[
        list[UUID] | None,
        typer.Option(help="A customer to act for: an id of `hub customers list`. Without any: every customer."),
    ] = None,
) -> None:
    """Make a key for a system. It is shown here once, and stored nowhere."""
    from read_api.auth.service_keys import hash_of, new_key

    id_, key = new_key()
    with opened() as connection:
        for each in customer or ():
            if not connection.execute("SELECT FROM hub.customer_accounts WHERE id = %s", [each]).rowcount:
                raise NotFoundError(f"no customer has the id {each}; see `hub customers list`")
        added = {
            "id": id_, "name": name, "hash": bytes.fromhex(hash_of(key)), "role": role, "customers": customer or None,
            "days": days,
        }  # fmt: skip
        connection.execute(statement("operations/add_service_key").encode(), added)
        scope = [str(each) for each in customer] if customer else "any"
        note(connection, "service_key.added", f"key:{id_}", name=name, role=role, customers=scope, days=days)
    _tell(key, f"{name} may act for {_customers(customer or None)} as {role}, for {days} days.")


@app.command("list", epilog=EXAMPLES)
def list_(as_json: AsJson = False) -> None:
    """The keys of systems, the newest first; those that have ended stay in the list."""
    rows = answer("operations/service_keys", id=None)
    show(rows, KEYS, as_json=as_json, empty="No system has a key; `hub service-key add` makes one.")


@app.command("rotate", epilog=EXAMPLES)
def rotate(
    key: Key,
    overlap_hours: Annotated[int, typer.Option(min=0, help="For so long the one before is good besides.")] = 24,
    days: Annotated[
        int | None, typer.Option(min=1, max=LONGEST_DAYS, help="How long the new one is good; else as long as before.")
    ] = None,
) -> None:
    """Make another key that may do the same. It is shown here once; the one before ends by itself, a day later."""
    from read_api.auth.service_keys import hash_of, new_key

    id_, made = new_key()
    rotated = {
        "id": key, "new_id": id_, "hash": bytes.fromhex(hash_of(made)), "days": days, "hours": overlap_hours,
    }  # fmt: skip
    with opened() as connection, connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement("operations/rotate_service_key").encode(), rotated).fetchone()
        if row is None:
            raise _why_not(key)
        note(connection, "service_key.rotated", f"key:{key}", by=str(id_), overlap_hours=overlap_hours)
        note(connection, "service_key.added", f"key:{id_}", follows=str(key))
    _tell(made, f"It is good until {moment(row['expires_at'])} UTC, the one before until {moment(row['ends_at'])} UTC.")


@app.command("revoke", epilog=EXAMPLES)
def revoke(key: Key) -> None:
    """End a key now: within a second no copy of the API takes it, and its live streams end."""
    with opened() as connection:
        if not connection.execute(statement("operations/revoke_service_key").encode(), {"id": key}).rowcount:
            raise _why_not(key)
        note(connection, "service_key.revoked", f"key:{key}")
    console().print(f"{key} is good no more.")


def _why_not(key: UUID) -> HubError:
    rows: list[dict[str, Any]] = answer("operations/service_keys", id=key)
    if not rows:
        return NotFoundError(f"no key has the id {key}; see `hub service-key list`")
    if rows[0]["is_good"]:
        return KeyEndedError(f"{key} is followed by {rows[0]['replaced_by']} already; rotate that")
    ended: datetime = rows[0]["revoked_at"] or rows[0]["expires_at"]
    return KeyEndedError(f"{key} ended at {moment(ended)} UTC; `hub service-key add` makes another")


def _tell(key: str, what: str) -> None:
    console(stderr=True).print(f"{what} The key, shown this once:")
    typer.echo(key)
