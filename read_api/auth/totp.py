"""Authenticator apps: secrets, and the codes that a clock makes of them (RFC 6238)."""

from base64 import urlsafe_b64encode
from hmac import compare_digest

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pyotp import TOTP, random_base32

from core.settings import AuthSettings
from read_api.http.problems.errors import NotSetUpError

STEP_SECONDS = 30
STEPS_OFF = (0, -1, 1)
"""How far a code's clock may be from ours: a step each way (RFC 6238, 5.2)."""
DIGITS = 6


class Seal:
    """Seals secrets before they are kept, and opens them. The key is elsewhere: in no backup of the database."""

    def __init__(self, settings: AuthSettings) -> None:
        keys = settings.factor_keys.get_secret_value().split(",") if settings.factor_keys else []
        self._fernet = MultiFernet([Fernet(urlsafe_b64encode(bytes.fromhex(key))) for key in keys]) if keys else None

    def sealed(self, secret: str) -> str:
        """Raises NotSetUpError: there is no key."""
        return self._with_key().encrypt(secret.encode()).decode()

    def opened(self, sealed: str) -> str:
        """Raises NotSetUpError: the key that it was sealed by is not among the settings' keys."""
        try:
            return self._with_key().decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise NotSetUpError(
                "apps cannot be checked: a key of AUTH_FACTOR_KEYS is missing; a recovery code lets people in"
            ) from error

    def _with_key(self) -> MultiFernet:
        if self._fernet is None:
            raise NotSetUpError("authenticator apps are not set up: there is no AUTH_FACTOR_KEYS")
        return self._fernet


def new_secret() -> str:
    """160 bits (RFC 4226, 4), as apps take it: Base32."""
    return random_base32(32)


def uri(secret: str, email: str, portal: str) -> str:
    """What an app reads from a QR code."""
    return TOTP(secret).provisioning_uri(name=email, issuer_name=portal)


def step_of(secret: str, code: str, moment: float) -> int | None:
    """To which step of 30 seconds near `moment` (seconds since 1970) the code belongs; None: to none.

    Whoever asks remembers the step, as a code is good once and steps only go on (RFC 6238, 5.2).
    """
    typed = code.replace(" ", "").encode()
    totp = TOTP(secret, digits=DIGITS, interval=STEP_SECONDS)
    now = int(moment) // STEP_SECONDS
    found = [
        step for step in (now + off for off in STEPS_OFF) if compare_digest(totp.generate_otp(step).encode(), typed)
    ]
    return found[0] if found else None
