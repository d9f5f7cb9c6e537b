"""Whether whoever asks has proven lately who they are: for what is hard to take back."""

from typing import Any

from litestar.connection import ASGIConnection

from read_api.auth.caller import caller_of
from read_api.http.services import services_of

Connection = ASGIConnection[Any, Any, Any, Any]


async def require_fresh(connection: Connection) -> None:
    """The database refuses it as well (command.needs_fresh); here it is said by which methods they can do so.

    Raises:
        FreshAuthenticationNeededError: it was too long ago.
    """
    await services_of(connection).factors.require_fresh(caller_of(connection))


def is_fresh(connection: Connection) -> bool:
    """Whether they have."""
    return services_of(connection).factors.is_fresh(caller_of(connection))
