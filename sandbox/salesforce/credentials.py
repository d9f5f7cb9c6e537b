"""Who may log in. Everybody may know these: they open the sandbox only."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Credentials:
    """The connected app and its user; without `public_key` any RS256 assertion for them is believed."""

    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105 - see above
    username: str = "hub@sandbox.example"
    password: str = "sandbox-password"  # noqa: S105 - see above
    security_token: str = "TOKEN"  # noqa: S105 - see above
    refresh_token: str = "sandbox-refresh-token"  # noqa: S105 - see above
    public_key: Path | None = None  # PEM, RSA
