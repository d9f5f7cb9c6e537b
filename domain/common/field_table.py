"""One declaration per record: each field of a contract, the fields of the source it comes from, and how it is read.

A converter is written once, for one value. Both ways of reading follow from it: `read` for a row, into the validated
contract; `read_page` for many rows, into columns of text for COPY, in which each value that comes more than once in a
column is converted once. A row that a page cannot take is refused there without a reason: `read` tells it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from itertools import accumulate, compress
from operator import itemgetter
from typing import Annotated, Any, Final, Generic, TypeVar, cast, get_args
from uuid import UUID

from pydantic import ConfigDict, TypeAdapter
from pydantic.fields import FieldInfo

from domain.common.errors import MappingError
from domain.common.failures import FieldError, broken, reason_of
from domain.common.identifiers import System
from domain.common.record import Contract

Sent = Mapping[str, Any]
"""A record as its source sent it."""

Column = Sequence[str | None]
Columns = Mapping[str, Column]
"""Of each field of a contract what it is in every row, as text that PostgreSQL reads; None: nothing."""

AnyContract = TypeVar("AnyContract", bound=Contract)
Convert = Callable[..., Any]


class _Mark(Enum):
    MISSING = "the source sent no such field"
    REFUSED = "the value cannot be represented"


MISSING: Final = _Mark.MISSING
_REFUSED: Final = _Mark.REFUSED


@dataclass(frozen=True)
class Converter:
    """From the values of some fields of a source to the value of one field of a contract, or its text.

    readers: the function that reads each of the sources.
    bind: given the operator's vocabulary, the function of the values sent (MISSING where there is none), in the order
        of `sources`. It raises ValueError where they mean nothing. Fields with the same `bind` share their conversions.
    makes: the type that the value always has. Where the contract's field has just that type, its own check is left out.
    parts, fold: where a column is made faster from the columns of other converters, these, and how.
    """

    sources: tuple[str, ...]
    readers: tuple[Convert, ...]
    bind: Callable[[Any], Convert]
    makes: Any = None
    parts: tuple["Converter", ...] = ()
    fold: Callable[..., list[str | None]] | None = None

    def then(self, change: Callable[[Any], object], *, makes: Any = None) -> "Converter":
        """The same, changed by a function of what it makes."""

        def bind(vocabulary: Any) -> Convert:
            read = self.bind(vocabulary)
            return lambda *sent: change(read(*sent))

        return Converter(self.sources, self.readers, bind, makes)

    def otherwise(self, other: "Converter") -> "Converter":
        """The same text, or where there is none (or an empty one) what the other one makes."""

        def fold(first: list[str | None], second: list[str | None]) -> list[str | None]:
            return [one or another for one, another in zip(first, second, strict=True)]

        both = combined(lambda one, another: one or another, self, other)
        return replace(both, makes=other.makes, parts=(self, other), fold=fold)

    def where(self, judge: "Converter") -> "Converter":
        """The same where the other one makes True, else nothing."""

        def fold(values: list[str | None], judged: list[str | None]) -> list[str | None]:
            if _TRUE not in judged:
                return [None] * len(values)
            return [value if each == _TRUE else None for value, each in zip(values, judged, strict=True)]

        both = combined(lambda value, judged: value if judged is True else None, self, judge)
        return replace(both, makes=self.makes | None, parts=(self, judge), fold=fold)


def reading(
    source: str, convert: Convert, *, required: bool = False, nothing: tuple[object, ...] = (), makes: Any = None
) -> Converter:
    """One field of a source, read by a function of its value; None where there is none.

    required: a row without the field is refused. nothing: values by which the source says that there is none.
    """
    return Converter((source,), (convert,), _by_itself(convert, required=required, nothing=nothing), makes)


def reading_by_words(
    source: str, bind: Callable[[Any], Convert], *, required: bool = False, makes: Any = None
) -> Converter:
    """One field of a source, read by a function that the operator's vocabulary decides."""
    return Converter((source,), (bind,), _by_words(bind, required=required), makes)


def combined(combine: Callable[..., object], *converters: Converter) -> Converter:
    """What a function makes of what several converters make."""

    def bind(vocabulary: Any) -> Convert:
        parts = [each.bind(vocabulary) for each in converters]
        ends = list(accumulate(len(each.sources) for each in converters))
        starts = [0, *ends[:-1]]
        single = len(parts) == ends[-1]

        def part(at: int, sent: Sequence[object]) -> object:
            try:
                return parts[at](*sent[starts[at] : ends[at]])
            except ValueError as error:
                name = getattr(error, "field", None) or converters[at].sources[0]
                raise FieldError(reason_of(error), name) from error

        def convert(*sent: object) -> object:
            if single:
                try:
                    made = [read(value) for read, value in zip(parts, sent, strict=True)]
                except ValueError:
                    made = [part(at, sent) for at in range(len(parts))]
            else:
                made = [part(at, sent) for at in range(len(parts))]
            return combine(*made)

        return convert

    return _of_all(converters, bind)


