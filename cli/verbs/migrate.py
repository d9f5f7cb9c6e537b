"""`hub migrate`."""

import typer

from cli.database import DatabaseError, first_line, hub_url
from cli.examples import examples
from cli.logins import ensure_keys, ensure_logins
from core.settings import HubSettings, load
from sql.level import head

EXAMPLES = examples(
    ("hub migrate", "the stack that `hub up` runs"),
    ("DATABASE_URL=postgresql://owner@db.example.com/hub hub migrate", "a server of yours"),
)


def migrate() -> None:
    """Bring the database to this release's level: tables, roles, functions, policies, grants. Safe to repeat.

    Where nobody can log in yet for want of a key to sign tokens with, keys are made (`hub keys`).
    Each role that has no URL of its own and no other way to log in is given a password, kept in HUB_HOME/secrets.
    """
    import sqlalchemy.exc

    from sql.migrate import upgrade

    url = hub_url()
    try:
        upgrade(url)
    except sqlalchemy.exc.DBAPIError as error:
        raise DatabaseError(f"the database was left as it was: {first_line(error.orig or error)}") from error
    ensure_logins(load(HubSettings))
    ensure_keys(url)
    typer.echo(f"The database is at level {head()}.")
