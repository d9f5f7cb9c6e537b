"""Whoever says nothing, or speaks too slowly, or never stops listening, is cut off; everybody else is served."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from core.settings import ApiSettings
from read_api.auth.tokens import mint
from read_api.live import controller
from read_api.live.controller import EventStream
from read_api.live.seats import NoSeatError, Seats
from read_api.live.stream import BEAT, Item
from read_api.serve import MOST_HEAD_BYTES
from tests.builders import insert_customer
from tests.conftest import Database, copied_database
from tests.raw_http import Answer, opened, read_answer, request_bytes, sent
from tests.serving import KEY, served_api

# More than the 1,024 at which the server used to stop (granian's default of `backpressure`).
MANY = 1100
SOME = 100
PER_CUSTOMER, PER_ADDRESS, IN_ALL = 2, 3, 5


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with copied_database() as database:
        yield database


@pytest.fixture(scope="module")
def api(database: Database) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("API_PATIENCE_SECONDS", "1")
        patch.setenv("API_STREAMS", str(IN_ALL))
        patch.setenv("API_STREAMS_PER_CUSTOMER", str(PER_CUSTOMER))
        patch.setenv("API_STREAMS_PER_ADDRESS", str(PER_ADDRESS))
        patch.setenv("API_WHMCS_WEBHOOK_SECRET", "correct horse battery")
        with served_api(database) as url:
            yield url


@pytest.fixture
def customers(database: Database) -> list[str]:
    """Bearer tokens of customers of their own."""
    with psycopg.connect(database.sync, autocommit=True) as rows:
        return [token(insert_customer(rows)["id"]) for _ in range(4)]


def token(customer: UUID) -> str:
    return mint(ApiSettings(jwt_key=KEY), customer)


def bearer(of: str, **more: str | bytes) -> dict[str, str | bytes]:
    return {"Authorization": f"Bearer {of}", **more}


def ends(connection: socket.socket) -> bool:
    """Whether the server closes it, after whatever it still says."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_idle_connections_keep_nobody_out_and_are_closed(api: str, customers: list[str]) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(opened(api)) for _ in range(MANY)]
        for connection in idle[:SOME]:
            connection.sendall(b"GET /api/me HTTP/1.1\r\nX-Never: ")

        answer = sent(api, "GET", b"/api/me", bearer(customers[0]))

        assert answer.status == 200
        assert all(ends(connection) for connection in idle)


def test_a_connection_that_falls_idle_after_an_answer_is_closed(api: str) -> None:
    with opened(api) as connection:
        connection.sendall(request_bytes("GET", b"/health", {}))

        assert read_answer(connection).status == 200
        assert ends(connection)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /api/me HTTP/1.1\r\nX-Long: " + b"a" * 4 * MOST_HEAD_BYTES,
        b"GET /api/me HTTP/1.1\r\n" + b"X-Many: a\r\n" * 1000,
        b"GET /api/me?" + b"a" * 4 * MOST_HEAD_BYTES + b" HTTP/1.1\r\n",
        b"GET /api/me HTTP/1.1\r\nX-Folded: a\r\n b\r\n",
        b"GET /api/me HTTP/1.1\r\nX-Zero: a\x00b\r\n",
        b"GET /api/me HTTP/1.1\r\nX Space: a\r\n",
        b"POST /api/orders HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
    ],
    ids=["long header", "many headers", "long target", "folded header", "zero byte", "space in a name", "two lengths"],
)
def test_a_head_that_is_too_large_or_can_be_read_in_two_ways_is_refused_and_ends_the_connection(
    api: str, customers: list[str], head: bytes
) -> None:
    authorization = f"Host: hub\r\nAuthorization: Bearer {customers[0]}\r\n\r\n".encode()
    with opened(api) as connection:
        # It may refuse, and close, before it has read all of it: then its answer may be lost on the way.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(head.removesuffix(b"\r\n") + b"\r\n" + authorization)
        answer = b""
        with suppress(ConnectionResetError):
            answer = connection.recv(65536)

        assert answer[:13] in {b"", b"HTTP/1.1 400 ", b"HTTP/1.1 414 ", b"HTTP/1.1 431 "}
        assert ends(connection)
    assert sent(api, "GET", b"/api/me", bearer(customers[0])).status == 200