def combined_by_words(combine: Callable[..., object], *converters: Converter) -> Converter:
    """The same of a function that takes the operator's vocabulary as well, after the others."""

    def bind(vocabulary: Any) -> Convert:
        return combined(lambda *made: combine(*made, vocabulary), *converters).bind(vocabulary)

    return _of_all(converters, bind)


def _of_all(converters: Iterable[Converter], bind: Callable[[Any], Convert]) -> Converter:
    every = [pair for each in converters for pair in zip(each.sources, each.readers, strict=True)]
    return Converter(tuple(source for source, _ in every), tuple(reader for _, reader in every), bind)


@cache
def _by_itself(
    convert: Convert, *, required: bool, nothing: tuple[object, ...]
) -> Callable[[Any], Convert]:  # one function for all fields that are read alike
    def read(sent: object) -> object:
        if sent is MISSING or (nothing and sent in nothing):
            if required:
                raise FieldError("Field required")
            sent = None
        return convert(sent)

    if not nothing:
        read.of_what_was_sent = convert  # type: ignore[attr-defined]  # saves a call for each value of a whole column
    return lambda _: read


@cache
def _by_words(bind: Callable[[Any], Convert], *, required: bool) -> Callable[[Any], Convert]:
    return lambda vocabulary: _by_itself(bind(vocabulary), required=required, nothing=())(vocabulary)


@dataclass(frozen=True)
class ReadPage:
    """What a page brings of one record: columns, the places of the rows they tell of, and those of rows refused."""

    places: Sequence[int]
    columns: Columns
    refused: AbstractSet[int]

    def without(self, places: AbstractSet[int]) -> "ReadPage":
        """The same, without some rows of the page."""
        if places.isdisjoint(self.places):
            return self
        kept = [place not in places for place in self.places]
        columns = {name: list(compress(column, kept)) for name, column in self.columns.items()}
        return ReadPage(list(compress(self.places, kept)), columns, self.refused)


