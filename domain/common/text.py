"""Texts as sources send them: padded, empty for missing, and at WHMCS escaped."""

import re

# What PHP's htmlspecialchars writes with ENT_QUOTES, and nothing else (source: PHP manual). Reading texts as HTML would
# make a sign of `&reg=2` in a pasted address, and an e with an accent of a typed `&eacute;`.
_ESCAPED = re.compile("&(amp|lt|gt|quot|#0?39);")
_MEANS = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "#39": "'", "#039": "'"}


def plain(text: str | None) -> str | None:
    """The text without padding, otherwise as sent; None where nothing is left."""
    if text is None:
        return None
    # PostgreSQL cannot hold NUL, and no text means anything by it.
    return (text.replace("\x00", "") if "\x00" in text else text).strip() or None


def unescaped(text: str | None) -> str | None:
    """The same of a text that WHMCS sends: it escapes what people type when it stores it. Undone once."""
    if text is not None and "&" in text:
        text = _ESCAPED.sub(lambda found: _MEANS[found[1]], text)
    return plain(text)


def digits(value: str) -> str:
    """The ASCII digits of a text."""
    return "".join(character for character in value if "0" <= character <= "9")
