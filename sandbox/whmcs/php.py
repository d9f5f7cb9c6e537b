"""PHP's serialised values, as WHMCS takes them for custom fields: base64 of `a:1:{i:1;s:6:"Google";}`."""

import base64
import binascii
import re

_HEADS = {kind: re.compile(rb"%s:([^;:{]*)[;:]" % kind) for kind in (b"i", b"d", b"b", b"s", b"a")}


class PhpError(ValueError):
    """The text is no serialised value of a kind that is read here: no object, no reference."""


def unserialized(data: bytes) -> object:
    """The value; arrays become dicts, texts are UTF-8 (their lengths count bytes).

    Raises:
        PhpError: it is none, or something follows it.
    """
    value, end = _value(data, 0)
    if end != len(data):
        raise PhpError("something follows the value")
    return value


def fields_from(text: str) -> dict[str, str]:
    """Custom field values by id or name; {} for what PHP cannot read, which WHMCS silently takes for nothing."""
    try:
        value = unserialized(base64.b64decode(text, validate=True))
    except (PhpError, binascii.Error, UnicodeDecodeError):
        return {}
    if not isinstance(value, dict):
        return {}
    return {str(key): _as_text(given) for key, given in value.items()}


def _as_text(value: object) -> str:
    """The value as PHP casts it to a text."""
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)


def _value(data: bytes, at: int) -> tuple[object, int]:
    kind = data[at : at + 1]
    if kind == b"N":
        return None, at + 2
    head = _HEADS[kind].match(data, at) if kind in _HEADS else None
    if head is None:
        raise PhpError(f"no value at byte {at}")
    try:
        match kind:
            case b"i":
                return int(head.group(1)), head.end()
            case b"d":
                return float(head.group(1)), head.end()
            case b"b":
                return head.group(1) == b"1", head.end()
            case b"s":
                return _text(data, head.end(), int(head.group(1)))
            case _:
                return _array(data, head.end(), int(head.group(1)))
    except ValueError as error:
        raise PhpError(f"no number at byte {at}") from error


def _text(data: bytes, at: int, length: int) -> tuple[str, int]:
    end = at + length + 2
    if data[at : at + 1] != b'"' or data[end - 1 : end + 1] != b'";':
        raise PhpError(f"the text at byte {at} is not {length} bytes long")
    return data[at + 1 : end - 1].decode(), end + 1


def _array(data: bytes, at: int, count: int) -> tuple[dict[object, object], int]:
    if data[at : at + 1] != b"{":
        raise PhpError(f"no array at byte {at}")
    at += 1
    result: dict[object, object] = {}
    for _ in range(count):
        key, at = _value(data, at)
        result[key], at = _value(data, at)
    if data[at : at + 1] != b"}":
        raise PhpError(f"the array has more than {count} values")
    return result, at + 1
