"""Cursors: what clients hand back unread to go on where they were. JSON as URL-safe Base64, without its padding."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, TypeVar

import msgspec

Parts = TypeVar("Parts")


def cursor_of(parts: Any) -> str:
    return urlsafe_b64encode(msgspec.json.encode(parts)).rstrip(b"=").decode()


def parts_of(cursor: str, kind: type[Parts]) -> Parts:
    """What the cursor was made of.

    Raises:
        ValueError: it was not made here, or of something else.
    """
    try:
        return msgspec.json.decode(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)), type=kind)
    except msgspec.DecodeError as error:
        raise ValueError("not a cursor of ours") from error
