"""What a campaign has to meet, and what it met: cells, each a kind of thing, the thing, and where or when it came.

`REQUIRED` is the one list of the cells that a run of many seeds must hit, each `ENOUGH` times. Seeds are steered to
those that are still short (actions.py), and `python -m tests.faults` fails where one stays so.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import NamedTuple
from urllib.parse import unquote_plus

from rich.table import Table

from tests.faults.commands import COMMANDS
from tests.faults.commands import FAULTS as COMMAND_FAULTS

ENOUGH = 5


class Cell(NamedTuple):
    """`group` is the kind of thing (call, data, event, kill, …), `what` the fault or change, `where` what it met."""

    group: str
    what: str
    where: str

    def __str__(self) -> str:
        return "/".join(self)


def cell(text: str) -> Cell:
    """The cell of that name, as `str` writes it."""
    group, what, where = text.split("/")
    return Cell(group, what, where)


# -- calls -----------------------------------------------------------------------------------------------------------

FAMILIES: dict[str, tuple[str, ...]] = {
    # RFC 9110 10.2.3: seconds or a date; proxies add it after the effect, too (field notes, proxies and edges).
    "5xx": (
        "status:500", "status:502", "status:503", "status:503+2", "status:503+date", "status:503+0",
        "after:502+none", "after:503", "after:503+date", "after:503+0", "html500",
    ),
    # Salesforce's edge (420), servers that wait no longer (408), replays refused (425); the hub tries all three again.
    "throttled": ("429", "status:429+0", "status:408", "status:420", "status:425"),
    # The answer of a source that did its work, lost on the way.
    "unanswered": ("timeout", "timeout_after", "cut", "drop"),
    # Log-in pages of proxies, PHP that dies, filters of hosters (reference, whmcs; sandbox/whmcs/quirks.py).
    "spoilt": ("malformed", "html200", "empty200", "doubled", "bom", "charset"),
    "late": ("slow:200", "trickle:300"),
}  # fmt: skip
MODES = tuple(mode for modes in FAMILIES.values() for mode in modes)

OBJECTS = {
    "Account": "salesforce.accounts",
    "Product2": "salesforce.products",
    "PricebookEntry": "salesforce.prices",
    "Order": "salesforce.orders",
    "OrderItem": "salesforce.order_items",
    "Case": "salesforce.cases",
    "CaseComment": "salesforce.case_comments",
}
DETAILS = {
    "GetInvoice": "whmcs.invoice_details",
    "GetClientsDetails": "whmcs.client_details",
    "GetPayMethods": "whmcs.payment_methods",
}
LISTS = {"GetInvoices": "whmcs.invoices", "GetClients": "whmcs.clients", "GetClientsProducts": "whmcs.services"}
WAYS = ("log in", "query", "list", "next page", "deletions", "bulk job", "re-read", "details")
"""Ways in which the hub asks, by which faults of calls are told apart."""


def way_of(label: str) -> tuple[str, str | None] | None:
    """The way and the data set of a call, by its label in the sandbox's log; None: it is none of the sync's."""
    if "api.php" in label:
        return _way_at_whmcs(label)
    for part, way in {"oauth2/token": "log in", "jobs/query": "bulk job", "/query/": "next page"}.items():
        if part in label:
            return way, None
    if gone := re.search(r"sobjects/(\w+)/deleted", label):
        return "deletions", OBJECTS.get(gone[1])
    named = re.search(r"FROM (\w+)(?: WHERE [\w.]+ (IN)\b)?", unquote_plus(label))
    if named is None:
        return None
    return "re-read" if named[2] else "query", OBJECTS.get(named[1])


def _way_at_whmcs(label: str) -> tuple[str, str] | None:
    action, _, parameters = label.partition("api.php ")[2].partition(" ")
    if action in DETAILS:
        return "details", DETAILS[action]
    if action not in LISTS:
        return None
    if re.search(r"\b(userid|clientid|serviceid|search)=", parameters):
        return "re-read", LISTS[action]
    start = re.search(r"limitstart=(\d+)", parameters)
    return ("next page" if start and start[1] != "0" else "list"), LISTS[action]


def met(mode: str, label: str) -> Iterator[Cell]:
    """The cells of a fault that met that call."""
    found = way_of(label)
    if found is None or mode not in MODES:
        return
    way, dataset = found
    yield Cell("call", mode, way)
    if dataset is not None:
        family = next(name for name, modes in FAMILIES.items() if mode in modes)
        yield Cell("data", family, dataset)


# -- all the rest ----------------------------------------------------------------------------------------------------

EVENT_FAULTS = ("drop", "double", "reorder", "poison")
EVENT_OBJECTS = ("Account", "Order", "OrderItem", "Case")
STREAM_FAULTS = ("disconnect", "stall", "expire", "reject_replay", "schema_change")
WEBHOOK_FAULTS = ("drop", "double", "reorder")
WEBHOOK_KINDS = ("invoice", "service", "client")
FOREIGN = ("bad signature", "old stamp", "unknown kind", "unknown record", "no JSON")
KILLS = {
    "worker": (
        "reading a poll", "writing a poll", "reading a notification", "writing a notification", "marking it applied",
        "at random",
    ),
    "listener": ("storing events", "at random"),
    "API": ("storing a webhook", "at random"),
    "Dagster run": ("reading", "writing", "at random"),
    "heal": ("reading", "writing"),
    "forwarder": ("calling", "at random"),
    "PostgreSQL": ("writing a poll", "writing a notification", "at random", "failing over"),
    "connections": ("writing a poll", "at random"),
    "everything": ("writing a poll", "writing a notification", "at random"),
}  # fmt: skip
MEETINGS = ("before a page", "after a page", "after details", "after a re-read", "after a heal's page")
"""When a change comes: before the answer to that call is made, or when it is made and has not arrived."""
BUSINESS = (
    "delete", "delete then recreate", "number given out again", "owner changed", "new invoice", "late commit",
    "same second", "claims swapped", "accounts merged", "clients merged", "client deleted", "clock step",
)  # fmt: skip
STATES = (
    "numbers=strings", "numbers=ints", "one_row=object", "one_row=keyed", "empty_list=absent", "empty_list=singular",
    "field taken away", "object taken away", "action taken away", "session over", "session over in a bulk job",
    "moved: url_not_reset", "moved: redirect", "moved: forbidden", "poisoned in a list", "poisoned in JSON",
    "poisoned details", "half an emoji", "disk full",
)  # fmt: skip
ORDERS = ("notified before the list", "list before notified", "notified again while applied", "repeated page")
"""Which way brought a change first, by the runs that wrote it and what the inbox held."""


def _required() -> Iterator[Cell]:
    for mode in MODES:
        yield from (Cell("call", mode, way) for way in WAYS)
    for family in FAMILIES:
        yield from (Cell("data", family, name) for name in (*OBJECTS.values(), *DETAILS.values(), *LISTS.values()))
    for fault in EVENT_FAULTS:
        yield from (Cell("event", fault, name) for name in EVENT_OBJECTS)
    yield from (Cell("stream", fault, "") for fault in STREAM_FAULTS)
    for fault in WEBHOOK_FAULTS:
        yield from (Cell("webhook", fault, kind) for kind in WEBHOOK_KINDS)
    yield from (Cell("foreign", name, "") for name in FOREIGN)
    for name, request in COMMANDS.items():
        yield from (Cell("command", family, f"{name}: {step}") for family in COMMAND_FAULTS for step in request.calls)
    for process, phases in KILLS.items():
        yield from (Cell("kill", process, phase) for phase in phases)
    for moment in MEETINGS:
        yield from (Cell("meets", change, moment) for change in ("change", "delete", "new owner"))
    yield from (Cell("business", name, "") for name in BUSINESS)
    yield from (Cell("state", name, "") for name in STATES)
    yield from (Cell("order", name, "") for name in ORDERS)


REQUIRED: tuple[Cell, ...] = tuple(_required())


def short(counts: Counter[Cell], without: Collection[Cell] = ()) -> list[Cell]:
    """Required cells that were not hit often enough; of those the emptiest first."""
    lacking = [each for each in REQUIRED if counts[each] < ENOUGH and each not in without]
    return sorted(lacking, key=lambda each: counts[each])


def tables(counts: Counter[Cell]) -> Iterator[Table]:
    """The counts, a table a group; a cell that is short is red, one that nobody requires is dim."""
    required = set(REQUIRED)
    for group in dict.fromkeys(each.group for each in (*REQUIRED, *counts)):
        cells = dict.fromkeys([*(c for c in REQUIRED if c.group == group), *(c for c in counts if c.group == group)])
        columns, rows = dict.fromkeys(c.where for c in cells), dict.fromkeys(c.what for c in cells)
        table = Table(title=group, title_justify="left", box=None, padding=(0, 1))
        table.add_column("")
        for column in columns:
            table.add_column(column.replace("salesforce.", "s.").replace("whmcs.", "w.") or "times", justify="right")
        for row in rows:
            table.add_row(row, *(_number(counts, Cell(group, row, column), required) for column in columns))
        yield table


def _number(counts: Counter[Cell], wanted: Cell, required: set[Cell]) -> str:
    count = counts[wanted]
    if wanted not in required:
        return f"[dim]{count}[/]" if count else ""
    return str(count) if count >= ENOUGH else f"[red]{count}[/]"
