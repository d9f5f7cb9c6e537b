"""`hub token`."""

from typing import Annotated
from uuid import UUID

import typer

from cli.database import opened
from cli.examples import examples
from core.errors import NotFoundError
from core.settings import ApiSettings, HubSettings, load, require_mode

EXAMPLES = examples(
    ("hub token --customer 0b9ee7c5-…", "an id of `hub customers list`"),
    ('curl -H "Authorization: Bearer $(hub token --customer 0b9e…)" localhost:8000/api/me', "at once"),
)


def token(
    customer: Annotated[UUID, typer.Option(help="The customer's id, or that of any of its accounts.")],
) -> None:
    """Print a bearer token that speaks for a customer: for development, where nobody logs in."""
    with opened() as connection:
        if not connection.execute("SELECT FROM hub.customer_accounts WHERE id = %s", [customer]).rowcount:
            raise NotFoundError(f"no customer has the id {customer}; see `hub customers list`")
    typer.echo(minted(customer))


def minted(customer: UUID) -> str:
    from read_api.auth.tokens import mint

    api = load(ApiSettings)
    require_mode(load(HubSettings), api)
    return mint(api, customer)
