"""Salesforce record ids: 15 case-sensitive characters, or 18 with a suffix that survives case folding.

Source: salesforce.md, section 4.1 (the suffix was checked on five published ids).
"""

import re
from functools import lru_cache

_SUFFIX_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?")


def suffix(short_id: str) -> str:
    """The three characters that say which of the 15 are upper case."""
    return "".join(
        _SUFFIX_ALPHABET[
            sum(1 << bit for bit, letter in enumerate(short_id[start : start + 5]) if "A" <= letter <= "Z")
        ]
        for start in (0, 5, 10)
    )


@lru_cache(maxsize=65_536)
def full_id(text: str) -> str | None:
    """The 18-character form of a 15- or 18-character id; None when `text` is no id."""
    if not _SHAPE.fullmatch(text):
        return None
    return text[:15] + suffix(text[:15])


def compose(prefix: str, number: int, instance: str = "Sb0") -> str:
    """The 18-character id of a record: key prefix, instance, then the number in nine digits.

    Digits only, so that the order of ids is the order of numbers under every collation.
    """
    short = f"{prefix}{instance}{number:09d}"
    return short + suffix(short)