# Authenticated or not, with a length or without: each says that 1,000 bytes or more will come, and sends one.
SLOW = {"Content-Length": "1000"}
CHUNKED = {"Transfer-Encoding": "chunked"}


@pytest.mark.parametrize(("headers", "body"), [(SLOW, b"{"), (CHUNKED, b"1\r\n{\r\n")], ids=["length", "chunked"])
@pytest.mark.parametrize("path", [b"/webhooks/whmcs", b"/api/support/cases"])
def test_slow_bodies_keep_nobody_out_and_are_cut_off(
    api: str, customers: list[str], path: bytes, headers: dict[str, str | bytes], body: bytes
) -> None:
    asked = bearer(customers[0], **{"Idempotency-Key": "0123456789"}) | headers
    with ExitStack() as stack:
        slow = [stack.enter_context(opened(api)) for _ in range(SOME)]
        for connection in slow:
            connection.sendall(request_bytes("POST", path, asked, body))

        served = sent(api, "GET", b"/api/me", bearer(customers[0]))
        answers = [read_answer(connection) for connection in slow]

        assert served.status == 200
        assert {(each.status, each.json()["type"]) for each in answers} == {(408, "/problems/too-slow")}
        assert answers[0].json()["field"] == "body"
        assert all(ends(connection) for connection in slow)


def test_a_body_that_drips_is_cut_off_as_well(api: str, customers: list[str]) -> None:
    asked = bearer(customers[0], **{"Idempotency-Key": "0123456789", "Content-Length": "1000"})
    with opened(api) as connection:
        connection.sendall(request_bytes("POST", b"/api/support/cases", asked, b"{"))
        connection.settimeout(0.1)
        answer = b""
        while not answer:
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                connection.sendall(b" ")

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_chunked_body_without_end_is_too_large(api: str, customers: list[str]) -> None:
    asked = bearer(customers[0], **{"Idempotency-Key": "0123456789", "Transfer-Encoding": "chunked"})
    with opened(api) as connection:
        connection.sendall(request_bytes("POST", b"/api/orders", asked, b"1\r\n[\r\n"))
        connection.setblocking(False)
        assert _answered_while_sending(connection, b"1000\r\n" + b" " * 4096 + b"\r\n").startswith(b"HTTP/1.1 413 ")


def _answered_while_sending(connection: socket.socket, part: bytes) -> bytes:
    """What comes back; the part is sent again and again until something does."""
    while True:
        try:
            return connection.recv(65536)
        except BlockingIOError:
            connection.setblocking(True)
            # It may have answered and closed since; then what it said is still there to be read.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(part)
            connection.setblocking(False)


def test_a_body_that_nobody_reads_does_not_keep_its_connection(api: str) -> None:
    with opened(api) as connection:
        connection.sendall(request_bytes("POST", b"/api/support/cases", {"Content-Length": "1000"}, b"{"))

        assert read_answer(connection).status == 401
        assert ends(connection)


def test_hanging_up_within_a_body_is_no_fault_of_the_hub(api: str, customers: list[str]) -> None:
    asked = bearer(customers[0], **{"Idempotency-Key": "0123456789", "Content-Length": "1000"})
    with opened(api) as connection:
        connection.sendall(request_bytes("POST", b"/api/support/cases", asked, b"{"))
        connection.shutdown(socket.SHUT_WR)

        assert ends(connection)
    assert sent(api, "GET", b"/api/me", bearer(customers[0])).status == 200


# -- live streams ------------------------------------------------------------------------------------------------------


@contextmanager
def following(api: str, of: str, address: str) -> Iterator[Answer]:
    """A stream that began, or why it did not; its body is not read."""
    asked = {"Authorization": f"Bearer {of}", "X-Forwarded-For": address}
    with httpx.stream("GET", f"{api}/api/live", headers=asked, timeout=30, trust_env=False) as answer:
        began = answer.status_code == 200
        yield Answer(answer.status_code, dict(answer.headers), b"" if began else answer.read())


def kept(stack: ExitStack, api: str, of: str, address: str) -> Answer:
    """A stream that lasts as long as the stack, asked for again while the seats of those who left are given back."""
    while True:
        answer = stack.enter_context(following(api, of, address))
        if answer.status == 200:
            return answer


