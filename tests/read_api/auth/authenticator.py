"""An authenticator and its browser, made of `cryptography`: what they answer, and what a thief's would.

A real Chromium is in tests/e2e/test_passkeys_in_a_browser.py.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_bytes
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN, DOMAIN = "http://localhost:5173", "localhost"
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, WITH_KEY = 1, 4, 8, 16, 64
"""Flags of what an authenticator says (WebAuthn, 6.1)."""


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def of_b64(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")


@dataclass
class Authenticator:
    """One passkey of its own, as a security key would hold it. `counts`: whether it counts its uses."""

    counts: bool = False
    origin: str = ORIGIN
    domain: str = DOMAIN
    flags: int = PRESENT | VERIFIED
    credential: bytes = field(default_factory=lambda: token_bytes(16))
    count: int = 0
    framed: bool = False
    """Whether another site has the page in a frame."""
    owner: str | None = None
    """The handle of whom it made the passkey for, as the site wrote it."""
    private_key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()), repr=False)
    public_key: bytes | None = None
    """What it says that its public key is; None: what it is."""

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.create()` gives, by `toJSON()`."""
        self.owner = options["user"]["id"]
        numbers = self.private_key.public_key().public_numbers()
        key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})
        made = bytes(16) + len(self.credential).to_bytes(2) + self.credential + (self.public_key or key)
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._said(WITH_KEY) + made}
        response = {
            "clientDataJSON": b64(self._asked("webauthn.create", options)),
            "attestationObject": b64(cbor2.dumps(attestation)),
            "transports": ["internal", "hybrid"],
        }
        return self._written(response)

    def use(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.get()` gives, by `toJSON()`."""
        self.count += self.counts
        said, asked = self._said(), self._asked("webauthn.get", options)
        response = {
            "clientDataJSON": b64(asked),
            "authenticatorData": b64(said),
            "signature": b64(self.private_key.sign(said + sha256(asked).digest(), ECDSA(SHA256()))),
            "userHandle": self.owner,
        }
        return self._written(response)

    def _written(self, response: dict[str, Any]) -> dict[str, Any]:
        written = b64(self.credential)
        # Browsers write more than is needed, and further ones will.
        also = {"authenticatorAttachment": "platform", "clientExtensionResults": {"credProps": {"rk": True}}}
        return {"id": written, "rawId": written, "type": "public-key", "response": response | {"more": 1}, **also}

    def _said(self, flags: int = 0) -> bytes:
        return sha256(self.domain.encode()).digest() + bytes([self.flags | flags]) + self.count.to_bytes(4)

    def _asked(self, kind: str, options: dict[str, Any]) -> bytes:
        asked = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": self.framed}
        return json.dumps(asked).encode()
