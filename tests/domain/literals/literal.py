"""What a table of rows is made of."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from domain.common.record import Contract
from domain.common.vocabulary import FreebitVocabulary, SalesforceVocabulary, WhmcsVocabulary

Row = Mapping[str, Any]
Said = tuple[type[Contract], dict[str, Any]]

WHMCS, SALESFORCE, FREEBIT = WhmcsVocabulary(), SalesforceVocabulary(), FreebitVocabulary()

_NAMESPACE = UUID("8c5c1f5e-5b0e-5d6e-9d55-6c1f1a2b7d10")
"""Decision 0002. Every id that anybody keeps of the hub hangs on it: it never changes."""


@dataclass(frozen=True)
class Literal:
    """A row, and every record that it tells of: the contract, and its fields as far as they are not None."""

    name: str
    read: Callable[[Row], object]
    row: Row
    says: tuple[Said, ...]


@dataclass(frozen=True)
class Labels:
    """The labels that the vendor documents for a field of a row, and our word for each.

    nothing: what no label at all becomes. at: how the field is written into the row, where it is not on top.
    """

    field: str
    column: str
    read: Callable[[Row], object]
    row: Row
    words: Mapping[str, str]
    nothing: str | None = "other"
    at: Callable[[Row, str, object], Row] = lambda row, field, label: {**row, field: label}


def ours(name: str) -> UUID:
    """The hub's id of `system:kind:source id`, by the standard library."""
    return uuid5(_NAMESPACE, name)


def contracts_in(read: object) -> list[Contract]:
    """Every record in what a mapper gave, in order."""
    if isinstance(read, Contract):
        return [read]
    return [each for part in read for each in contracts_in(part)] if isinstance(read, Iterable) else []


def told(contract: Contract) -> Said:
    return type(contract), {name: value for name, value in contract.model_dump().items() if value is not None}
