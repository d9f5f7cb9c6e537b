"""Pages of other origins: those that the settings name may ask and read, no other may (CORS)."""

from collections.abc import Collection

from litestar.config.cors import CORSConfig

SENT = [
    "Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Prefer", "X-Request-ID",
]  # fmt: skip
"""Headers that a portal's page may send, besides those that every page may."""
READ = ["ETag", "Location", "Preference-Applied", "Retry-After", "X-Request-ID"]
"""Headers of answers that it may read, besides those that every page may."""
PREFLIGHT_SECONDS = 600


def cross_origin(origins: Collection[str]) -> CORSConfig | None:
    """What browsers are told of requests by pages of these origins; None: there are none, so nothing is said at all."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=SENT,
        expose_headers=READ,
        allow_credentials=True,  # the cookie of /auth
        max_age=PREFLIGHT_SECONDS,
    )
