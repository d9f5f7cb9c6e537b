"""What stands before an answer and is no part of it."""

_MARKS_AND_SPACE = b"\xef\xbb\xbf \t\r\n"


def without_mark(content: bytes) -> bytes:
    """The answer without the UTF-8 byte order marks and the white space before it.

    A script that was saved with a mark sends it before whatever it answers, one for each such file that took part.
    """
    return content.lstrip(_MARKS_AND_SPACE)
