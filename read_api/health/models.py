"""Wire models of health."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from read_api.http.wire import Wire


class Live(Wire, frozen=True):
    """The process answers."""

    status: Literal["live"]


class Database(Wire, frozen=True):
    """The database, as the API sees it."""

    reachable: bool
    migration_level: Annotated[str | None, Meta(description="Level it is at; null: never migrated or not reachable")]
    needed_level: Annotated[str, Meta(description="Level this release needs")]


class DataSet(Wire, frozen=True):
    """How old one data set is."""

    dataset: Annotated[str, Meta(examples=["whmcs.invoices"])]
    system: Annotated[str, Meta(examples=["whmcs"])]
    as_of: Annotated[datetime | None, Meta(description="Moment up to which it is known, UTC; null: never read")]
    age_seconds: int | None
    target_seconds: Annotated[int, Meta(description="How old it may be")]
    stale: bool
    parked: Annotated[bool, Meta(description="Reading it is given up until an operator looks: `hub status` says why")]


class Ready(Wire, frozen=True):
    """Whether the API can answer. Old data does not make it unready: it says how old it is.

    `degraded`: it can, but a data set is parked, so an operator is needed.
    """

    status: Literal["ready", "degraded", "not_ready"]
    database: Database
    datasets: list[DataSet]
