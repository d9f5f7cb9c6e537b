"""PHP's serialised form, as WHMCS takes custom fields: base64 of `a:1:{i:1;s:6:"Google";}` (reference, §1.7)."""

from base64 import b64encode
from collections.abc import Mapping


def custom_fields(values: Mapping[int, str]) -> str:
    """Values by the custom field's id. Lengths count bytes."""
    entries = (b'i:%d;s:%d:"%b";' % (number, len(text), text) for number, text in _encoded(values))
    return b64encode(b"a:%d:{%b}" % (len(values), b"".join(entries))).decode("ascii")


def _encoded(values: Mapping[int, str]) -> list[tuple[int, bytes]]:
    return [(number, text.encode()) for number, text in values.items()]
