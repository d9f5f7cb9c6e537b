"""HTTP by hand: what no client library would send, byte for byte."""

import json
import socket
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_SECONDS


@dataclass(frozen=True)
class Answer:
    """Status, headers by lower-case name, and the whole body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def opened(url: str) -> socket.socket:
    """A connection to the server of `url`; nothing is said yet."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 80), timeout=PATIENCE_SECONDS)


def request_bytes(method: str, target: bytes, headers: dict[str, str | bytes], body: bytes = b"") -> bytes:
    """A whole request; a body brings its Content-Length unless `headers` name one or Transfer-Encoding."""
    given = {name.lower() for name in headers}
    if body and not given & {"content-length", "transfer-encoding"}:
        headers = headers | {"Content-Length": str(len(body))}
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: hub"]
    for name, value in headers.items():
        lines.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode("latin-1")))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def read_answer(connection: socket.socket, method: str = "GET") -> Answer:
    """The answer that comes next, to a request of that method."""
    answer = HTTPResponse(connection, method=method)
    answer.begin()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, headers, answer.read())


def sent(url: str, method: str, target: bytes, headers: dict[str, str | bytes], body: bytes = b"") -> Answer:
    """What one request on a connection of its own is answered with."""
    with opened(url) as connection:
        connection.sendall(request_bytes(method, target, headers, body))
        return read_answer(connection, method)
