"""Texts as sources send them: escaped, padded, empty for missing."""

from html import unescape


def clean(value: object) -> str | None:
    """The text without padding, entities decoded once (WHMCS escapes what people type); None where nothing is left."""
    if value is None:
        return None
    text = str(value)
    if "&" in text:
        text = unescape(text)
    # PostgreSQL cannot hold NUL, and no text means anything by it.
    text = text.replace("\x00", "").strip() if "\x00" in text else text.strip()
    return text or None


def digits(value: str) -> str:
    return "".join(character for character in value if character.isdigit())
