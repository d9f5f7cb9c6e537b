"""A source that answers from a script, over a real socket."""

import json
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import stamina


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body, keep_blank_values=True).items()}


@dataclass(frozen=True)
class Reply:
    """What to answer. `cut`: the connection ends before the body does. `silent`: nothing is ever answered.

    `lost`: the connection ends in place of an answer; `reset`: it does so without a word of farewell (RST).
    """

    body: str | bytes = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    silent: bool = False
    lost: bool = False
    reset: bool = False


def as_json(body: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(json.dumps(body), status, {name.replace("_", "-"): value for name, value in headers.items()})


Script = Callable[[Request], Reply]


class FakeSource:
    """Answers with `script`, remembers what was requested."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.script: Script = lambda _: Reply()
        self._lock = Lock()
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answers(self, *replies: Reply) -> None:
        """One reply a call, the last one for ever."""
        waiting = list(replies)
        self.script = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def reply_to(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            return self.script(request)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the script."""


def _handler(source: FakeSource) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5
        wbufsize = 65536  # head and body leave together

        def _answer(self) -> None:
            body = self._body().decode()
            reply = source.reply_to(Request(self.command, self.path, dict(self.headers), body))
            if reply.silent:
                self.rfile.read(1)  # returns when the caller hangs up
                self.close_connection = True
                return
            if reply.lost or reply.reset:
                self.close_connection = True
                if reply.reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                return
            content = reply.body.encode() if isinstance(reply.body, str) else reply.body
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) + (100 if reply.cut else 0)))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = reply.cut

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the names the library looks for

        def log_message(self, *_: object) -> None:
            """Silence."""

    return Handler


@pytest.fixture
def source() -> Iterator[FakeSource]:
    source = FakeSource()
    yield source
    source.stop()


@pytest.fixture(autouse=True)
def tries_follow_at_once() -> Iterator[None]:
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
def reply() -> Callable[..., Reply]:
    return Reply


@pytest.fixture
def json_reply() -> Callable[..., Reply]:
    return as_json
