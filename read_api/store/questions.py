"""Questions that the API asks the database: the files of sql/queries, prepared once per connection.

In such a file, `%(name)s` stands for a value and `{folder/file}` for the text of another file. `{hub.invoices}` stands
for that table, or, where the question is asked of a moment, for the table as it was then (past.py).
"""

import re
from collections.abc import Mapping

from sql.statements import statement

FRAGMENT = re.compile(r"\{(\w+/\w+)\}")
TABLE = re.compile(r"\{(\w+\.\w+)\}")
PARAMETER = re.compile(r"%\((\w+)\)s")

_TEXT_OR_COMMENT = re.compile(r"'(?:[^']|'')*'|--[^\n]*")


class Question:
    """One file of sql/queries.

    name: of the file, or of the `text` that is given instead; no two questions share it.
    datasets: what the answer is made of, for its `meta`; sources: the same as PostgreSQL reads it.
    text: its SQL, with the texts of other files in their places.
    sql: what is prepared: each row ends with one more column, the last parameter's text, which tells whose row it is
        (see pipelined/). parameters: the names of the others, in order.
    is_compact: its JSON is written as text, without a space too many. PostgreSQL's json_build_object and the like put
        spaces around colons and commas.
    """

    def __init__(self, name: str, datasets: tuple[str, ...] = (), *, text: str | None = None) -> None:
        self.name, self.datasets = name, datasets
        self.sources = "{" + ",".join(datasets) + "}"
        self.text = _whole(name) if text is None else text
        self.parameters = tuple(dict.fromkeys(PARAMETER.findall(self.text)))
        self.sql = self._proven().encode()
        self.prepared_as = name.encode()
        self.is_compact = "json_" not in without_comments(self.text)

    def _proven(self) -> str:
        numbers = {name: f"${number}" for number, name in enumerate(self.parameters, 1)}
        numbered = PARAMETER.sub(lambda found: numbers[found[1]], TABLE.sub(r"\1", self.text))
        return f"SELECT answer.*, ${len(numbers) + 1}::text FROM (\n{numbered}\n) answer"  # noqa: S608 - of our own files alone

    def bound(self, values: Mapping[str, str | None]) -> list[bytes | None]:
        """The values in the order of the statement's parameters."""
        found = [values[name] for name in self.parameters]
        return [None if value is None else value.encode() for value in found]


def without_comments(text: str) -> str:
    """SQL without its comments; what looks like one within a text stays."""
    return _TEXT_OR_COMMENT.sub(lambda found: found[0] if found[0].startswith("'") else "", text)


def _whole(name: str) -> str:
    return FRAGMENT.sub(lambda found: _whole(found[1]), statement(name))
