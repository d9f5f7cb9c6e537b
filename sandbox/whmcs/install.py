"""One WHMCS install: the world as it knows it, its settings, and what its actions share."""

from collections.abc import Callable, Collection, Container, Iterator
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sandbox.config import Config
from sandbox.state import Change, State
from sandbox.whmcs.listing import Base, Page, Row, laid_over
from sandbox.whmcs.params import Params, whole
from sandbox.whmcs.quirks import DEFAULTS
from sandbox.whmcs.rendering import as_json, as_texts, saved
from sandbox.world import World

CURRENCY = "JPY"
GATEWAYS = {"stripe": "Stripe", "mailin": "Bank Transfer"}


class ApiError(Exception):
    """A business error: HTTP 200, result=error, this message."""


class Owner(NamedTuple):
    """Whose records are asked for: created ones say `value` in `field`; `numbers` are those of the world's."""

    field: str
    value: str
    numbers: Container[int]


class Install:
    """What every action needs."""

    def __init__(self, world: World, state: State, config: Config) -> None:
        self.world = world
        self.state = state
        self.config = config
        self.zone = ZoneInfo(config.whmcs_timezone)
        self._last_ids: dict[str, int] = {}
        self._resets = state.resets

    def quirk(self, name: str) -> str:
        return self.state.quirks.get(name, DEFAULTS[name])

    def allow_qty(self, pid: int) -> int:
        """The product's setting "Allow Multiple Quantities": 0 no, 1 multiple services, 2 a scaling service."""
        settings = dict(each.split("=") for each in self.quirk("allow_qty").split())
        return int(settings.get(str(pid), 2))

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

    def stamp(self) -> str:
        """Now, as a row says it."""
        return self.local(self.state.clock.now())

    def new_id(self, kind: str, first_free: int) -> int:
        """An id that neither the world (its ids end before `first_free`) nor the overlay has, nor ever had."""
        if self._resets != self.state.resets:
            self._resets = self.state.resets
            self._last_ids.clear()
        taken = self.state.overlay.changed("whmcs", kind)
        found = max(self._last_ids.get(kind, 0) + 1, first_free)
        while str(found) in taken:
            found += 1
        self._last_ids[kind] = found
        return found

    def put(self, kind: str, record_id: int, **fields: object) -> None:
        """Change or create a record. Fields that begin with "_" are for the emulator alone."""
        self.state.overlay.put("whmcs", kind, str(record_id), fields)

    def note(self, kind: str, record_id: object, marker: str | None = None, **detail: object) -> None:
        """Write an effect into the ledger."""
        self.state.ledger.add("whmcs", kind, record_id, marker, **detail)

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
        fits: Callable[[Row], bool] | None = None,
        more: Row | None = None,
        counts_as_text: str = "",
        empty: str | None = '""',
        owner: Owner | None = None,
        only: int = 0,
        texts: Collection[str] = (),
    ) -> Page:
        """The page of a list that `params` asks for; `names` are (plural, singular); `only`: the one id asked for.

        `texts`: the columns that come as texts in a row of the overlay's, as `render` writes them in the others.
        """
        start, count = self.span(params)
        changes = self.state.overlay.changed("whmcs", kind)
        if only:
            changes = {key: change for key in (str(only),) if (change := changes.get(key))}
        elif owner is not None:  # what others' records have become need not be looked at
            changes = {key: c for key, c in changes.items() if _is_of(owner, int(key) - first_id, c)}

        def shown(record_id: int, change: Change) -> Row:
            return as_texts(row_of(record_id, change), texts)

        total, rows = laid_over(
            base, start, count, render=render, changes=changes, first_id=first_id, row_of=shown, fits=fits
        )
        return Page(*names, total, start, rows, more or {}, counts_as_text, empty)


def rendered(row: Callable[[int], Row], texts: Collection[str] = ()) -> Callable[[Iterator[int]], Iterator[str]]:
    """A renderer of numbers from a builder of rows; the columns `texts` come as texts."""
    return lambda numbers: (as_json(as_texts(row(number), texts)) for number in numbers)


def _is_of(owner: Owner, number: int, change: Change) -> bool:
    given = change.fields.get(owner.field)
    return number in owner.numbers if given is None else str(given) == owner.value
