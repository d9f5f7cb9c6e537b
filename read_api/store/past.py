"""Questions about the past: the same ones, of the tables as they were at a moment (sql/objects/past.sql).

What could read the present instead is refused when the question is built, which is when the API starts.
"""

import re

from read_api.store.questions import TABLE, Question, without_comments

SCHEMAS = ("hub", "sync", "command", "auth")
"""The schemas that the API's role may use. It finds a table in them only by the schema's name."""
_TEXT = re.compile(r"'(?:[^']|'')*'")
# Who asks is the customer of today, whatever the moment.
_TIMELESS = re.compile(r"\bhub\.current_(?:account|customer)\(")
# The name of a schema, or what could be a part of one in disguise: an escape, a quoted text, a comment.
_PRESENT = re.compile(rf"\b(?:{'|'.join(SCHEMAS)})\b|[\\$]|/\*", re.IGNORECASE)


class PresentTableError(Exception):
    """A question about the past names a table, or hides a name, in a way that would read the present."""


class DatedQuestion(Question):
    """A question that can also be asked of a moment in the past.

    then: the same question of the tables as they were at `%(at)s` (sql/objects/past.sql); costs the customer's changes
        since then.

    Raises:
        PresentTableError: a table is named without `{}`, so that the present would answer for the past.
    """

    def __init__(self, name: str, datasets: tuple[str, ...] = ()) -> None:
        super().__init__(name, datasets)
        self.then = Question(f"{name}@", text=past_of(self.text))


def past_of(text: str) -> str:
    """The text of a question with each `{schema.table}` as it was at `%(at)s`.

    Raises:
        PresentTableError: it names a table in any other way, or could do so in disguise.
    """
    rest = _TIMELESS.sub("(", TABLE.sub("", without_comments(text)))
    if found := _PRESENT.search(rest) or re.search('"', _TEXT.sub("", rest)):
        raise PresentTableError(
            f"a question about the past may not say {found[0]!r}; tables are {{hub.invoices}} there"
        )
    return TABLE.sub(r"\1_at(%(at)s::timestamptz)", text)
