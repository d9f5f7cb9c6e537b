"""People who are told something, and somebody who sends it."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from core.settings import MailSettings
from tests.conftest import Database
from tests.smtp import MailServer


@pytest.fixture
def owner(database: Database) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        yield connection


@pytest.fixture
def sync(database: Database) -> Iterator["psycopg.Connection[Any]"]:
    """As the worker, which reads no table of schema auth."""
    with psycopg.connect(database.sync, autocommit=True) as connection:
        yield connection


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def settings(server: MailServer) -> MailSettings:
    return settings_for(server)


def settings_for(server: MailServer, **others: Any) -> MailSettings:
    return MailSettings(
        **{
            "smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_security": "none", "smtp_timeout_seconds": 10,
            "mail_from": "Example Mobile <no-reply@example.com>", "portal_url": "https://portal.example.com", **others,
        }
    )  # fmt: skip
