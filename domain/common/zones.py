"""Time zones of sources that send local times."""

from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator


@lru_cache
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: there is no such zone.
    """
    return ZoneInfo(name)


def _known(name: str) -> str:
    try:
        zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("there is no such time zone") from error
    return name


ZoneName = Annotated[str, AfterValidator(_known)]
"""The name of an IANA zone that exists."""
