"""Recovery codes: for whoever has lost the device that is their second factor."""

from base64 import b32encode
from hashlib import sha256
from secrets import token_bytes

HOW_MANY = 10
BYTES = 15
"""120 bits, 24 characters. From 112 on, a plain hash protects them (NIST SP 800-63B-4, 3.1.2.2)."""
IN_A_GROUP = 4


def new_codes() -> list[str]:
    """Codes as they are shown, once: `abcd-efgh-…`."""
    return [_grouped(b32encode(token_bytes(BYTES)).decode().lower()) for _ in range(HOW_MANY)]


def hash_of(code: str) -> str:
    """What is kept of a code, however it was typed."""
    return sha256(code.replace("-", "").replace(" ", "").lower().encode()).hexdigest()


def _grouped(code: str) -> str:
    return "-".join(code[at : at + IN_A_GROUP] for at in range(0, len(code), IN_A_GROUP))
