"""One WHMCS install: the world as it knows it, its settings, and what its actions share."""

from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from sandbox.config import Config
from sandbox.state import Change, State
from sandbox.whmcs.listing import Base, Page, Row, laid_over
from sandbox.whmcs.params import Params, whole
from sandbox.whmcs.quirks import DEFAULTS
from sandbox.whmcs.rendering import as_json, saved
from sandbox.world import World

CURRENCY = "JPY"
GATEWAYS = {"stripe": "Stripe", "mailin": "Bank Transfer"}


class ApiError(Exception):
    """A business error: HTTP 200, result=error, this message."""


class Install:
    """What every action needs."""

    def __init__(self, world: World, state: State, config: Config) -> None:
        self.world = world
        self.state = state
        self.config = config
        self.zone = ZoneInfo(config.whmcs_timezone)

    def quirk(self, name: str) -> str:
        return self.state.quirks.get(name, DEFAULTS[name])

    @property
    def entities(self) -> bool:
        return self.quirk("entities") == "on"

    def saved(self, text: str) -> str:
        return saved(text, entities=self.entities)

    def now(self) -> datetime:
        """The install's own time, with its zone."""
        return self.state.clock.now().astimezone(self.zone)

    def local(self, instant: datetime) -> str:
        return f"{instant.astimezone(self.zone):%Y-%m-%d %H:%M:%S}"

    def change(self, kind: str, record_id: int) -> Change | None:
        return self.state.overlay.get("whmcs", kind, str(record_id))

    def is_deleted(self, kind: str, record_id: int) -> bool:
        change = self.change(kind, record_id)
        return change is not None and change.deleted

    def with_changes(self, kind: str, record_id: int, row: Row) -> Row:
        """The row with what the overlay says of the fields it has."""
        change = self.change(kind, record_id)
        return row if change is None else {**row, **{k: v for k, v in change.fields.items() if k in row}}

    def span(self, params: Params) -> tuple[int, int]:
        """(limitstart, limitnum) as asked, never negative."""
        count = max(0, whole(params, "limitnum", 25)) or 25
        most = int(self.quirk("max_rows"))
        return max(0, whole(params, "limitstart")), min(count, most) if most else count

    def page(
        self,
        base: Base,
        params: Params,
        *,
        kind: str,
        names: tuple[str, str],
        first_id: int,
        render: Callable[[Iterator[int]], Iterator[str]],
        row_of: Callable[[int, Change], Row],
        fits: Callable[[Row], bool] = lambda _: True,
        concerns: Callable[[int, Change], bool] | None = None,
        more: Row | None = None,
        counts_as_text: bool = False,
        empty: str | None = '""',
    ) -> Page:
        """The page of a list that `params` asks for; `names` are (plural, singular).

        `concerns`: whether a changed record may be on the list at all, by its id; cheaper than to build its row.
        """
        start, count = self.span(params)
        changes = self.state.overlay.changed("whmcs", kind)
        if concerns is not None:
            changes = {key: change for key, change in changes.items() if concerns(int(key), change)}
        total, rows = laid_over(
            base, start, count, render=render, changes=changes, first_id=first_id, row_of=row_of, fits=fits
        )
        return Page(*names, total, start, rows, more or {}, counts_as_text, empty)


def rendered(row: Callable[[int], Row]) -> Callable[[Iterator[int]], Iterator[str]]:
    """A renderer of numbers from a builder of rows."""
    return lambda numbers: (as_json(row(number)) for number in numbers)
