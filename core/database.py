"""How every process gets its connections."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg

from core.errors import HubError
from core.settings import Role, url_variable

Connection = psycopg.Connection[Any]

# A session that forgets its open transaction holds everybody up, so it loses it. No lock timeout: runs of one data set
# wait for each other. No compiling of statements: they are short, and where a kind of scan is ruled out, a server
# before 18 takes one for immensely costly (a page's merge on PostgreSQL 15: 1.2 s of compiling, 0.02 s of work). The
# server asks every half minute whether a silent client's machine is still there: by itself it would do so after two
# hours, and leads and the locks of data sets, which are locks of a session, would be a dead machine's until then.
SESSION = (
    "-c timezone=UTC -c idle_in_transaction_session_timeout=10min -c jit=off"
    " -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)


IS_MIGHTY = """
SELECT rolsuper OR rolbypassrls OR EXISTS (
           SELECT FROM pg_catalog.pg_namespace
            WHERE nspname IN ('hub', 'sync', 'command', 'auth') AND pg_has_role(session_user, nspowner, 'MEMBER')
       )
  FROM pg_catalog.pg_roles WHERE rolname = session_user
"""
"""Whether the session's login, whatever role it took since, owns the hub's tables or passes over their row rules."""


class MightyLoginError(HubError):
    """A process that serves would do so as the database's owner or a superuser."""

    def __init__(self, role: Role) -> None:
        super().__init__(
            f"{url_variable(role)}: that login owns the hub or is a superuser; SET ROLE none would undo any role;"
            f" let `hub migrate` make one (unset it), or name another (for example"
            f" postgresql://{role}:secret@db.example.com/hub)"
        )


def connect(url: str, *, name: str) -> Connection:
    """A connection that speaks UTC and shows as `name` in pg_stat_activity; autocommit is off.

    Only to a server that takes writes: while PostgreSQL fails over, its address may answer as a standby. A URL that
    says `target_session_attrs=any` may read from one.

    Raises:
        psycopg.OperationalError: no server there, or it does not let us in, or takes no writes.
    """
    target = psycopg.conninfo.conninfo_to_dict(url).get("target_session_attrs", "read-write")
    return psycopg.connect(
        url, application_name=name, options=_options(url), target_session_attrs=target, connect_timeout=10
    )


def sqlalchemy_url(url: str) -> str:
    """The same place for SQLAlchemy, through psycopg 3 whatever the version's default."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql+psycopg"))


def masked(url: str) -> str:
    """The URL as it may be shown: without its passwords."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    query = urlencode(
        [(key, "***" if "password" in key else value) for key, value in parse_qsl(parts.query)], safe="/*"
    )
    return f"{parts.scheme}://{name}{':***' if colon else ''}{at}{place}{parts.path}{'?' if query else ''}{query}"


def _options(url: str) -> str:
    """Our session settings, and after them the URL's own (such as its role), which win."""
    own = psycopg.conninfo.conninfo_to_dict(url).get("options", "")
    return f"{SESSION} {own}".strip()