def refused_socket(api: str, of: str, address: str) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as refusal:
        connect(
            f"{api.replace('http', 'ws', 1)}/api/live/ws",
            subprotocols=["bearer", of],  # type: ignore[list-item]
            additional_headers={"X-Forwarded-For": address},
            proxy=None,
        ).close()
    return refusal.value


def test_a_customer_has_so_many_streams_and_no_more(api: str, customers: list[str]) -> None:
    with ExitStack() as stack:
        for number in range(PER_CUSTOMER):
            kept(stack, api, customers[0], f"192.0.2.{number}")

        refused = stack.enter_context(following(api, customers[0], "192.0.2.9"))
        as_socket = refused_socket(api, customers[0], "192.0.2.9").response

        assert (refused.status, refused.json()["type"]) == (429, "/problems/too-many-streams")
        assert refused.headers["retry-after"] == "10"
        assert (as_socket.status_code, as_socket.headers["retry-after"]) == (429, "10")
        assert b"/problems/too-many-streams" in (as_socket.body or b"")


def test_an_address_has_so_many_streams_and_no_more(api: str, customers: list[str]) -> None:
    with ExitStack() as stack:
        for number in range(PER_ADDRESS):
            kept(stack, api, customers[number], "2001:db8::1")

        refused = stack.enter_context(following(api, customers[3], "2001:db8::1"))
        elsewhere = stack.enter_context(following(api, customers[3], "2001:db8::2"))

        assert (refused.status, elsewhere.status) == (429, 200)


def test_when_all_streams_are_taken_reads_are_answered_as_before(api: str, customers: list[str]) -> None:
    with ExitStack() as stack:
        for number in range(IN_ALL):
            kept(stack, api, customers[number // PER_CUSTOMER], f"192.0.2.{number}")

        refused = stack.enter_context(following(api, customers[3], "192.0.2.9"))
        read = sent(api, "GET", b"/api/me", bearer(customers[3]))

        assert (refused.status, refused.headers["retry-after"]) == (503, "10")
        assert refused.json()["type"] == "/problems/too-many-streams"
        assert refused_socket(api, customers[3], "192.0.2.9").response.status_code == 503
        assert read.status == 200


def test_a_stream_asks_proxies_to_hand_on_each_event_at_once(api: str, customers: list[str]) -> None:
    """nginx holds answers back until a buffer is full (nginx#1505, django-eventstream#37)."""
    with ExitStack() as stack:
        assert kept(stack, api, customers[0], "192.0.2.1").headers["x-accel-buffering"] == "no"


def test_a_stream_whose_request_has_a_body_that_never_comes_goes_on_or_ends_without_a_fault(
    api: str, customers: list[str]
) -> None:
    with opened(api) as connection:
        connection.sendall(request_bytes("GET", b"/api/live", bearer(customers[0]) | SLOW))

        assert ends(connection)
    assert sent(api, "GET", b"/api/me", bearer(customers[0])).status == 200


async def test_a_client_that_takes_nothing_loses_its_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "TAKEN_WITHIN_SECONDS", 0.01)
    seats = Seats(1, 1, 1)

    async def beats() -> AsyncGenerator[Item, None]:
        while True:
            yield BEAT

    async def begun() -> AsyncGenerator[Item, None]:
        return beats()

    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    async def starts(message: Any) -> None:
        if message["type"] != "http.response.start":
            await never()

    await EventStream(seats.taken("one", "somewhere"), begun)({}, never, starts)  # type: ignore[arg-type,typeddict-item]

    with seats.taken("one", "somewhere"), pytest.raises(NoSeatError), seats.taken("two", "elsewhere"):
        pass


# -- open files --------------------------------------------------------------------------------------------------------


def test_it_refuses_to_start_where_streams_would_leave_no_files_for_reads(database: Database) -> None:
    # A shell sets the limit: between a fork and its program, gRPC's threads of earlier tests are in the way of Python.
    ran = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -n 1024 && exec "$@"', "sh", sys.executable, "-m", "cli", "api"],
        env={
            "DATABASE_URL": database.owner,
            "API_JWT_KEY": KEY,
            "HUB_MODE": "development",
            "API_STREAMS": "2000",
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ran.returncode != 0
    assert "API_STREAMS: 2000 live streams are more than half of the 768 connections" in ran.stderr
