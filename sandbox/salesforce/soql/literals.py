"""SOQL literals: what a token of the statement means as a value."""

import re
from datetime import UTC, date, datetime

from sandbox.salesforce.soql.tree import Value

_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_CONTROL = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def datetime_text(moment: datetime) -> str:
    """The form in which the REST API writes an instant; it sorts as text, being always UTC and of one length."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def string(token_text: str) -> Value:
    r"""A quoted string, escapes resolved. `\_` and `\%` stay escaped: LIKE gives them their meaning.

    Raises:
        ValueError: an escape SOQL does not know.
    """

    def replaced(match: re.Match[str]) -> str:
        escaped = match.group(1)
        if escaped[0] == "u" and len(escaped) == 5:
            return chr(int(escaped[1:], 16))
        if escaped in {"_", "%"}:
            return match.group()
        if escaped in {"'", '"', "\\"}:
            return "\\\\" if escaped == "\\" else escaped
        if escaped.lower() in _CONTROL:
            return _CONTROL[escaped.lower()]
        raise ValueError(f"Invalid string literal: illegal escape '\\{escaped}'")

    return Value("string", _ESCAPE.sub(replaced, token_text[1:-1]))


def plain(text: str) -> str:
    """A string literal outside LIKE: the backslashes kept for LIKE's sake are resolved."""
    return re.sub(r"\\([\\_%])", r"\1", text)


def number(token_text: str) -> Value:
    return Value("number", float(token_text) if "." in token_text else int(token_text))


def day(token_text: str) -> Value:
    """Raises ValueError for a day that no calendar has."""
    return Value("date", date.fromisoformat(token_text).isoformat())


def instant(token_text: str) -> Value:
    """Raises ValueError for an instant that no calendar has."""
    return Value("datetime", datetime_text(datetime.fromisoformat(token_text.upper())))
