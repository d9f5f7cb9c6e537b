"""Who may send webhooks: whoever knows the secret, and says so within five minutes."""

import hmac
import re
from hashlib import sha256

from litestar.datastructures import Headers

from core.clock import Clock
from read_api.http.problems.errors import InvalidSignatureError

TIMESTAMP = "X-Hub-Timestamp"
SIGNATURE = "X-Hub-Signature"
WINDOW_SECONDS = 300
SECONDS = re.compile(r"[0-9]{1,12}")


class Signature:
    """Checks `v1=<hex HMAC-SHA256(secret, "<timestamp>.<raw body>")>`."""

    def __init__(self, secret: str, now: Clock) -> None:
        self._secret = secret.encode()
        self._now = now

    def check(self, headers: Headers, body: bytes) -> None:
        """Whether `body` was signed with the secret, and lately.

        Raises:
            InvalidSignatureError: it was not; names the header at fault.
        """
        timestamp = headers.get(TIMESTAMP, "")
        if not SECONDS.fullmatch(timestamp):
            raise InvalidSignatureError(TIMESTAMP, "must be the time of sending in Unix seconds")
        given = headers.get(SIGNATURE, "").encode("latin-1")
        if not hmac.compare_digest(given, self._expected(timestamp, body)):
            raise InvalidSignatureError(SIGNATURE, "is missing or not that of this body and timestamp")
        # After the signature: only who knows the secret learns that the clocks differ.
        if abs(self._now().timestamp() - int(timestamp)) > WINDOW_SECONDS:
            raise InvalidSignatureError(TIMESTAMP, f"is more than {WINDOW_SECONDS} seconds away from the hub's clock")

    def _expected(self, timestamp: str, body: bytes) -> bytes:
        return b"v1=" + hmac.new(self._secret, timestamp.encode() + b"." + body, sha256).hexdigest().encode()