class FieldTable(Generic[AnyContract]):
    """How the records of a system become one contract.

    named_by: the field, or a function of the record, that names a record which is refused.
    unwrap: the record within what was sent; raises FieldError where there is none.
    only: records that are of another kind, by a converter that makes False, are passed over.
    requires: converters of fields that a record must have although nothing is made of them here.
    fields: a converter for each field of the contract; those that the contract gives a default may be left out, and
        `source` is the system.
    """

    def __init__(
        self,
        contract: type[AnyContract],
        system: System,
        *,
        named_by: str | Callable[[Sent], object] = "id",
        unwrap: Callable[[Sent], Sent] | None = None,
        only: Converter | None = None,
        requires: tuple[Converter, ...] = (),
        **fields: Converter,
    ) -> None:
        known = contract.model_fields
        if "source" in known:
            fields["source"] = Converter((), (), lambda _: lambda: system, System)
        wanted = {name for name, field in known.items() if field.is_required()}
        if not wanted <= fields.keys() <= known.keys():
            raise TypeError(f"{contract.__name__}: fields {sorted((wanted - fields.keys()) | (fields.keys() - known))}")
        self.contract = contract
        self.fields = {name: fields[name] for name in known if name in fields}
        self._system = system
        self._named_by = named_by
        self._unwrap = unwrap
        self._only = only
        self._requires = requires
        self._checks = {name: _check(known[name], each) for name, each in self.fields.items()}
        self._defaults = {name: _text(field.default) for name, field in known.items() if name not in fields}
        self._bound: tuple[Any, _Bound] | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The fields of the source that are read, in the order of the contract's."""
        return tuple(dict.fromkeys(source for each in self.fields.values() for source in each.sources))

    # -- one row -----------------------------------------------------------------------------------------------------

    def read(self, row: Sent, vocabulary: Any) -> AnyContract:
        """The contract that a row describes.

        Raises:
            MappingError: it cannot be represented; names the fields and never holds their values.
        """
        found = self.read_if_any(row, vocabulary)
        if found is None:
            raise MappingError(self._system, str(self._name_of(row)), "a record of another kind")
        return found

    def read_if_any(self, row: Sent, vocabulary: Any) -> AnyContract | None:
        """The same; None where it is a record of another kind."""
        bound = self._with(vocabulary)
        try:
            if bound.only is not None and not _converted(*bound.only, row):
                return None
            record = row if self._unwrap is None else self._unwrap(row)
            for each, convert in bound.requires:
                _converted(each, convert, record)
            return self.contract.model_validate(_all_converted(bound.fields, record))
        except ValueError as error:
            raise broken(self._system, self._name_of(row), error) from error

    def account_of(self, row: Sent) -> UUID | None:
        """Whose the row is, also where nothing else of it can be read; None: it does not say so."""
        field = self.fields.get("account_id")
        try:
            record = row if self._unwrap is None else self._unwrap(row)
            account = None if field is None else _converted(field, field.bind(None), record)
            return None if account is None else UUID(str(account))
        except Exception:  # noqa: BLE001 - a broken row may be broken in any way
            return None

    def _name_of(self, row: Sent) -> object:
        return row.get(self._named_by) if isinstance(self._named_by, str) else self._named_by(row)

    # -- a page ------------------------------------------------------------------------------------------------------

    def read_page(self, rows: Sequence[Sent], vocabulary: Any) -> ReadPage:
        """What the rows describe, by field. Raises nothing: a row that `read` must look at is among those refused."""
        bound = self._with(vocabulary)
        places, refused = list(range(len(rows))), set[int]()
        if bound.only is not None:
            page = _Page(rows, vocabulary)
            kind, refused = page.column(*bound.only), page.refused
            places = [place for place in places if kind[place] == _TRUE]
        records: Sequence[Sent] = rows if len(places) == len(rows) else [rows[place] for place in places]
        if self._unwrap is not None:
            records, places = self._unwrapped(records, places, refused)
        page = _Page(records, vocabulary)
        columns = {
            name: page.column(each, convert, self._checks[name]) for name, (each, convert) in bound.fields.items()
        }
        for each, convert in bound.requires:
            page.column(each, convert)
        refused |= {places[at] for at in page.refused}
        columns |= {name: [text] * len(places) for name, text in self._defaults.items()}
        return ReadPage(places, cast("Columns", columns), frozenset(refused)).without(refused)

    def _unwrapped(
        self, rows: Sequence[Sent], places: Sequence[int], refused: set[int]
    ) -> tuple[list[Sent], list[int]]:
        records, kept = [], []
        for place, row in zip(places, rows, strict=True):
            try:
                records.append(cast("Callable[[Sent], Sent]", self._unwrap)(row))
            except Exception:  # noqa: BLE001 - whatever it is, `read` tells
                refused.add(place)
            else:
                kept.append(place)
        return records, kept

    def _with(self, vocabulary: Any) -> "_Bound":
        # A run maps all its rows by one vocabulary, so the last one is kept.
        kept = self._bound
        if kept is None or (kept[0] is not vocabulary and kept[0] != vocabulary):
            # Other threads may map by another one meanwhile: ours is what we return, whatever is kept.
            self._bound = kept = (vocabulary, _Bound(self._only, self._requires, self.fields, vocabulary))
        return kept[1]


class _Bound:
    """The converters of a table, with the functions that an operator's vocabulary makes of them."""

    def __init__(
        self, only: Converter | None, requires: Iterable[Converter], fields: Mapping[str, Converter], vocabulary: Any
    ) -> None:
        self.only = None if only is None else (only, only.bind(vocabulary))
        self.requires = [(each, each.bind(vocabulary)) for each in requires]
        self.fields = {name: (each, each.bind(vocabulary)) for name, each in fields.items()}


def _all_converted(fields: Mapping[str, tuple[Converter, Convert]], record: Sent) -> dict[str, object]:
    made: dict[str, object] = {}
    reasons: list[str] = []
    for name, (each, convert) in fields.items():
        try:
            made[name] = _converted(each, convert, record)
        except FieldError as error:
            # One field of the source may be several of the contract.
            if str(error) not in reasons:
                reasons.append(str(error))
    if reasons:
        raise FieldError("; ".join(reasons))
    return made


def _converted(each: Converter, convert: Convert, record: Sent) -> object:
    """Raises FieldError, which names the field of the source."""
    try:
        return convert(*(_sent(record, source) for source in each.sources))
    except ValueError as error:
        raise FieldError(f"{getattr(error, 'field', None) or each.sources[0]}: {reason_of(error)}") from error


