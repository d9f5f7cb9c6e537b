"""The kinds of columns our tables are made of, each with its comment: analysts read them in the data dictionary."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Integer,
    MetaData,
    Numeric,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

NAMES = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
}

metadata = MetaData(naming_convention=NAMES)


Personal = bool | Literal["by entity", "secret"]
"""Whether a column says who a person is, how to reach them, or what they wrote. `by entity`: its keys are columns of
the table that `entity` names, and those decide. `secret`: a key, or a hash or salt of something: no analyst may read
it, and no export holds it."""


def says(personal: Personal | None, erased: str | None = None) -> dict[str, Any]:
    """The declaration from which masking, erasure and export follow (sql/personal.py); for `Column(info=...)`.

    Every column of a customer's table, or of schema auth, in which free text or bytes fit has one:
    tests/sql/test_personal.py.
    erased: what stands there once the person is erased, as SQL. Left out: nothing does, where the column is personal;
        any other column stays as it is.
    """
    found = {"personal": personal, "erased": erased}
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Kept:
    """What of an erased customer's rows stays, and why; for `Table.info["kept"]`.

    years: after the end of the business year; None: for good.
    whole: what is personal in them stays too.
    """

    what: str
    why: str
    years: int | None = None
    whole: bool = False


def text(
    name: str, comment: str, *, personal: Personal | None = None, erased: str | None = None, required: bool = False
) -> Column[str]:
    return Column(name, Text, nullable=not required, comment=comment, info=says(personal, erased))


def flag(name: str, comment: str, *, required: bool = False, default: bool | None = None) -> Column[bool]:
    stored = None if default is None else str(default).lower()
    return Column(name, Boolean, nullable=not required, server_default=stored, comment=comment)


def integer(name: str, comment: str) -> Column[int]:
    return Column(name, Integer, comment=comment)


def count(name: str, comment: str, *, start: int = 0) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=str(start), comment=comment)


def kilobytes(name: str, comment: str, *, required: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=not required, comment=comment)


def amount(name: str, comment: str, *, required: bool = False) -> Column[Any]:
    """Money, or a rate or quantity: exact, four decimals."""
    return Column(name, Numeric(18, 4), nullable=not required, comment=comment)


def json(
    name: str, comment: str, *, default: str | None = None, personal: Personal | None = None, erased: str | None = None
) -> Column[Any]:
    info = says(personal, erased)
    return Column(name, JSONB, nullable=default is None, server_default=default, comment=comment, info=info)


def currency() -> Column[str]:
    return text("currency", "ISO 4217 code of every amount in this row", personal=False, required=True)


def day(name: str, comment: str, *, required: bool = False) -> Column[Any]:
    return Column(name, Date, nullable=not required, comment=comment)


def instant(name: str, comment: str, *, required: bool = False, erased: str | None = None) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=not required, comment=comment, info=says(None, erased))


def stamp(name: str, comment: str) -> Column[Any]:
    """An instant of our own clock, now by default."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now(), comment=comment)


def due(name: str, what: str, *, from_start: bool = False) -> Column[Any]:
    """When `what` must be read next. `from_start`: a new row is due at once."""
    default = func.now() if from_start else None
    comment = f"Hub: when {what} must be read from the source next, UTC; null: never"
    return Column(name, DateTime(timezone=True), server_default=default, comment=comment)


def as_of(name: str, what: str) -> Column[Any]:
    return instant(name, f"Hub: when {what} was last read from the source, UTC; null: not yet")


def reference(name: str, comment: str, *, required: bool = False) -> Column[Any]:
    """The hub's id of another record. Not a foreign key: a child may arrive before its parent."""
    return Column(name, Uuid, nullable=not required, comment=comment)


def choice(name: str, words: Any, comment: str, *, required: bool = False, default: str | None = None) -> Column[str]:
    """One of a few words, checked by the database: a contract's Literal, or words of the hub's own.

    A `default` makes it required.
    """
    values: Sequence[str] = words if isinstance(words, tuple) else get_args(words)
    listed = ", ".join(f"'{value}'" for value in values)
    return Column(
        name,
        Text,
        CheckConstraint(f"{name} IN ({listed})", name=name),
        nullable=not required and default is None,
        server_default=default,
        comment=f"{comment}: {', '.join(values)}",
    )


def serial(comment: str) -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True, comment=comment)


def key(comment: str) -> Column[Any]:
    return Column("id", Uuid, primary_key=True, comment=comment)


def synced(source: str, record: str, *others: str) -> tuple[Column[Any], ...]:
    """What every row read from a source carries. `record` names the source's own record."""
    owners = (source, *others)
    return (
        key("Hub id: UUIDv5 of (system, kind, source_id), the same on every load"),
        choice("source", owners, "System that owns the row", required=True),
        text("source_id", f"Id of the {record} in its system", personal=False, required=True),
        instant("source_updated_at", "Last change by the source's own clock, UTC; null where it does not say"),
    )


def hub_times() -> tuple[Column[Any], ...]:
    return (
        stamp("first_seen_at", "Hub: when the row was first stored, UTC"),
        stamp("changed_at", "Hub: when the stored row last changed, UTC"),
        instant("deleted_at", "When it was deleted at the source, or found missing there, UTC; null: it exists"),
    )


def owner(system: str, *, required: bool = True) -> Column[Any]:
    comment = f"{system} account it belongs to: hub.customer_accounts.id, which may arrive later than this row"
    return reference("account_id", comment if required else f"{comment}; null: nobody's", required=required)
