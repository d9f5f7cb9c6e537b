"""Webhooks, sent and signed as WHMCS's hook file does: the wire is written down here once more, on purpose."""

import hmac
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from pydantic import SecretStr

from core.settings import ApiSettings
from tests.read_api.conftest import NOW

SECRET = "correct horse battery"
SENT_AT = int(NOW.timestamp())


@pytest.fixture
def api_settings(api_settings: ApiSettings) -> ApiSettings:
    return api_settings.model_copy(update={"whmcs_webhook_secret": SecretStr(SECRET)})


@pytest.fixture
def inbox(database: Any) -> Iterator[Any]:
    """What is stored, as rows: call it with the columns."""
    with psycopg.connect(database.owner, autocommit=True) as connection:
        asked = SQL("SELECT {} FROM sync.inbox ORDER BY id")
        yield lambda *columns: connection.execute(asked.format(SQL(", ").join(map(Identifier, columns)))).fetchall()


def notification(**changes: object) -> dict[str, object]:
    sent: dict[str, object] = {
        "id": "0123456789abcdef" * 2,
        "event": "InvoicePaid",
        "entity": "invoice",
        "entityId": "10042",
        "clientId": "1001",
        "occurredAt": 1_749_520_000,
    }
    return sent | changes


def body_of(content: object) -> bytes:
    return json.dumps(content).encode()


def signed(body: bytes, *, at: int = SENT_AT, secret: str = SECRET) -> dict[str, str]:
    """Headers of a webhook sent at Unix second `at`."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, "sha256").hexdigest()
    return {"Content-Type": "application/json", "X-Hub-Timestamp": str(at), "X-Hub-Signature": f"v1={digest}"}
