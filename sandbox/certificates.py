"""A certificate for the TLS ports: of this machine and of the vendor's hosts, trusted by whoever is told of it."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HOSTS = ("localhost", "login.salesforce.com", "test.salesforce.com", "*.my.salesforce.com", "*.pubsub.salesforce.com")


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
