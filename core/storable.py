"""What PostgreSQL can store of the texts that sources send, and how a payload is kept whatever is odd about it."""

import json
import re

_MARKS_AND_SPACE = b"\xef\xbb\xbf \t\r\n"
_REPLACEMENT = rb"\ufffd"
# The same half written in bytes, as no UTF-8 may have it.
_HALF_IN_BYTES = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_REPLACEMENT_IN_BYTES = "\ufffd".encode()
# Every escape sequence, so that the backslash of one is not taken for the beginning of the next.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|(u0000)|.)",
    re.DOTALL,
)
_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def storable_json(content: bytes) -> bytes:
    """JSON as it was sent, without what no PostgreSQL text holds, so that no record stops its page.

    NUL goes; half of an emoji, which a text cut by its length ends with, becomes U+FFFD. Other bytes that are no UTF-8
    stay, for the decoder to refuse: an answer in another charset would have its customers' words altered.
    Byte-order marks before it go too: PHP sends one for each file of an installation that begins with one.
    """
    content = content.lstrip(_MARKS_AND_SPACE)
    content = _HALF_IN_BYTES.sub(_REPLACEMENT_IN_BYTES, content)
    # Looking first costs nearly nothing, and hardly a page has any.
    return _ESCAPE.sub(_storable_escape, content) if _UNSTORABLE.search(content) else content


def _storable_escape(escape: re.Match[bytes]) -> bytes:
    if escape[2]:
        return b""
    return _REPLACEMENT if escape[1] else escape[0]


def storable_dump(payload: object) -> str:
    """A payload as JSON for a `jsonb` column. Never fails: that a broken row is kept must not break on the row."""
    try:
        written = json.dumps(payload, default=str, allow_nan=False)
    except ValueError:
        # NaN and Infinity are no JSON, though Python reads and writes them.
        written = json.dumps(json.loads(json.dumps(payload, default=str), parse_constant=str))
    return storable_json(written.encode()).decode()
