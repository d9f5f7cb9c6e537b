"""Errors that nobody foresaw: told by their type and place, never by their text, which may quote data."""

import traceback
from pathlib import Path

from core.logging import logger

log = logger(__name__)


def surprise(error: BaseException, event: str, **facts: object) -> str:
    """Log an unforeseen error as `event`; what may be kept of it, such as `unforeseen: KeyError`."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else None
    log.error(event, error=type(error).__name__, at=where, **facts)
    return f"unforeseen: {type(error).__name__}"
