"""WHMCS's hook file under the PHP command line, with a receiver of its own on a real socket."""

import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.receiving import Receiver, running

REQUEST = Path(__file__).parent / "request.php"
SECRET = "correct horse battery"


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


@pytest.fixture
def whmcs(tmp_path: Path, receiver: Receiver) -> Whmcs:
    """A WHMCS that was told where the receiver is."""
    if shutil.which("php") is None:
        pytest.skip("there is no php on this machine to run WHMCS's hook file with")
    install = Whmcs(tmp_path)
    install.environment = {"PORTAL_HUB_URL": receiver.url, "PORTAL_HUB_SECRET": SECRET}
    return install
