"""Passwords: which may be chosen, and their Argon2id hashes, made beside the event loop and not too many at once.

Rules are those of NIST SP 800-63B-4, 3.1.1: length is what counts, no composition rules, what is common is refused,
every character of Unicode is welcome.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from itertools import pairwise
from secrets import token_urlsafe
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.settings import AuthSettings
from read_api.auth.errors import BusyError

ALONE = 15
"""The fewest characters where the password is the only factor (NIST SP 800-63B-4, 3.1.1.2)."""
WITH_ANOTHER = 8
"""The fewest where there is a second factor (the same)."""
MOST_CHARACTERS = 1000

Result = TypeVar("Result")


class Passwords:
    """Hashes and compares. What has no hash is compared with one that nothing fits, so that it takes as long."""

    def __init__(self, settings: AuthSettings) -> None:
        self._hasher = hasher_of(settings)
        # Each takes its memory for itself, so their number bounds it; the threads leave the interpreter to others.
        self._threads = ThreadPoolExecutor(settings.hashes_at_once, thread_name_prefix="argon2")
        self._most = settings.hashes_at_once + settings.hashes_waiting
        self._running = 0
        self._nobodys: str | None = None

    async def fits(self, password: str, hashed: str | None) -> bool:
        """Whether the hash is of that password; None: there is none, which takes as long to find out.

        Raises:
            BusyError.
        """
        return await self._in_turn(lambda: self._fits(normal(password), hashed))

    async def hashed(self, password: str) -> str:
        """Raises BusyError."""
        return await self._in_turn(lambda: self._hasher.hash(normal(password)))

    def is_outdated(self, hashed: str) -> bool:
        """Whether the settings ask for more work now than when the hash was made."""
        return self._hasher.check_needs_rehash(hashed)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _fits(self, password: str, hashed: str | None) -> bool:
        if self._nobodys is None:
            self._nobodys = self._hasher.hash(token_urlsafe())
        try:
            self._hasher.verify(hashed or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None

    async def _in_turn(self, work: Callable[[], Result]) -> Result:
        if self._running >= self._most:
            raise BusyError("too many log-ins at once")
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._running -= 1


def hasher_of(settings: AuthSettings) -> PasswordHasher:
    """What hashes by the settings' parameters, in the thread that asks."""
    return PasswordHasher(time_cost=settings.argon2_passes, memory_cost=settings.argon2_memory_kib, parallelism=1)


def normal(password: str) -> str:
    """One form for the same password typed on different keyboards (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def is_long(password: str) -> bool:
    """Whether it has as many characters as one must have that is the only factor."""
    return len(normal(password)) >= ALONE


def least_of(has_another: bool) -> int:
    """The fewest characters of somebody's password. `has_another`: they have a second factor."""
    return WITH_ANOTHER if has_another else ALONE


def objection(password: str, email: str, least: int = ALONE) -> str | None:
    """Why that may not be somebody's password, as the end of a sentence; None: it may.

    `least`: how many characters it must have.
    """
    said = normal(password).casefold()
    if len(normal(password)) < least:
        return f"must have at least {least} characters; several words do well"
    if len(password) > MOST_CHARACTERS:
        return f"must have at most {MOST_CHARACTERS} characters"
    if said in {email.casefold(), email.casefold().partition("@")[0]}:
        return "must not be the e-mail address"
    if _is_common(said):
        return "is one of those that are tried first: common words, repetitions or keys in a row"
    return None


def _is_common(said: str) -> bool:
    """Whether it is a common password, two of them in a row, or the same few characters over and over."""
    common = _common()
    parts = {(said[:cut], said[cut:]) for cut in range(1, len(said) + 1)}
    if any(first in common and (not rest or rest in common) for first, rest in parts):
        return True
    return any(said == (said[:length] * len(said))[: len(said)] for length in range(1, len(said) // 2 + 1)) or _runs(
        said
    )


def _runs(said: str) -> bool:
    """`abcdefghijklmnop`, `987654321098765`: each character follows the one before, in one direction."""
    steps = {ord(after) - ord(before) for before, after in pairwise(said)}
    return steps <= {1, -9} or steps <= {-1, 9}


@cache
def _common() -> frozenset[str]:
    text = (files("read_api.auth") / "common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("# "))
