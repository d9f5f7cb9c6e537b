"""Questions that the API asks the database: the files of sql/queries, prepared once per connection.

In such a file, `%(name)s` stands for a value and `{folder/file}` for the text of another file. `{hub.invoices}` stands
for that table, or, where the question is asked of a moment, for the table as it was then.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sql.statements import statement

FRAGMENT = re.compile(r"\{(\w+/\w+)\}")
TABLE = re.compile(r"\{(\w+\.\w+)\}")
PARAMETER = re.compile(r"%\((\w+)\)s")

SCHEMAS = ("hub", "sync", "command")
"""The schemas that the API's role may use. It finds a table in them only by the schema's name."""
_TEXT_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|--[^\n]*")
# Who asks is the customer of today, whatever the moment.
_TIMELESS = re.compile(r"\bhub\.current_(?:account|customer)\(")
# The name of a schema, or what could be a part of one in disguise: an escape, a quoted text, a comment.
_PRESENT = re.compile(rf"\b(?:{'|'.join(SCHEMAS)})\b|[\\$]|/\*", re.IGNORECASE)


class PresentTableError(Exception):
    """A question about the past names a table, or hides a name, in a way that would read the present."""


@dataclass(frozen=True)
class Question:
    """One file of sql/queries.

    datasets: what the answer is made of, for its `meta`.
    sql: what is prepared: each row ends with one more column, the last parameter's text, which tells whose row it is
        (see channels.py). parameters: the names of the others, in order.
    is_compact: its JSON is written as text, without a space too many. PostgreSQL's json_build_object and the like put
        spaces around colons and commas.
    """

    name: str
    datasets: tuple[str, ...] = ()
    sql: bytes = field(init=False)
    parameters: tuple[str, ...] = field(init=False)
    prepared_as: bytes = field(init=False)
    sources: bytes = field(init=False)
    is_compact: bool = field(init=False)

    def __post_init__(self) -> None:
        text = self._text()
        names = tuple(dict.fromkeys(PARAMETER.findall(text)))
        numbered = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", text)
        proven = f"SELECT answer.*, ${len(names) + 1}::text FROM (\n{numbered}\n) answer"  # noqa: S608 - of our own files alone
        object.__setattr__(self, "sql", proven.encode())
        object.__setattr__(self, "parameters", names)
        object.__setattr__(self, "prepared_as", self.label.encode())
        object.__setattr__(self, "is_compact", "json_" not in _without_comments(text))
        object.__setattr__(self, "sources", ("{" + ",".join(self.datasets) + "}").encode())

    @property
    def label(self) -> str:
        """What tells it from every other question."""
        return self.name

    def _text(self) -> str:
        return TABLE.sub(r"\1", self._written())

    def _written(self) -> str:
        return _whole(self.name)

    def bound(self, values: Mapping[str, str | None]) -> list[bytes | None]:
        """The values in the order of the statement's parameters."""
        found = [values[name] for name in self.parameters]
        return [None if value is None else value.encode() for value in found]


@dataclass(frozen=True)
class DatedQuestion(Question):
    """A question that can also be asked of a moment in the past.

    then: the same question of the tables as they were at `%(at)s` (sql/objects/past.sql); costs the customer's changes
        since then.

    Raises:
        PresentTableError: a table is named without `{}`, so that the present would answer for the past.
    """

    then: "PastQuestion" = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "then", PastQuestion(self.name, text=past_of(self._written())))


@dataclass(frozen=True)
class PastQuestion(Question):
    """What a DatedQuestion asks of the past; `text` is all of it."""

    text: str = ""

    @property
    def label(self) -> str:
        return f"{self.name}@"

    def _text(self) -> str:
        return self.text


def past_of(text: str) -> str:
    """The text of a question with each `{schema.table}` as it was at `%(at)s`.

    Raises:
        PresentTableError: it names a table in any other way, or could do so in disguise.
    """
    rest = _TIMELESS.sub("(", TABLE.sub("", _without_comments(text)))
    if found := _PRESENT.search(rest) or re.search('"', _TEXT_OR_COMMENT.sub("", rest)):
        raise PresentTableError(
            f"a question about the past may not say {found[0]!r}; tables are {{hub.invoices}} there"
        )
    return TABLE.sub(r"\1_at(%(at)s::timestamptz)", text)


def _without_comments(text: str) -> str:
    return _TEXT_OR_COMMENT.sub(lambda found: found[0] if found[0].startswith("'") else "", text)


def _whole(name: str) -> str:
    return FRAGMENT.sub(lambda found: _whole(found[1]), statement(name))
