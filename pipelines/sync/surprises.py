"""Unexpected errors: logged by type and place, never by text, because a library's text may quote customers' data."""

import traceback
from pathlib import Path

from core.logging import logger

log = logger(__name__)


def surprise(error: BaseException, event: str, **facts: object) -> str:
    """Log an unexpected error as `event`. Returns what may be stored of it, such as `unforeseen: KeyError`."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else None
    log.error(event, error=type(error).__name__, at=where, **facts)
    return f"unforeseen: {type(error).__name__}"
