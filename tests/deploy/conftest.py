"""WHMCS's hook file under the PHP command line, with a receiver of its own on a real socket."""

import json
import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

REQUEST = Path(__file__).parent / "request.php"
SECRET = "correct horse battery"


class Told(NamedTuple):
    """A message received."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def hint(self) -> Any:
        return json.loads(self.body)


class Receiver(ThreadingHTTPServer):
    """Keeps what it is told and answers with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 202
        self.delay_seconds = 0.0
        self.certificate: Path | None = None
        self.told: list[Told] = []

    @property
    def url(self) -> str:
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://127.0.0.1:{self.server_address[1]}/webhooks/whmcs"

    @property
    def hints(self) -> list[Any]:
        return [told.hint for told in self.told]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: in two, the second waits for the first to be acknowledged
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.told.append(Told(self.path, headers, body, self.client_address[1]))
        threading.Event().wait(self.server.delay_seconds)
        answer = b'{"status":"stored"}'
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Page(NamedTuple):
    """What became of a request of WHMCS."""

    output: str
    errors: str
    status: int
    seconds: float
    activity: list[str]


class Whmcs:
    """Runs one request and ends."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "activity"
        self.environment: dict[str, str] = {}

    def request(self, *fire: tuple[str, object], **scenario: object) -> Page:
        content = self.scenario(fire, **scenario)
        started = time.monotonic()
        done = subprocess.run(
            ["php", str(REQUEST), content],
            env={"PATH": os.environ["PATH"], **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        seconds = time.monotonic() - started
        return Page(done.stdout, done.stderr, done.returncode, seconds, self.activity())

    def scenario(self, fire: Sequence[tuple[str, object]], **more: object) -> str:
        """The argument of request.php."""
        return json.dumps({"fire": fire, "log": str(self._log), **more})

    def activity(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running(Receiver()) as server:
        yield server


@pytest.fixture
def secure_receiver(tmp_path: Path) -> Iterator[Receiver]:
    """Speaks TLS, with a certificate of its own for 127.0.0.1."""
    server = Receiver()
    server.certificate = _certified(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server):
        yield server


def _certified(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption_algorithm=NoEncryption())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return folder / "certificate.pem"


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


@pytest.fixture
def whmcs(tmp_path: Path, receiver: Receiver) -> Whmcs:
    """A WHMCS that was told where the receiver is."""
    if shutil.which("php") is None:
        pytest.skip("there is no php on this machine to run WHMCS's hook file with")
    install = Whmcs(tmp_path)
    install.environment = {"PORTAL_HUB_URL": receiver.url, "PORTAL_HUB_SECRET": SECRET}
    return install
