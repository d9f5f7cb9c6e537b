"""Logs are events with facts: JSON when nobody is watching, colour in a terminal."""

import logging
import sys
from typing import Any

import structlog
from pydantic_core import to_json


def configure(*, level: int = logging.INFO) -> None:
    """Set structlog up for this process; call once, at its edge. Writes to standard error."""
    watched = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if watched else structlog.processors.JSONRenderer(serializer=_json)
    factory = structlog.PrintLoggerFactory(sys.stderr) if watched else structlog.BytesLoggerFactory(sys.stderr.buffer)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory,
    )


def _json(event: dict[str, Any], **_: object) -> bytes:
    return to_json(event, fallback=str)


def logger(name: str) -> "structlog.typing.FilteringBoundLogger":
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(source=name)
    return bound
