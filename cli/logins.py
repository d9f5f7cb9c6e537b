"""A login of its own for each of the hub's roles."""

import hashlib

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from cli.database import first_line
from cli.up.secrets import kept
from core.errors import SettingsError
from core.settings import ApiSettings, HubSettings, Role, password_file, url_as, url_variable

ROLES: tuple[Role, ...] = ("hub_sync", "hub_api", "hub_auth", "hub_analyst")


def ensure_logins(settings: HubSettings) -> None:
    """See to it that every role can log in as itself. Safe to repeat.

    Nothing happens to a role that was given a URL of its own, or that gets in already, as on the embedded server. Any
    other is given a password, which is kept in HUB_HOME/secrets. The server learns only what it needs to check it.

    Raises:
        SettingsError: the owner may not do that here; names the variable to set instead.
    """
    for role in ROLES:
        if settings.own_url(role) is None and not _gets_in(settings, role):
            _give_password(settings, role)


def ensure_keys(owner_url: str) -> None:
    """See to it that there is a key to sign people's tokens with."""
    from read_api.auth.keys import ensure

    with psycopg.connect(owner_url, connect_timeout=10) as connection:
        ensure(connection, ApiSettings.model_fields["jwt_minutes"].default)


def _gets_in(settings: HubSettings, role: Role) -> bool:
    try:
        with psycopg.connect(url_as(settings, role), connect_timeout=10) as connection:
            found = connection.execute("SELECT session_user").fetchone()
    except (SettingsError, psycopg.OperationalError):
        return False
    return found == (role,)


def _give_password(settings: HubSettings, role: Role) -> None:
    password = kept(password_file(settings, role))
    # Roles belong to the whole server. The mark says whose password a role has, so that two hubs on one server do not
    # take turns in locking each other out.
    mark = f"password from the secrets with digest {hashlib.sha256(password.encode()).hexdigest()[:16]}"
    try:
        with psycopg.connect(url_as(settings, "owner"), connect_timeout=10) as connection:
            found = connection.execute(
                "SELECT shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles WHERE rolname = %s", [role]
            ).fetchone()
            if found and found[0] and found[0] != mark:
                raise SettingsError(
                    f"{url_variable(role)}: not set, and another hub has given {role} its password on this server; set"
                    f" it, or copy that hub's HUB_HOME/secrets/{password_file(settings, role).name} here (if that hub"
                    f" is gone: COMMENT ON ROLE {role} IS NULL)"
                )
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            connection.execute(SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(Identifier(role), Literal(verifier)))
            connection.execute(SQL("COMMENT ON ROLE {} IS {}").format(Identifier(role), Literal(mark)))
    except psycopg.Error as error:
        raise SettingsError(_not_let(role, first_line(error))) from error
    if not _gets_in(settings, role):
        raise SettingsError(_not_let(role, "the server's pg_hba.conf does not take its password"))


def _not_let(role: Role, why: str) -> str:
    return (
        f"{url_variable(role)}: not set, and {role} cannot be given a login of its own here ({why});"
        f" set it (for example postgresql://{role}:secret@db.example.com/hub)"
    )