def _sent(record: Sent, source: str) -> object:
    """The value of a field, or of `Parent.Field`, whether the parent was sent as a record or its fields as ours."""
    parent, _, inner = source.partition(".")
    if inner and isinstance(of := record.get(parent), Mapping):
        return _sent(of, inner)
    return record.get(source, MISSING)


# Values of these types are the same in every field of a row where they are equal; 1, 1.0, True and Decimal("1.00") are
# equal to each other and not the same.
_ALIKE = frozenset({str, type(None)})


class _Page:
    """The records of a page, by field. `refused`: the places of those with a value that cannot be represented."""

    def __init__(self, records: Sequence[Sent], vocabulary: Any) -> None:
        self._records = records
        self._vocabulary = vocabulary
        self._sent: dict[str, tuple[list[Any], frozenset[type]]] = {}
        self._known: dict[object, _Known] = {}
        self.refused: set[int] = set()

    def column(self, each: Converter, convert: Convert, check: Convert | None = None) -> list[Any]:
        """What a converter makes of every record, as text."""
        if not each.sources:
            return [convert()] * len(self._records)
        if each.fold is not None and check is None:
            return each.fold(*(self.column(part, part.bind(self._vocabulary)) for part in each.parts))
        columns, kinds = zip(*map(self._values, each.sources), strict=True)
        single = len(columns) == 1
        # Fields that are read and checked alike share what they know, where equal values are the same in each.
        known = self._known.get((each.bind, check, kinds))
        if known is None:
            if single and _Mark not in kinds[0]:
                convert = getattr(convert, "of_what_was_sent", convert)
            known = self._known[each.bind, check, kinds] = _Known(convert, check, single=single)
        values = columns[0] if single else zip(*columns, strict=True)
        same = all(other <= {int, _Mark} or other <= {bool, _Mark} for other in kinds)
        made = list(map(known.__getitem__ if same else known.made, values))
        if known.refuses:
            self.refused |= {place for place, text in enumerate(made) if text is _REFUSED}
        return made

    def _values(self, source: str) -> tuple[list[Any], frozenset[type]]:
        """The values of a field, and which types are among them of which equal values may differ."""
        if source not in self._sent:
            parent, _, inner = source.partition(".")
            try:
                # The usual case first: every record has the field, or every parent.
                found = map(itemgetter(parent), self._records)
                values = list(map(itemgetter(inner), found) if inner else found)
            except (LookupError, TypeError):
                values = [_sent(record, source) for record in self._records]
            self._sent[source] = values, frozenset(set(map(type, values)) - _ALIKE)
        return self._sent[source]


class _Known(dict[Any, Any]):
    """What is made of the values of a column, by value: each is converted when it first comes."""

    def __init__(self, convert: Convert, check: Convert | None, *, single: bool) -> None:
        super().__init__()
        self.refuses = False

        def made(sent: Any) -> Any:
            try:
                value = convert(sent) if single else convert(*sent)
                if check is None:
                    return value if value.__class__ is str or value is None else _text(value)
                taken = check(value)
                # What is a text already is stored as it is.
                return value if isinstance(value, str) else _text(taken)
            except Exception:  # noqa: BLE001 - whatever it is, `read` tells
                self.refuses = True
                return _REFUSED

        self.made = made

    def __missing__(self, sent: Any) -> Any:
        made = self[sent] = self.made(sent)
        return made


_TRUE = "t"


def _text(value: object) -> str | None:
    """A value as PostgreSQL reads it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return _TRUE if value else "f"
    if isinstance(value, list):
        quoted = (each.replace("\\", r"\\").replace('"', r"\"") for each in value)
        return "{" + ",".join(f'"{each}"' for each in quoted) + "}"
    return str(value)


_QUIET = ConfigDict(hide_input_in_errors=True)


def _check(field: FieldInfo, converter: Converter) -> Callable[[object], object] | None:
    """The contract's own validator of a field; None where every value that the converter makes will pass it."""
    if converter.makes is not None and _asks_no_more(field, FieldInfo.from_annotation(converter.makes)):
        return None
    annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return cast("Callable[[object], object]", TypeAdapter(annotation, config=_QUIET).validator.validate_python)


def _asks_no_more(field: FieldInfo, made: FieldInfo) -> bool:
    if (field.annotation, field.metadata) == (made.annotation, made.metadata):
        return True
    # `T | None` takes what is surely a T.
    allowed = get_args(field.annotation)
    return (
        not field.metadata
        and type(None) in allowed
        and any(
            (each.annotation, each.metadata) == (made.annotation, made.metadata)
            for each in map(FieldInfo.from_annotation, allowed)
        )
    )
