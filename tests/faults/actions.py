"""What happens in a seed, drawn before anything is played: a list of actions that can be kept, cut short and replayed.

A seed and the cells it is asked for (`cells`) always give the same list. Half of the draws go to the cells, for as
long as there are some; the others come by weight.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.faults.commands import COMMANDS
from tests.faults.commands import FAULTS as COMMAND_FAULTS
from tests.faults.coverage import (
    DETAILS,
    EVENT_FAULTS,
    EVENT_OBJECTS,
    FAMILIES,
    FOREIGN,
    KILLS,
    LISTS,
    MEETINGS,
    MODES,
    OBJECTS,
    STREAM_FAULTS,
    WEBHOOK_FAULTS,
    WEBHOOK_KINDS,
    Cell,
)

Facts = dict[str, Any]
Records = Mapping[str, Sequence[str]]

PAUSE_SECONDS = 0.25
LARGEST_SKEW_SECONDS = 90.0
LATEST_COMMIT_SECONDS = 300.0
"""With the skew twice and a seed's own time, still within the hub's overlap of ten minutes."""
CHANGED = {
    "Account": "Name", "Case": "Subject", "Order": "Status", "OrderItem": "Quantity",
    "invoice": "total", "service": "status", "client": "companyname", "pay_method": "description",
}  # fmt: skip
SALESFORCE = ("Account", "Case", "Order", "OrderItem")
DRIFTS = {
    "numbers=strings": {"numbers": "strings"},
    "numbers=ints": {"numbers": "ints"},
    "one_row=object": {"one_row": "object"},
    "one_row=keyed": {"one_row": "keyed"},
    "empty_list=absent": {"empty_list": "absent"},
    "empty_list=singular": {"empty_list": "singular"},
    "field taken away": {"salesforce.hidden_fields": "Case.Subject"},
    "object taken away": {"salesforce.hidden_objects": "Case"},
    "action taken away": {"forbidden": "GetInvoices"},
}


@dataclass(frozen=True)
class Action:
    """One thing that happens: what plays it (`Play.<name>`), with which facts, and the pause after it in seconds."""

    name: str
    facts: Facts = field(default_factory=dict)
    pause: float = 0.0


@dataclass(frozen=True)
class Call:
    """How to meet a kind of call: a text of its label, and what makes the hub ask (a notification, a full read)."""

    match: str
    way: str
    dataset: str = ""
    notified: str = ""
    full: str = ""


def _calls() -> tuple[Call, ...]:
    calls = [
        Call("oauth2/token", "log in", notified="session"),
        Call("jobs/query", "bulk job", full="salesforce.order_items"),
        Call("/query/01g", "next page", full="salesforce.cases"),
        Call("GetInvoices orderby=id order=asc limitstart=5 ", "next page", "whmcs.invoices", full="whmcs.invoices"),
        Call("GetClientsProducts limitstart=5 ", "next page", "whmcs.services"),
        Call("GetClients orderby=id limitstart=5 ", "next page", "whmcs.clients"),
        Call("GetInvoices status=Unpaid orderby=id order=asc limitstart=0 ", "list", "whmcs.invoices"),
        Call("GetClientsProducts limitstart=0 ", "list", "whmcs.services"),
        Call("GetClients orderby=id limitstart=0 ", "list", "whmcs.clients"),
        Call("GetInvoices userid=", "re-read", "whmcs.invoices", notified="invoice"),
        Call("GetClients search=", "re-read", "whmcs.clients", notified="client"),
        Call("GetClientsProducts serviceid=", "re-read", "whmcs.services", notified="service"),
        Call("GetInvoice invoiceid=", "details", "whmcs.invoice_details", notified="invoice"),
        Call("GetClientsDetails clientid=", "details", "whmcs.client_details", notified="client"),
        Call("GetPayMethods clientid=", "details", "whmcs.payment_methods", notified="pay_method"),
    ]
    for name, dataset in OBJECTS.items():
        calls.append(Call(f"FROM+{name}+WHERE+SystemModstamp", "query", dataset))
        calls.append(Call(f"sobjects/{name}/deleted", "deletions", dataset))
        if name in SALESFORCE:
            calls.append(Call(f"FROM+{name}+WHERE+Id+IN", "re-read", dataset, notified=name))
    return tuple(calls)


CALLS = _calls()
PAGES = {
    "invoice": "GetInvoices status=Unpaid orderby=id order=asc limitstart=5 ",
    "service": "GetClientsProducts limitstart=5 ",
    "Case": "/query/01g",
}
HEALED = {"invoice": "GetInvoices orderby=id order=asc limitstart=5 ", "Case": "/query/01g"}
READ_WHOLE = {"invoice": "whmcs.invoices", "service": "whmcs.services", "Case": "salesforce.cases"}
REREADS = {
    "invoice": "GetInvoices userid=", "service": "GetClientsProducts serviceid=", "Case": "FROM+Case+WHERE+Id+IN",
}  # fmt: skip


def drawn(seed: int, cells: Sequence[Cell], records: Records, count: int) -> list[Action]:
    """The actions of a seed. `records`: ids by kind, of what the hub came to know before it."""
    return _Draw(random.Random(seed), records).actions(cells, count)


def to_json(actions: Sequence[Action]) -> list[Facts]:
    return [asdict(each) for each in actions]


def from_json(content: Sequence[Facts]) -> list[Action]:
    return [Action(**each) for each in content]


class _Draw:
    """Draws actions; whatever is left to chance is decided here and stands in the action."""

    def __init__(self, chance: random.Random, records: Records) -> None:
        self.random = chance
        self.records = records

    def actions(self, cells: Sequence[Cell], count: int) -> list[Action]:
        ordinary: list[tuple[int, Callable[[], Action]]] = [
            (16, self.change),
            (10, self.business),
            (12, self.call_fault),
            (3, self.meeting),
            (5, self.event_fault),
            (3, self.stream_fault),
            (4, self.webhook_fault),
            (1, self.foreign),
            (3, self.state),
            (5, self.kill),
            (4, self.ask),
            (1, self.notified_again),
            (1, self.repeated_page),
        ]
        weights, choices = zip(*ordinary, strict=True)
        left, made = list(cells), list[Action]()
        for number in range(count):
            # Every other one for a cell; changes in between, for a fault that meets nothing shows nothing.
            if left and number % 2:
                made.append(self.aimed_at(left.pop(self.random.randrange(len(left)))))
            else:
                made.append(self.random.choices(choices, weights)[0]())
        return made

    def aimed_at(self, cell: Cell) -> Action:
        """An action that may hit that cell."""
        if cell.group in {"call", "data"}:
            return self.call_fault(cell)
        by_group: dict[str, Callable[[Cell], Action]] = {
            "event": lambda cell: self.event_fault(cell.what, cell.where),
            "stream": lambda cell: self.stream_fault(cell.what),
            "webhook": lambda cell: self.webhook_fault(cell.what, cell.where),
            "foreign": lambda cell: self.foreign(cell.what),
            "command": lambda cell: self.ask(cell.what, cell.where),
            "kill": lambda cell: self.kill(cell.what, cell.where),
            "meets": lambda cell: self.meeting(cell.what, cell.where),
            "business": lambda cell: self.business(cell.what),
            "state": lambda cell: self.state(cell.what),
            "order": lambda cell: {
                "notified again while applied": self.notified_again,
                "repeated page": self.repeated_page,
            }.get(cell.what, self.change)(),
        }
        return by_group[cell.group](cell)

    # -- the business ------------------------------------------------------------------------------------------------

    def change(self) -> Action:
        return self.made("change", change=self.changed(self.random.choice(list(CHANGED))))

    def business(self, name: str | None = None) -> Action:
        weighted = {
            "delete": (4, self.delete),
            "delete then recreate": (3, self.recreate),
            "number given out again": (1, self.given_again),
            "owner changed": (2, self.new_owner),
            "new invoice": (4, self.new_invoice),
            "late commit": (4, self.late_commit),
            "same second": (4, self.same_second),
            "claims swapped": (1, self.claims),
            "accounts merged": (1, self.merged_accounts),
            "clients merged": (1, self.merged_clients),
            "client deleted": (1, self.client_deleted),
            "clock step": (2, self.clock_step),
        }
        name = name or self.random.choices(list(weighted), [weight for weight, _ in weighted.values()])[0]
        return weighted[name][1]()

    def delete(self) -> Action:
        kind = self.random.choice(["Case", "invoice", "service"])
        return self.made("delete", kind=kind, record=self.some(kind))

    def recreate(self) -> Action:
        """Deleted, then there again, as an undelete."""
        kind = self.random.choice(["Case", "invoice"])
        return self.made("recreate", change=self.changed(kind))

    def given_again(self) -> Action:
        """A number of a deleted invoice that is given out again, to somebody else."""
        change = self.changed("invoice")
        return self.made("recreate", change=change | {"fields": change["fields"] | {"userid": self.some("client")}})

    def new_owner(self) -> Action:
        kind = self.random.choice(["invoice", "Case"])
        return self.made("new_owner", change=self.owned(kind))

    def new_invoice(self) -> Action:
        number = str(90_000_000 + self.random.randint(1, 9_000_000))
        return self.made("new_invoice", record=number, client=self.some("client"), total=self.amount())

    def late_commit(self) -> Action:
        """A change that becomes visible with a stamp older than others that were read already, and tells nobody."""
        return self.made("late_commit", change=self.changed("Case"), late=self.between(60, LATEST_COMMIT_SECONDS))

    def same_second(self) -> Action:
        """Records that share a second, one of them changed twice in it; of the second we may not be notified."""
        kind = self.random.choice(["Case", "invoice"])
        first = [self.changed(kind) for _ in range(3)]
        again = self.changed(kind) | {"record": first[0]["record"]}
        notified, apart = self.random.random() < 0.5, self.between(0, 0.3)
        return self.made("same_second", changes=first, again=again, notified=notified, apart=apart)

    def claims(self) -> Action:
        return self.made("claims", accounts=self.random.sample(list(self.records["Account"]), 2))

    def merged_accounts(self) -> Action:
        loser, winner = self.random.sample(list(self.records["Account"]), 2)
        return self.made("merged_accounts", loser=loser, winner=winner)

    def merged_clients(self) -> Action:
        loser, winner = self.random.sample(list(self.records["client"]), 2)
        return self.made("merged_clients", loser=loser, winner=winner)

    def client_deleted(self) -> Action:
        return self.made("client_deleted", client=self.some("client"))

    def clock_step(self) -> Action:
        """The sources' clocks jump: ahead of ours, or behind."""
        return self.made("clock_step", skew=self.between(-LARGEST_SKEW_SECONDS, LARGEST_SKEW_SECONDS))

    # -- faults ------------------------------------------------------------------------------------------------------

    def call_fault(self, cell: Cell | None = None) -> Action:
        """A fault waits for a call; what makes the hub ask comes with it."""
        calls: Sequence[Call] = CALLS
        modes: Sequence[str] = MODES
        if cell is not None and cell.group == "call":
            calls, modes = [each for each in CALLS if each.way == cell.where], [cell.what]
        elif cell is not None:
            calls, modes = [each for each in CALLS if each.dataset == cell.where], FAMILIES[cell.what]
        call = self.random.choice(calls)
        change = self.changed(call.notified) if call.notified in CHANGED else None
        return self.made(
            "call_fault", match=call.match, mode=self.random.choice(modes), times=self.random.choice([1, 1, 1, 2, 3]),
            session=call.notified == "session", full=call.full, change=change,
        )  # fmt: skip

    def meeting(self, what: str | None = None, where: str | None = None) -> Action:
        """A change at a moment of a read that is under way."""
        where = where or self.random.choice(MEETINGS)
        what = what or self.random.choice(["change", "delete", "new owner"])
        if where == "after details":
            kind, match = "invoice", "GetInvoice invoiceid={}"
        elif where == "after a re-read":
            kind = self.random.choice([each for each in REREADS if what != "new owner" or each != "service"])
            match = REREADS[kind]
        elif where == "after a heal's page":
            kind = self.random.choice(list(HEALED))
            match = HEALED[kind]
        else:
            kind = self.random.choice([each for each in PAGES if what != "new owner" or each != "service"])
            match = PAGES[kind]
        change = self.owned(kind) if what == "new owner" else self.changed(kind)
        if where.endswith("page") and kind == "invoice":
            change["record"] = self.random.choice(list(self.records["invoice"])[:5])
        return self.made(
            "meeting", what=what, where=where, match=match.format(change["record"]), change=change,
            first=self.changed(kind) | {"record": change["record"]}, full=READ_WHOLE[kind],
        )  # fmt: skip

    def notified_again(self) -> Action:
        """A record of which we are notified once more while the notification before is being applied."""
        kind = self.random.choice(list(REREADS))
        first = self.changed(kind)
        return self.made("notified_again", change=first, again=self.changed(kind) | {"record": first["record"]},
                         match=REREADS[kind])  # fmt: skip

    def repeated_page(self) -> Action:
        kind = self.random.choice(list(HEALED))
        return self.made("repeated_page", match=HEALED[kind], full=READ_WHOLE[kind])

    def event_fault(self, mode: str | None = None, kind: str | None = None) -> Action:
        mode, kind = mode or self.random.choice(EVENT_FAULTS), kind or self.random.choice(EVENT_OBJECTS)
        return self.made("event_fault", mode=mode, change=self.changed(kind))

    def stream_fault(self, mode: str | None = None) -> Action:
        return self.made("stream_fault", mode=mode or self.random.choice(STREAM_FAULTS))

    def webhook_fault(self, mode: str | None = None, kind: str | None = None) -> Action:
        mode, kind = mode or self.random.choice(WEBHOOK_FAULTS), kind or self.random.choice(WEBHOOK_KINDS)
        return self.made("webhook_fault", mode=mode, change=self.changed(kind))

    def foreign(self, what: str | None = None) -> Action:
        event_id = f"{self.random.getrandbits(128):032x}"
        return self.made("foreign", what=what or self.random.choice(FOREIGN), event_id=event_id)

    def ask(self, family: str | None = None, where: str | None = None) -> Action:
        """A customer sends a command, and a fault waits for one of its calls."""
        name, _, step = (where or "").partition(": ")
        name = name or self.random.choice(list(COMMANDS))
        return self.made(
            "ask", what=name, number=self.random.randint(1, 99_999),
            step=step or self.random.choice(list(COMMANDS[name].calls)),
            mode=self.random.choice(COMMAND_FAULTS[family or self.random.choice(list(COMMAND_FAULTS))]),
            again=self.random.random() < 0.2,
        )  # fmt: skip

    def state(self, what: str | None = None) -> Action:
        others: dict[str, Callable[[], Action]] = {
            "session over": lambda: self.made("session_over"),
            "session over in a bulk job": lambda: self.made("session_over_in_bulk"),
            "moved: url_not_reset": lambda: self.made("moved", answer="url_not_reset"),
            "moved: redirect": lambda: self.made("moved", answer="redirect"),
            "moved: forbidden": lambda: self.made("moved", answer="forbidden"),
            "poisoned in a list": lambda: self.poisoned("fatal"),
            "poisoned in JSON": lambda: self.poisoned("unencodable"),
            "poisoned details": lambda: self.made("poisoned_details", change=self.changed("invoice")),
            "half an emoji": lambda: self.made("half_an_emoji", record=self.some("Case")),
            "disk full": lambda: self.made("disk_full", seconds=self.between(0.3, 1.0)),
        }
        what = what or self.random.choice([*DRIFTS, *others])
        return others[what]() if what in others else self.made("drift", what=what)

    def poisoned(self, quirk: str) -> Action:
        kind = self.random.choice(["invoice", "service"])
        return self.made("poisoned", quirk=quirk, kind=kind, record=self.some(kind))

    def kill(self, process: str | None = None, phase: str | None = None) -> Action:
        weights = {"worker": 8, "listener": 4, "API": 1, "Dagster run": 2, "heal": 1, "forwarder": 2, "PostgreSQL": 1,
                   "connections": 2, "everything": 1}  # fmt: skip
        process = process or self.random.choices(list(weights), list(weights.values()))[0]
        phase = phase or self.random.choice(KILLS[process])
        kind = self.random.choice(["Case", "invoice"])
        return self.made("kill", process=process, phase=phase, change=self.changed(kind),
                         after=self.between(0.3, 3.0))  # fmt: skip

    # -- small things ------------------------------------------------------------------------------------------------

    def made(self, name: str, **facts: Any) -> Action:
        return Action(name, facts, round(self.random.uniform(0, PAUSE_SECONDS), 3))

    def some(self, kind: str) -> str:
        """The id of some record that the hub came to know at the beginning."""
        return self.random.choice(list(self.records[kind]))

    def changed(self, kind: str) -> Facts:
        """Another value in a record's own words."""
        number = self.random.randint(1, 99_999)
        value: Any = {
            "Account": f"Name {number} & Söhne <{number}>",
            "Case": f"Subject “{number}” 件名",
            "invoice": f"{number}.00",
            "Order": self.random.choice(["Draft", "Approved", "Processed", "Never heard of"]),
            "OrderItem": number % 9 + 1, "client": f"Company {number} & 子会社", "pay_method": f"Card {number}",
            "service": self.random.choice(["Active", "Suspended", "Never heard of"]),
        }[kind]  # fmt: skip
        return {"kind": kind, "record": self.some(kind), "fields": {CHANGED[kind]: value}}

    def owned(self, kind: str) -> Facts:
        """Another owner, as when clients are merged: the former one sees the record no more."""
        field, owner = {"invoice": ("userid", "client"), "Case": ("AccountId", "Account")}[kind]
        return {"kind": kind, "record": self.some(kind), "fields": {field: self.some(owner)}}

    def amount(self) -> str:
        return f"{self.random.randint(1, 99_999)}.00"

    def between(self, low: float, high: float) -> float:
        return round(self.random.uniform(low, high), 3)


__all__ = ["DETAILS", "LISTS", "Action", "drawn", "from_json", "to_json"]
