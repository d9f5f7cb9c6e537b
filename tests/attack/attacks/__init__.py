"""The attacks, a module for each kind; importing this registers them."""

from tests.attack.attacks import (
    admission,
    database,
    doors,
    injection,
    links,
    logging_in,
    processes,
    repeats,
    requests,
    retention,
    sandbox,
    tenants,
    tokens,
)

__all__ = [
    "admission",
    "database",
    "doors",
    "injection",
    "links",
    "logging_in",
    "processes",
    "repeats",
    "requests",
    "retention",
    "sandbox",
    "tenants",
    "tokens",
]
