"""SOQL text cut into tokens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.salesforce.errors import malformed_query

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>[+-]?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*)
    | (?P<symbol><=|>=|<>|!=|[=<>(),:])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    kind: str  # string datetime date number name symbol end
    text: str
    offset: int

    def says(self, *words: str) -> bool:
        """Whether this is one of the given keywords or symbols (upper case)."""
        return self.kind in {"name", "symbol"} and self.text.upper() in words


def tokens(soql: str) -> Iterator[Token]:
    """The statement's tokens, then one of kind "end".

    Raises:
        SalesforceError: MALFORMED_QUERY at the first character that begins no token.
    """
    position = 0
    while position < len(soql):
        match = _TOKEN.match(soql, position)
        if match is None or match.lastgroup is None:
            raise malformed_query(
                soql, position, f"line 1:{position} no viable alternative at character '{soql[position]}'"
            )
        if match.lastgroup != "space":
            yield Token(match.lastgroup, match.group(), position)
        position = match.end()
    yield Token("end", "<EOF>", len(soql))
