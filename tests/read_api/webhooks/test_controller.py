"""POST /webhooks/whmcs: who may tell us what, and what is kept of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from structlog.testing import capture_logs

from core.settings import ApiSettings, HubSettings
from read_api.app import create_app
from tests.conftest import as_api
from tests.read_api.conftest import NOW
from tests.read_api.webhooks.conftest import SECRET, SENT_AT, body_of, notification, signed
from tests.serving import served_api

PATH = "/webhooks/whmcs"
MINUTE = 60


async def notify(client: httpx.AsyncClient, content: object, **signing: Any) -> httpx.Response:
    body = body_of(content)
    return await client.post(PATH, content=body, headers=signed(body, **signing))


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({}, "X-Hub-Timestamp"),
        ({"X-Hub-Timestamp": str(SENT_AT)}, "X-Hub-Signature"),
        ({"X-Hub-Signature": signed(body_of(notification()))["X-Hub-Signature"]}, "X-Hub-Timestamp"),
        (signed(body_of(notification()), secret="another secret!!"), "X-Hub-Signature"),
        (signed(body_of(notification(entityId="10043"))), "X-Hub-Signature"),
        (signed(body_of(notification())) | {"X-Hub-Timestamp": str(SENT_AT + 1)}, "X-Hub-Signature"),
        (signed(body_of(notification())) | {"X-Hub-Signature": "v1="}, "X-Hub-Signature"),
        (signed(body_of(notification())) | {"X-Hub-Timestamp": f"{SENT_AT}.0"}, "X-Hub-Timestamp"),
        (signed(body_of(notification())) | {"X-Hub-Timestamp": "9" * 13}, "X-Hub-Timestamp"),
        ({**signed(body_of(notification())), "X-Hub-Signature": SECRET}, "X-Hub-Signature"),
    ],
    ids=[
        "nothing", "no signature", "no timestamp", "another secret", "another body", "another timestamp",
        "empty signature", "fractional timestamp", "endless timestamp", "the secret itself",
    ],
)  # fmt: skip
async def test_who_does_not_sign_with_the_secret_is_refused_and_nothing_is_kept(
    client: httpx.AsyncClient, inbox: Any, headers: dict[str, str], field: str
) -> None:
    answer = await client.post(PATH, content=body_of(notification()), headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/invalid-signature")
    assert answer.json()["field"] == field
    assert SECRET not in answer.text
    assert inbox("id") == []


async def test_a_signature_that_is_no_ascii_is_refused(client: httpx.AsyncClient) -> None:
    headers = [(b"x-hub-timestamp", str(SENT_AT).encode()), (b"x-hub-signature", b"v1=\xe9\xff")]

    answer = await client.post(PATH, content=body_of(notification()), headers=headers)

    assert answer.status_code == 401


@pytest.mark.parametrize("away", [-6 * MINUTE, -301, 301, 6 * MINUTE])
async def test_a_replay_and_a_message_from_the_future_are_refused(
    client: httpx.AsyncClient, inbox: Any, away: int
) -> None:
    answer = await notify(client, notification(), at=SENT_AT + away)

    assert (answer.status_code, answer.json()["field"]) == (401, "X-Hub-Timestamp")
    assert inbox("id") == []


@pytest.mark.parametrize("away", [-299, 300])
async def test_clocks_may_differ_by_five_minutes(client: httpx.AsyncClient, away: int) -> None:
    assert (await notify(client, notification(), at=SENT_AT + away)).status_code == 202


async def test_only_who_knows_the_secret_learns_that_the_clocks_differ(client: httpx.AsyncClient) -> None:
    answer = await notify(client, notification(), at=SENT_AT - 6 * MINUTE, secret="another secret!!")

    assert (answer.status_code, answer.json()["field"]) == (401, "X-Hub-Signature")


async def test_a_refusal_is_logged_with_its_reason_and_without_the_body(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        await notify(client, notification(entityId="31415"), secret="another secret!!")

    refused = next(log for log in logs if log["event"] == "webhook_refused")
    assert "X-Hub-Signature" in refused["reason"]
    assert "31415" not in str(logs)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"text"', b"{}{}", b"\xff\xfe", b'{"id": "\xed\xa0\x80"}', b"[" * 4000],
    ids=["empty", "half", "null", "list", "text", "two documents", "no UTF-8", "surrogate", "deep"],
)
async def test_a_body_that_is_no_json_object_is_refused(client: httpx.AsyncClient, inbox: Any, body: bytes) -> None:
    answer = await client.post(PATH, content=body, headers=signed(body))

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-request")
    assert answer.json()["field"] in {"body", "id"}
    assert inbox("id") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("id", ""),
        ("id", "0123456789abcdef"),
        ("id", "0123456789ABCDEF" * 2),
        ("id", "0123456789abcdef" * 2 + "\n"),
        ("event", ""),
        ("event", 7),
        ("event", "Invoice Paid"),
        ("event", "x" * 65),
        ("entity", "user"),
        ("entity", None),
        ("entityId", 10042),
        ("entityId", "0"),
        ("entityId", "-1"),
        ("entityId", "1\n"),
        ("entityId", "1 OR 1=1"),
        ("entityId", "9" * 19),
        ("entityId", "\u0661"),
        ("clientId", 1001),
        ("clientId", ""),
        ("occurredAt", "1749520000"),
        ("occurredAt", 1749520000.5),
        ("occurredAt", True),
        ("occurredAt", -1),
        ("occurredAt", 10**12),
        ("occurredAt", 10**400),
    ],
)
async def test_a_field_of_a_wrong_kind_is_named_and_not_repeated(
    client: httpx.AsyncClient, inbox: Any, field: str, value: object
) -> None:
    answer = await notify(client, notification(**{field: value}))

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-request")
    assert answer.json()["field"] == field
    assert "1=1" not in answer.text
    assert inbox("id") == []


@pytest.mark.parametrize("field", sorted(notification()))
async def test_a_missing_field_is_named(client: httpx.AsyncClient, field: str) -> None:
    content = {name: value for name, value in notification().items() if name != field}

    assert (await notify(client, content)).json()["field"] == field


async def test_a_body_of_more_than_4_kib_is_not_read(client: httpx.AsyncClient, inbox: Any) -> None:
    answer = await notify(client, notification(note="x" * 4096))

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
    assert inbox("id") == []


async def test_a_body_that_does_not_say_how_long_it_is_may_not_be_longer_either(client: httpx.AsyncClient) -> None:
    async def pieces() -> Any:
        for _ in range(5):
            yield b" " * 1000

    assert (await client.post(PATH, content=pieces(), headers=signed(b" " * 5000))).status_code == 413


async def test_without_a_secret_nobody_is_trusted(database: Any) -> None:
    app = create_app(
        as_api(database),
        ApiSettings(jwt_key="k" * 32),
        now=lambda: NOW,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        for headers in ({}, signed(body_of(notification())), signed(body_of(notification()), secret="")):
            answer = await client.post(PATH, content=body_of(notification()), headers=headers)

            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-set-up")
            assert answer.json()["detail"] == "webhooks are not set up"


async def test_while_the_database_is_down_the_sender_may_try_again(
    api_settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("read_api.store.pipelined.pool.PATIENCE_SECONDS", 0.2)
    nowhere = HubSettings(
        **dict.fromkeys(("api_database_url", "auth_database_url"), "postgresql://nobody@127.0.0.1:9/none")
    )
    app = create_app(nowhere, api_settings, now=lambda: NOW)
    async with app.lifespan(), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        answer = await notify(client, notification())

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "127.0.0.1" not in answer.text


async def test_a_notification_is_stored_as_sent_and_waits(client: httpx.AsyncClient, inbox: Any) -> None:
    answer = await notify(client, notification())

    assert (answer.status_code, answer.json()) == (202, {"status": "stored"})
    assert inbox(
        "source", "event_id", "kind", "entity", "record_id", "parent_id", "occurred_at", "payload", "state"
    ) == [
        (
            "whmcs",
            "0123456789abcdef0123456789abcdef",
            "record",
            "invoice",
            "10042",
            "1001",
            datetime.fromtimestamp(1_749_520_000, UTC),
            {"event": "InvoicePaid"},
            "waiting",
        )
    ]


async def test_it_is_applied_once_the_change_it_names_has_committed(client: httpx.AsyncClient, inbox: Any) -> None:
    """Several WHMCS hooks run before their change commits (reference/whmcs.md, webhooks)."""
    await notify(client, notification())

    ((received_at, due_at),) = inbox("received_at", "due_at")
    assert due_at - received_at >= timedelta(milliseconds=75)


async def test_a_client_that_was_not_named_is_none(client: httpx.AsyncClient, inbox: Any) -> None:
    await notify(client, notification(clientId=None))

    assert inbox("record_id", "parent_id") == [("10042", None)]


async def test_what_is_sent_twice_is_stored_once_and_answered_alike(client: httpx.AsyncClient, inbox: Any) -> None:
    first = await notify(client, notification())
    again = await notify(client, notification(), at=SENT_AT + 10)

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert len(inbox("id")) == 1


async def test_a_field_we_do_not_know_is_let_pass_and_not_kept(client: httpx.AsyncClient, inbox: Any) -> None:
    answer = await notify(client, notification(email="someone@example.com"))

    assert answer.status_code == 202
    assert "example.com" not in str(inbox("payload", "record_id"))


async def test_it_is_signed_not_addressed_with_a_token(client: httpx.AsyncClient, bearer: Any) -> None:
    body = body_of(notification())

    answer = await client.post(PATH, content=body, headers=bearer("5f7b2b4e-0000-4000-8000-000000000000"))

    assert answer.status_code == 401
    assert (await notify(client, notification())).status_code == 202


def test_a_served_api_stores_what_is_signed_now_and_says_so_to_who_listens(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_WHMCS_WEBHOOK_SECRET", SECRET)
    body = body_of(notification())
    with (
        psycopg.connect(database.owner, autocommit=True) as connection,
        served_api(database) as url,
        httpx.Client(base_url=url) as client,
    ):
        connection.execute("LISTEN hub_inbox")

        now = int(datetime.now(UTC).timestamp())
        stored = client.post(PATH, content=body, headers=signed(body, at=now))
        large = client.post(PATH, content=b" " * 100_000, headers=signed(body, at=now))
        stale = client.post(PATH, content=body, headers=signed(body, at=now - 6 * MINUTE))

        assert [answer.status_code for answer in (stored, large, stale)] == [202, 413, 401]
        assert [notice.payload for notice in connection.notifies(timeout=10, stop_after=1)] == ["whmcs"]
