"""What a caller may ask for, by the role in which they act for the customer."""

from collections.abc import Sequence
from typing import Any

from litestar.connection import ASGIConnection

from domain.common.account_roles import AccountRole
from read_api.auth.caller import caller_of
from read_api.http.problems.errors import ForbiddenRoleError


def require_role(connection: ASGIConnection[Any, Any, Any, Any], roles: Sequence[AccountRole]) -> None:
    """The database refuses it as well (command.may); here it is said before anything is looked at.

    Raises:
        ForbiddenRoleError: the caller acts for the customer in another role.
    """
    role = caller_of(connection).role
    if role not in roles:
        raise ForbiddenRoleError(role, roles)
