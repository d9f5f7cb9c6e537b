"""Connections that cost the attacker nothing."""

import socket
import time
from contextlib import ExitStack, closing, suppress
from urllib.parse import urlsplit

from tests.attack.suite import Seen, attack
from tests.attack.target import Target

CONNECTIONS = 1100
"""More than the server once kept open at all: 1,024."""
MOST_SECONDS = 2.0


def _connected(target: Target, stack: ExitStack, count: int, say: bytes) -> int:
    parts = urlsplit(target.api)
    address, made = (parts.hostname or "", parts.port or 80), 0
    for _ in range(count):
        try:
            opened = stack.enter_context(closing(socket.create_connection(address, timeout=1)))
            opened.sendall(say)
        except OSError:
            break  # the server takes no more: whether others are still served is what counts
        made += 1
    return made


def _served_beside(target: Target, count: int, say: bytes) -> Seen:
    """Whether somebody else's reads are answered, and soon, while these connections are open."""
    headers = target.headers(target.customers()[0]) | {"Connection": "close"}
    with ExitStack() as stack:
        made, slowest, failed = _connected(target, stack, count, say), 0.0, 0
        for _ in range(10):
            begun = time.monotonic()
            try:
                failed += target.http.get("/api/me", headers=headers, timeout=5).status_code != 200
            except Exception:  # noqa: BLE001 - no answer is what is looked for
                failed += 1
            slowest = max(slowest, time.monotonic() - begun)
            if failed > 2:
                break
    held = not failed and slowest < MOST_SECONDS
    return Seen(held, f"beside {made} of these: {failed} of 10 reads failed, the slowest took {slowest:.2f} s")


@attack("1", needs_stack=False, reads=True)
def idle_connections(target: Target) -> Seen:
    """Sockets that say nothing keep nobody out."""
    return _served_beside(target, CONNECTIONS, b"")


@attack("1", needs_stack=False, reads=True)
def slow_bodies(target: Target) -> Seen:
    """Bodies that do not come keep nobody out."""
    head = b"POST /webhooks/whmcs HTTP/1.1\r\nHost: hub\r\nContent-Length: 1000\r\n\r\n{"
    return _served_beside(target, CONNECTIONS, head)


@attack("1", needs_stack=False, reads=True)
def streams_starve_reads(target: Target) -> Seen:
    """One customer's live streams are capped, and keep nobody out."""
    bearer = target.headers(target.customers()[0])["Authorization"].encode()
    head = b"GET /api/live HTTP/1.1\r\nHost: hub\r\nAuthorization: " + bearer + b"\r\n\r\n"
    return _served_beside(target, CONNECTIONS, head)


@attack("1", needs_stack=False, reads=True)
def body_without_end(target: Target) -> Seen:
    """A body that trickles is cut off by a deadline, whoever sends it."""
    parts = urlsplit(target.api)
    said = {"Host": "hub", "Content-Type": "application/json", "Content-Length": "10000"}
    said |= target.keyed(target.customers()[0])
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    head = f"POST /api/support/cases HTTP/1.1\r\n{lines}\r\n".encode()
    begun, patience = time.monotonic(), 30.0
    with closing(socket.create_connection((parts.hostname or "", parts.port or 80), timeout=1)) as opened:
        opened.sendall(head)
        while time.monotonic() - begun < patience:
            try:
                opened.sendall(b"x")
                if opened.recv(1) is not None:
                    break  # an answer, or the end
            except TimeoutError:
                continue
            except OSError:
                break
    took = time.monotonic() - begun
    return Seen(took < patience, f"a byte a second was listened to for {took:.0f} s")


@attack("15", quick=True, needs_stack=False, reads=True)
def buffered_stream(target: Target) -> Seen:
    """A live stream tells proxies not to hold it back."""
    buffering = ""
    with (
        suppress(TimeoutError),
        target.http.stream("GET", "/api/live", headers=target.headers(target.customers()[0])) as answer,
    ):
        buffering = answer.headers.get("x-accel-buffering", "")
    return Seen(buffering == "no", f"X-Accel-Buffering: {buffering or 'not said'}")
