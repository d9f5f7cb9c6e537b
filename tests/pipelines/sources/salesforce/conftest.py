"""A Salesforce that answers from a script, log-in included."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from core.settings import SalesforceSettings
from pipelines.sources.salesforce.client import SalesforceClient

SECRET = "the-secret-of-salesforce"
NAME = "Yamada Hanako"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TOKEN_PATH = "/services/oauth2/token"
DATA = "/services/data/v62.0"


@pytest.fixture
def settings(source: Any) -> Callable[..., SalesforceSettings]:
    def settings(**changes: Any) -> SalesforceSettings:
        given = {
            "domain": "acme.my", "client_id": "us", "client_secret": SECRET, "base_url": source.url,
            "retry_attempts": 2, "timeout_seconds": 0.5, "bulk_poll_seconds": 0.01, **changes,
        }  # fmt: skip
        return SalesforceSettings(_env_file=None, **given)

    return settings


@pytest.fixture
def client(settings: Callable[..., SalesforceSettings]) -> Iterator[SalesforceClient]:
    with SalesforceClient(settings()) as client:
        yield client


@pytest.fixture
def org(source: Any, json_reply: Any) -> Callable[..., None]:
    """Logs everyone in with session s1, s2, ... at instance acme1, acme2, ...; answers the rest with the replies given,
    the last one for ever."""

    def org(*replies: Any) -> None:
        sessions, waiting = iter(range(1, 1000)), list(replies)

        def script(request: Any) -> Any:
            if request.path == TOKEN_PATH:
                number = next(sessions)
                token = {"access_token": f"s{number}", "instance_url": f"https://acme{number}.my.salesforce.com"}
                return json_reply(token)
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

        source.script = script

    return org


@pytest.fixture
def answer(json_reply: Any) -> Callable[..., Any]:
    """A reply in JSON that carries a date, as every answer of Salesforce's does."""

    def answer(body: Any, status: int = 200, at: datetime = NOON, **headers: str) -> Any:
        return json_reply(body, status, Date=format_datetime(at), **headers)

    return answer


def error(code: str, message: str = NAME, **more: Any) -> list[dict[str, Any]]:
    return [{"errorCode": code, "message": message, **more}]


def result(*records: Any, done: bool = True, total: int | None = None, **more: Any) -> dict[str, Any]:
    return {"totalSize": len(records) if total is None else total, "done": done, "records": list(records), **more}


def calls(source: Any) -> list[Any]:
    return [request for request in source.requests if request.path != TOKEN_PATH]


def logins(source: Any) -> int:
    return sum(request.path == TOKEN_PATH for request in source.requests)
