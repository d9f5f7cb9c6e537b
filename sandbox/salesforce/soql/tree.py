"""What a SOQL statement says, once parsed. Names keep the caller's casing; offsets point into the text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

AGGREGATES = ("COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX")
Kind = Literal["string", "number", "boolean", "null", "date", "datetime", "period"]


@dataclass(frozen=True, slots=True)
class Path:
    """A field, reached through zero or more parent relationships."""

    names: tuple[str, ...]
    offset: int = 0

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Value:
    """A literal. `value` is what it means: dates and date-times as ISO text in UTC, a period as (name, count)."""

    kind: Kind
    value: object


@dataclass(frozen=True, slots=True)
class Comparison:
    path: Path
    operator: str  # one of = != < <= > >= LIKE
    value: Value


@dataclass(frozen=True, slots=True)
class Membership:
    """`path [NOT] IN (...)`; the options are literals or the rows of a subselect."""

    path: Path
    options: "tuple[Value, ...] | Query"
    negated: bool


@dataclass(frozen=True, slots=True)
class Both:
    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Either:
    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Negation:
    part: "Condition"


Condition = Comparison | Membership | Both | Either | Negation


@dataclass(frozen=True, slots=True)
class Ordering:
    path: Path
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`COUNT()` (no path, no alias), or a function of a path such as `MAX(CloseDate)`."""

    function: str  # one of AGGREGATES
    path: Path | None = None
    alias: str | None = None

    def __str__(self) -> str:
        return f"{self.function}({self.path or ''})"


@dataclass(frozen=True, slots=True)
class AllFields:
    """`FIELDS(ALL)`, `FIELDS(STANDARD)` or `FIELDS(CUSTOM)`."""

    which: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Query:
    items: "tuple[Path | Aggregate | AllFields | Query, ...]"
    source: str
    alias: str | None = None
    where: Condition | None = None
    order: tuple[Ordering, ...] = ()
    limit: int | None = None
    offset: int | None = None
    group: tuple[Path, ...] = ()
    having: Condition | None = None  # its paths may be aggregates: Path(("MAX(Amount)",))

    @property
    def is_aggregate(self) -> bool:
        return bool(self.group) or any(isinstance(item, Aggregate) for item in self.items)

    def conjuncts(self) -> Iterator[Condition]:
        """The conditions every row must meet."""
        yield from conjuncts(self.where)


def conjuncts(condition: Condition | None) -> Iterator[Condition]:
    if isinstance(condition, Both):
        for part in condition.parts:
            yield from conjuncts(part)
    elif condition is not None:
        yield condition
