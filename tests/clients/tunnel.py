"""A proxy that leads every host to the sandbox, for clients that hard-code `https://login.salesforce.com`.

The client opens a tunnel (CONNECT) as through any company's proxy, and finds the sandbox's TLS port at its end.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HOSTS = ("localhost", "login.salesforce.com", "test.salesforce.com", "*.my.salesforce.com", "*.pubsub.salesforce.com")
_PIECE = 65_536


def write_certificate(certificate: Path, key: Path) -> None:
    """A certificate that signs itself, good for a day, for this machine and the vendor's hosts (both files PEM)."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox")])
    names = [x509.DNSName(host) for host in _HOSTS] + [x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    usage = {
        **dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False),
        **dict.fromkeys(("crl_sign", "encipher_only", "decipher_only"), False),
        **dict.fromkeys(("digital_signature", "key_cert_sign"), True),
    }
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    )
    certificate.write_bytes(builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    unlocked = serialization.NoEncryption()
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unlocked))


@contextmanager
def tunnel_to(port: int) -> Iterator[int]:
    """The port of a proxy whose every tunnel ends at `port` of this machine; it ends with the context."""
    started: Future[tuple[int, Callable[[], object]]] = Future()

    async def serve() -> None:
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        server = await asyncio.start_server(lambda reader, writer: _tunnel(reader, writer, port), "127.0.0.1", 0)
        started.set_result((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(ended.set)))
        await ended.wait()
        server.close()

    # The tunnels still open end with the loop: `run` cancels them.
    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="tunnel", daemon=True)
    thread.start()
    own_port, end = started.result(timeout=10)
    try:
        yield own_port
    finally:
        end()
        thread.join(timeout=10)


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"CONNECT "):
        writer.write(b"HTTP/1.1 501 Only tunnels\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    try:
        await asyncio.gather(_pour(reader, there_writer), _pour(there_reader, writer))
    finally:
        # Cut, not closed in good order: a TLS server would wait half a minute for its farewell to be answered.
        writer.transport.abort()
        there_writer.transport.abort()


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await source.read(_PIECE):
            target.write(piece)
            await target.drain()
        target.write_eof()
