"""A receiver of webhooks on a real socket: it keeps what it receives and answers as it is set."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple


class Received(NamedTuple):
    """A message received."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def notification(self) -> Any:
        return json.loads(self.body)


class Receiver(ThreadingHTTPServer):
    """Keeps what it receives and answers with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 202
        self.before_answering: Callable[[], object] = lambda: None
        self.certificate: Path | None = None
        self.received: list[Received] = []

    @property
    def url(self) -> str:
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://127.0.0.1:{self.server_address[1]}/webhooks/whmcs"

    @property
    def notifications(self) -> list[Any]:
        return [each.notification for each in self.received]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: in two, the second waits for the first to be acknowledged
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append(Received(self.path, headers, body, self.client_address[1]))
        self.server.before_answering()
        answer = b'{"status":"stored"}'
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def running(server: Receiver) -> Iterator[Receiver]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
