"""Who may open the Dagster UI: one-time links that `hub` prints, and the sessions they open."""

import secrets
from datetime import timedelta
from typing import Any, Literal, get_args

import jwt

from core.clock import Clock, utc_now
from core.settings import UiSettings

May = Literal["view", "operate"]
"""A viewer starts and stops nothing; an operator does what Dagster's UI offers."""

ENTRANCE = "/enter"
"""Where a link leads, with its token as `link`."""
LINK_LIFE = timedelta(minutes=10)
LINK, SESSION = "hub-ui-link", "hub-ui-session"


class Sessions:
    """Makes and checks the links and sessions of one UI. Whoever has the key may make links.

    That a link was used is known to the process that it opened, and forgotten with it: after a restart of the UI within
    a link's ten minutes, it opens once more.
    """

    def __init__(self, settings: UiSettings, now: Clock = utc_now) -> None:
        self._key = settings.key.get_secret_value()
        self.life = timedelta(hours=settings.session_hours)
        self._now = now
        self._used: dict[str, float] = {}

    def link(self, may: May) -> str:
        """A token that opens one session, for ten minutes."""
        return self._signed(LINK, may, LINK_LIFE)

    def opened_by(self, link: str) -> str | None:
        """The session that the link opens; None: it is no link of ours, too old, or was used."""
        claims = self._claims(link, LINK)
        if claims is None:
            return None
        now = self._now().timestamp()
        self._used = {each: until for each, until in self._used.items() if until > now}
        if claims["jti"] in self._used:
            return None
        self._used[claims["jti"]] = claims["exp"]
        return self._signed(SESSION, claims["may"], self.life)

    def may(self, session: str) -> May | None:
        """What the session's owner may do; None: it is no session of ours, or has ended."""
        claims = self._claims(session, SESSION)
        if claims is None:
            return None
        may: May = claims["may"]
        return may

    def _signed(self, use: str, may: May, life: timedelta) -> str:
        claims = {"aud": use, "may": may, "jti": secrets.token_hex(16), "exp": (self._now() + life).timestamp()}
        return jwt.encode(claims, self._key, algorithm="HS256")

    def _claims(self, token: str, use: str) -> dict[str, Any] | None:
        required = ["exp", "aud", "jti", "may"]
        try:
            # The time is compared below, by our clock.
            claims: dict[str, Any] = jwt.decode(
                token, self._key, algorithms=["HS256"], audience=use, options={"require": required, "verify_exp": False}
            )
        except jwt.InvalidTokenError:
            return None
        ends = claims["exp"]
        lives = isinstance(ends, int | float) and ends > self._now().timestamp()
        return claims if lives and claims["may"] in get_args(May) else None
