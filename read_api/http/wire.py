"""Wire models that every feature uses. Names on the wire are camelCase."""

from datetime import datetime
from typing import Annotated, Any

from litestar.params import Parameter
from msgspec import Meta, Struct, defstruct

Limit = Annotated[int, Parameter(ge=1, le=100, description="Rows per page")]
Cursor = Annotated[str | None, Parameter(description="`page.next` of the page before, with the same filters and order")]


class Wire(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Read-only JSON; a field that is not known here is an error."""


class Money(Wire, frozen=True):
    """An amount and its currency."""

    value: Annotated[float, Meta(description="Amount in `currency`", examples=[1100])]
    currency: Annotated[str, Meta(description="ISO 4217 code", examples=["JPY"])]


class BilledMoney(Wire, frozen=True):
    """An amount in the currency that its customer is billed in."""

    value: Annotated[float, Meta(description="Amount in `currency`", examples=[1100])]
    currency: Annotated[
        str | None, Meta(description="ISO 4217 code; null: the billing system has not told it yet", examples=["JPY"])
    ]


class Freshness(Wire, frozen=True):
    """How old the data behind an answer is."""

    as_of: Annotated[datetime | None, Meta(description="Moment up to which it is known, UTC; null: never read")]
    age_seconds: Annotated[int | None, Meta(description="Seconds since then", examples=[42])]
    stale: Annotated[bool, Meta(description="Whether it is older than it should be")]
    historical: Annotated[bool, Meta(description="True: `asOf` was asked for, and this is what was known then")] = False


class PageInfo(Wire, frozen=True):
    """Where a list goes on."""

    next: Annotated[str | None, Meta(description="`cursor` of the next page; null: this is the last")]
    limit: Annotated[int, Meta(description="Rows per page asked for", examples=[25])]


class Listed(Wire, frozen=True):
    """What every list says beside its rows."""

    page: PageInfo
    meta: Freshness


class Single(Wire, frozen=True):
    """What every single thing says beside itself."""

    meta: Freshness


def page_of(row: type[Wire], name: str, about: str) -> type[Listed]:
    """The model of a page whose `data` are such rows."""
    return _with_data(list[row], name, about, Listed)  # type: ignore[valid-type]


def one_of(thing: type[Wire], name: str, about: str) -> type[Single]:
    """The model of an answer whose `data` is one such thing."""
    return _with_data(thing, name, about, Single)


def _with_data(data: Any, name: str, about: str, beside: type[Any]) -> type[Any]:
    documented = {"__doc__": about}
    return defstruct(name, [("data", data)], bases=(beside,), namespace=documented, module=__name__, frozen=True)
