"""What requests hold, read with the pairs that malformed items fail with. Flags are "10" (yes) and "20" (no)."""

import re
from datetime import date, datetime

from sandbox.freebit.errors import FreebitError

Asked = dict[str, object]
OK: Asked = {"resultCode": "100", "status": {"message": "OK", "statusCode": "200"}}
YES, NO = "10", "20"
ACCOUNT = re.compile(r"\d{11,14}|[A-Z]{3}\d_\d{11}")  # a phone number or the code of a share group
PHONE = re.compile(r"\d{11,14}")
PLAN_CODE = re.compile(r"[A-Za-z0-9_]{1,32}")
PRODUCT_NUMBER = re.compile(r"[A-Z]{2}\d{13}")
EID = re.compile(r"\d{32}")
RESERVATION = re.compile(r"\d{10}")


def require(asked: Asked, *names: str) -> None:
    """Raises FreebitError: 400-201 for the first item that is missing or empty."""
    for name in names:
        if asked.get(name) in (None, ""):
            raise FreebitError("400-201", name)


def account_of(asked: Asked, form_of: re.Pattern[str] = PHONE) -> str:
    return matching(asked, "account", form_of)


def matching(asked: Asked, name: str, form_of: re.Pattern[str], pair: str = "400-202") -> str:
    """The item as text. Raises FreebitError: `pair` when it has another form."""
    value = asked[name]
    if not isinstance(value, str) or not form_of.fullmatch(value):
        raise FreebitError(pair, name)
    return value


def one_of(asked: Asked, name: str, values: tuple[str, ...], default: str | None = None) -> str:
    value = asked.get(name, default)
    if value not in values:
        raise FreebitError("400-202", name)
    return str(value)


def flag(asked: Asked, name: str, default: str = NO) -> bool:
    return one_of(asked, name, (YES, NO), default) == YES


def day(asked: Asked, name: str, *forms: str) -> date:
    """A bare date. Raises FreebitError: 400-202."""
    for form in forms or ("%Y%m%d",):
        try:
            return datetime.strptime(str(asked[name]), form).date()  # noqa: DTZ007 - a bare date
        except ValueError:
            continue
    raise FreebitError("400-202", name)


def inner(asked: Asked, name: str) -> Asked:
    """The object in an item, {} when there is none. Raises FreebitError: 400-202 for anything else."""
    value = asked.get(name) or {}
    if not isinstance(value, dict):
        raise FreebitError("400-202", name)
    return value


def only_item(asked: Asked) -> Asked:
    """The one item of `requestDatas` that is recognised."""
    items = asked.get("requestDatas")
    if items is None:
        raise FreebitError("400-201", "requestDatas")
    if not isinstance(items, list) or not items or not isinstance(items[0], dict):
        raise FreebitError("400-202", "requestDatas")
    return items[0]
