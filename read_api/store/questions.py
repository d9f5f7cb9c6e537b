"""Questions that the API asks the database: the files of sql/queries, prepared once per connection.

In such a file, `%(name)s` stands for a value and `{folder/file}` for the text of another file. `{hub.invoices}` stands
for that table, or, where the question is asked of a moment, for the table as it was then (past.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sql.statements import statement

FRAGMENT = re.compile(r"\{(\w+/\w+)\}")
TABLE = re.compile(r"\{(\w+\.\w+)\}")
PARAMETER = re.compile(r"%\((\w+)\)s")

_TEXT_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|--[^\n]*")


@dataclass(frozen=True)
class Question:
    """One file of sql/queries.

    datasets: what the answer is made of, for its `meta`.
    sql: what is prepared: each row ends with one more column, the last parameter's text, which tells whose row it is
        (see pipelined/). parameters: the names of the others, in order.
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
        object.__setattr__(self, "is_compact", "json_" not in without_comments(text))
        object.__setattr__(self, "sources", ("{" + ",".join(self.datasets) + "}").encode())

    @property
    def label(self) -> str:
        """What tells it from every other question."""
        return self.name

    def _text(self) -> str:
        return TABLE.sub(r"\1", self.written())

    def written(self) -> str:
        """The text of the file, with the texts of others in their places."""
        return _whole(self.name)

    def bound(self, values: Mapping[str, str | None]) -> list[bytes | None]:
        """The values in the order of the statement's parameters."""
        found = [values[name] for name in self.parameters]
        return [None if value is None else value.encode() for value in found]


def without_comments(text: str) -> str:
    """SQL without its comments; what looks like one within a text stays."""
    return _TEXT_OR_COMMENT.sub(lambda found: found[0] if found[0].startswith("'") else "", text)


def _whole(name: str) -> str:
    return FRAGMENT.sub(lambda found: _whole(found[1]), statement(name))
