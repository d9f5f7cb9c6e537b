"""Questions that the API asks the database: the files of sql/queries, prepared once per connection."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sql.statements import statement

FRAGMENT = re.compile(r"\{(\w+/\w+)\}")
PARAMETER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True)
class Question:
    """One file of sql/queries. `{folder/file}` in it stands for the text of another file, `%(name)s` for a value.

    datasets: what the answer is made of, for its `meta`.
    """

    name: str
    datasets: tuple[str, ...] = ()
    sql: bytes = field(init=False)
    parameters: tuple[str, ...] = field(init=False)
    prepared_as: bytes = field(init=False)
    sources: bytes = field(init=False)

    def __post_init__(self) -> None:
        text = self._text()
        names = tuple(dict.fromkeys(PARAMETER.findall(text)))
        numbered = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", text)
        object.__setattr__(self, "sql", numbered.encode())
        object.__setattr__(self, "parameters", names)
        object.__setattr__(self, "prepared_as", self.label.encode())
        object.__setattr__(self, "sources", ("{" + ",".join(self.datasets) + "}").encode())

    @property
    def label(self) -> str:
        """What tells it from every other question."""
        return self.name

    def _text(self) -> str:
        return _whole(self.name)

    def bound(self, values: Mapping[str, str | None]) -> list[bytes | None]:
        """The values in the order of the statement's parameters."""
        found = [values[name] for name in self.parameters]
        return [None if value is None else value.encode() for value in found]


def _whole(name: str) -> str:
    return FRAGMENT.sub(lambda found: _whole(found[1]), statement(name))
