"""One seed of the fault campaign: a business changes, sources fail, processes are killed; then a verdict.

The sandbox is the truth. Whatever happened on the way, once it is quiet the hub must hold what the sandbox holds, and
its API must show each customer what is theirs and nothing else.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from typing import Any

import httpx
import psycopg

from domain.common.identifiers import System
from pipelines.datasets import datasets_of
from pipelines.events.service import TICKING
from pipelines.resources import source_of
from pipelines.sync.dataset import Dataset, Source
from pipelines.sync.heal import heal
from pipelines.sync.reconcile import reconcile
from pipelines.sync.run import run
from tests.faults import processes
from tests.faults.stage import Stage, given
from tests.faults.truth import asked_of_the_api

ACTIONS = 40
QUIET_SECONDS = 120.0
PAUSE_SECONDS = 0.25

CALLS = (
    "/services/data", "/query", "deleted", "jobs/query", "oauth2",
    "api.php", "GetInvoices", "GetInvoice ", "GetClients", "GetClientsProducts",
)  # fmt: skip
CALL_FAULTS = {
    "429": "429",
    "status:500": "5xx",
    "status:502": "5xx",
    "status:503": "5xx",
    "timeout": "timeout",
    "timeout_after": "timeout after effect",
    "cut": "connection cut",
    "drop": "connection cut",
    "malformed": "truncated JSON",
    "html500": "HTML 500",
    "slow:200": "slow answer",
    "repeat": "repeated page",
}
# What calls for a page that is not the first say of themselves.
PAGES: dict[System, str] = {"salesforce": "/query/01g", "whmcs": "GetInvoices orderby=id order=asc limitstart=5 "}
EVENT_FAULTS = {"drop": "event dropped", "double": "event doubled", "reorder": "events reordered"}
STREAM_FAULTS = {"disconnect": "stream cut", "expire": "events expired", "reject_replay": "position refused"}
WEBHOOK_FAULTS = {"drop": "webhook dropped", "double": "webhook doubled", "reorder": "webhooks reordered"}
DRIFTS = (
    {"numbers": "strings"}, {"numbers": "ints"}, {"one_row": "object"}, {"one_row": "keyed"}, {"empty_list": "absent"},
    {"empty_list": "singular"}, {"salesforce.hidden_fields": "Case.Subject"},
)  # fmt: skip
UNDRIFTED = {
    "numbers": "documented", "one_row": "array", "empty_list": "documented", "salesforce.hidden_fields": "",
    "salesforce.query_rows": "2000",
}  # fmt: skip
NEVER = datetime.max.replace(tzinfo=UTC)
LARGEST_SKEW_SECONDS = 90.0
LATEST_COMMIT_SECONDS = 300.0
"""With the skew twice and a seed's own time, still within the hub's overlap of ten minutes."""


@dataclass
class Verdict:
    """What a seed ended with, in rows; all but `healed` must be 0.

    `stuck`: data sets that no tick brought up to date once nothing failed any more, and what still waited.
    `healed`: what only the reconcile found. `done`: what happened, by name. `died`: processes that ended by themselves.
    """

    seed: int
    lost: int = 0
    duplicated: int = 0
    resurrected: int = 0
    stale: int = 0
    wrong_tenant: int = 0
    stuck: int = 0
    healed: int = 0
    died: int = 0
    found: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.duplicated or self.resurrected or self.stale or self.wrong_tenant or self.stuck)


class Campaign:
    """One seed on a stage."""

    def __init__(self, seed: int, stage: Stage, actions: int = ACTIONS) -> None:
        self.actions = actions
        self.random = random.Random(seed)
        self.stage = stage
        self.verdict = Verdict(seed)
        self.running: dict[str, ForkServerProcess] = {}
        self.meanwhile = ThreadPoolExecutor(4)
        self.passing: dict[str, Future[None]] = {}
        self.skew = timedelta()
        self.stamps: dict[str, datetime] = {}
        self.planned = 0

    def run(self) -> Verdict:
        """Play the seed to its end."""
        started = time.monotonic()
        self.stage.set()
        self.stage.control("quirks", {"salesforce.keepalive_seconds": "0.3", "salesforce.query_rows": "5"})
        with given(self.stage.environment):
            with self.processes():
                for _ in range(self.actions):
                    self.act()
                self.become_quiet()
            self.judge()
        self.verdict.seconds = time.monotonic() - started
        return self.verdict

    # -- what happens ------------------------------------------------------------------------------------------------

    def act(self) -> None:
        """Something, drawn from all that may happen; by their weights."""
        actions: list[tuple[int, Callable[[], None]]] = [
            (10, self.change_salesforce),
            (10, self.change_whmcs),
            (4, self.delete),
            (4, self.delete_then_recreate),
            (4, self.new_invoice),
            (2, self.other_owner),
            (4, self.late_commit),
            (4, self.same_second),
            (2, self.clock_skew),
            (12, self.call_fault),
            (2, self.repeated_page),
            (2, self.moving_rows),
            (6, self.event_fault),
            (3, self.stream_fault),
            (5, self.webhook_fault),
            (2, self.schema_drift),
            (2, self.token_expiry),
            (4, self.kill_worker),
            (4, self.kill_listener),
            (3, self.kill_dagster_run),
            (1, self.kill_api),
            (2, self.break_connections),
            (1, self.restart_postgresql),
        ]
        weights, choices = zip(*actions, strict=True)
        self.random.choices(choices, weights)[0]()
        time.sleep(self.random.uniform(0, PAUSE_SECONDS))

    def did(self, name: str, times: int = 1) -> None:
        if times:
            self.verdict.done[name] += times

    def change_salesforce(self) -> None:
        kind, fields = self.random.choice(
            [
                ("Account", {"Name": f"Name {self.random.random()}"}),
                ("Order", {"Status": self.random.choice(["Draft", "Approved", "Processed", "Never heard of"])}),
                ("Case", {"Subject": f"Subject {self.random.random()}"}),
                ("OrderItem", {"Quantity": self.random.randint(1, 9)}),
            ]
        )
        if self.change("salesforce", kind, self.some(kind), fields):
            self.did("change at Salesforce")

    def change_whmcs(self) -> None:
        kind = self.random.choice(["invoice", "invoice", "service", "client"])
        fields: dict[str, Any] = {
            "invoice": {"total": self.amount()},
            "service": {"status": self.random.choice(["Active", "Suspended", "Never heard of"])},
            "client": {"companyname": f"Company {self.random.randint(1, 9999)}"},
        }[kind]
        if self.change("whmcs", kind, self.some(kind), fields):
            self.did("change at WHMCS")

    def delete(self) -> None:
        system, kind = self.random.choice([("salesforce", "Case"), ("whmcs", "invoice"), ("whmcs", "service")])
        if self.change(system, kind, self.some(kind), {}, deleted=True):
            self.did("delete")

    def delete_then_recreate(self) -> None:
        """Deleted, then there again: as an undelete, or a number that is used once more."""
        system, kind = self.random.choice([("salesforce", "Case"), ("whmcs", "invoice")])
        record, fields = self.some(kind), {"Subject": "Back"} if system == "salesforce" else {"total": self.amount()}
        if self.change(system, kind, record, {}, deleted=True) and self.change(system, kind, record, fields):
            self.did("delete then recreate")

    def new_invoice(self) -> None:
        number = str(90_000_000 + self.random.randint(1, 9_000_000))
        row = {"userid": self.some("client"), "status": "Unpaid", "date": "2026-11-24", "total": self.amount()}
        zero = dict.fromkeys(("subtotal", "credit", "tax", "tax2", "taxrate", "taxrate2"), "0.00")
        created = {"created_at": self.whmcs_stamp(self.now())}
        if self.change("whmcs", "invoice", number, row | zero | created):
            self.did("new invoice")

    def other_owner(self) -> None:
        """A record that is moved to another customer, as when clients are merged: the former one sees it no more."""
        system, kind, fields = self.random.choice(
            [
                ("whmcs", "invoice", {"userid": self.some("client")}),
                ("salesforce", "Case", {"AccountId": self.some("Account")}),
            ]
        )
        if self.change(system, kind, self.some(kind), fields):
            self.did("owner changed")

    def late_commit(self) -> None:
        """A change that becomes visible with a stamp older than others that were read already, and tells nobody."""
        case = self.some("Case")
        stamp = self.now() - timedelta(seconds=self.random.uniform(60, LATEST_COMMIT_SECONDS))
        if self.may_be_stamped(case, stamp):
            self.stage.control("event-faults", {"mode": "drop"})
            self.change("salesforce", "Case", case, {"Subject": f"Late {self.random.random()}"}, at=stamp)
            self.did("late commit below the cursor")

    def same_second(self) -> None:
        """Records that share a second, one of them changed twice in it; of the second change not everybody is told."""
        stamp, told = self.now(), self.random.random() < 0.5
        system, kind, name = self.random.choice([("salesforce", "Case", "Subject"), ("whmcs", "invoice", "total")])
        records = [self.some(kind) for _ in range(3)]
        changes = [(record, self.amount()) for record in (*records, records[0])]
        if all(self.may_be_stamped(record, stamp) for record in records):
            for number, (record, value) in enumerate(changes):
                if number == len(records):
                    time.sleep(self.random.uniform(0, 0.3))  # the hub may have read the first by then, or not
                    if not told:
                        self.untold(system)
                self.change(system, kind, record, {name: value}, at=stamp)
            self.did("same-second tie")

    def untold(self, system: str) -> None:
        faults = {"salesforce": "event-faults", "whmcs": "webhook-faults"}[system]
        self.stage.control(faults, {"mode": "drop"})

    def clock_skew(self) -> None:
        """The sources' clocks jump: ahead of ours, or behind."""
        skew = timedelta(seconds=self.random.uniform(-LARGEST_SKEW_SECONDS, LARGEST_SKEW_SECONDS))
        self.stage.control("clock", {"advance_seconds": (skew - self.skew).total_seconds()})
        self.skew = skew
        self.did("clock skew")

    def call_fault(self) -> None:
        """Counted when a call meets it."""
        mode = self.random.choice([each for each in CALL_FAULTS if each != "repeat"])
        fault = {"match": self.random.choice(CALLS), "mode": mode, "times": self.random.randint(1, 3)}
        self.stage.control("faults", fault)

    def repeated_page(self) -> None:
        system = self.random.choice(list(PAGES))
        self.stage.control("faults", {"match": PAGES[system], "mode": "repeat"})
        self.kill_dagster_run(system)

    def moving_rows(self) -> None:
        """A row goes from an earlier page, or moves to the last, between two pages of a read that is under way."""
        system = self.random.choice(list(PAGES))
        if system == "whmcs":
            kind, record, deleted = "invoice", self.random.choice(self.stage.records["invoice"][:5]), True
        else:
            kind, record, deleted = "Case", self.some("Case"), False
        fields = {} if deleted else {"Subject": "Moved"}
        if self.change(system, kind, record, fields, deleted=deleted, before=PAGES[system]):
            self.planned += 1
            self.stamps[record] = NEVER  # another change that came first would be older than the planned one's stamp
        self.kill_dagster_run(system)

    def event_fault(self) -> None:
        mode = self.random.choice(list(EVENT_FAULTS))
        self.stage.control("event-faults", {"mode": mode})
        self.did(EVENT_FAULTS[mode])
        self.change_salesforce()

    def stream_fault(self) -> None:
        mode = self.random.choice([*STREAM_FAULTS, "schema_change"])
        self.stage.control("event-faults", {"mode": mode})
        self.did(STREAM_FAULTS.get(mode, "schema drift"))

    def webhook_fault(self) -> None:
        mode = self.random.choice(list(WEBHOOK_FAULTS))
        self.stage.control("webhook-faults", {"mode": mode})
        self.change_whmcs()

    def schema_drift(self) -> None:
        self.stage.control("quirks", self.random.choice(DRIFTS))
        self.did("schema drift")

    def token_expiry(self) -> None:
        self.stage.control("expire-sessions")
        self.did("token expiry")

    # -- the sandbox -------------------------------------------------------------------------------------------------

    def some(self, kind: str) -> str:
        """The id of some record that the hub came to know at the beginning."""
        return self.random.choice(self.stage.records[kind])

    def amount(self) -> str:
        return f"{self.random.randint(1, 99_999)}.00"

    def now(self) -> datetime:
        """The sources' clock, whole seconds: what changes within one is a tie."""
        return (datetime.now(UTC) + self.skew).replace(microsecond=0)

    def may_be_stamped(self, record: str, stamp: datetime) -> bool:
        """A record's own stamps never go back, whatever clocks do."""
        return stamp >= self.stamps.get(record, stamp)

    def change(
        self,
        system: str,
        kind: str,
        record: str,
        fields: dict[str, Any],
        *,
        at: datetime | None = None,
        deleted: bool = False,
        before: str = "",
    ) -> bool:
        """Change a record in its system, with its stamp; false: its clock was set back too far for that."""
        stamp = at or self.now()
        if not self.may_be_stamped(record, stamp):
            return False
        self.stamps[record] = stamp
        if system == "salesforce":
            stamped = dict.fromkeys(("SystemModstamp", "LastModifiedDate"), f"{stamp:%Y-%m-%dT%H:%M:%S.000+0000}")
        else:
            stamped = {"updated_at": self.whmcs_stamp(stamp)} if kind == "invoice" else {}
        content = {"system": system, "object": kind, "id": record, "fields": fields | stamped}
        self.stage.control("mutate", content | {"deleted": deleted, "before": before})
        return True

    def whmcs_stamp(self, instant: datetime) -> str:
        return f"{instant + timedelta(hours=9):%Y-%m-%d %H:%M:%S}"

    # -- processes ---------------------------------------------------------------------------------------------------

    @contextmanager
    def processes(self) -> Iterator[None]:
        """The worker and the listener, for as long as the context; killed at its end."""
        try:
            for name in ("apply", "listen"):
                self.running[name] = self.started(name)
            yield
        finally:
            self.meanwhile.shutdown()
            for process in self.running.values():
                processes.killed(process)

    def started(self, *command: str) -> ForkServerProcess:
        log = self.stage.home / f"{command[0]}.log"
        return processes.started(*command, environment=self.stage.environment, log=log)

    def kill_worker(self) -> None:
        self.kill("apply")
        self.did("worker killed")

    def kill_listener(self) -> None:
        self.kill("listen")
        self.did("listener killed")

    def kill(self, name: str) -> None:
        processes.killed(self.running[name])
        self.running[name] = self.started(name)

    def kill_dagster_run(self, system: System | None = None) -> None:
        """A run of a system's job, as `hub sync` starts it, killed somewhere on its way while all else goes on."""
        system, patience = system or self.random.choice(TICKING), self.random.uniform(0.3, 4.0)

        def passes() -> None:
            process = self.started("sync", system, "--full")
            process.join(patience)
            self.did("Dagster run killed" if processes.killed(process) else "Dagster run finished")

        self.begin(f"run {system}", passes)

    def kill_api(self) -> None:
        """Until it serves again, webhooks are lost: nobody sends them twice."""
        self.stage.kill_api()
        self.stage.start_api()
        self.did("API killed")

    def break_connections(self) -> None:
        with suppress(psycopg.OperationalError), psycopg.connect(self.stage.database.owner, autocommit=True) as own:
            own.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            self.did("database connections cut")

    def restart_postgresql(self) -> None:
        """At once and without a checkpoint; it recovers from its log while all else goes on."""
        if self.begin("restart", self.stage.crash_database):
            self.did("PostgreSQL restart")

    def begin(self, name: str, work: Callable[[], None]) -> bool:
        """Do something while all else goes on; false: it is being done already."""
        earlier = self.passing.get(name)
        if earlier is not None and not earlier.done():
            return False
        if earlier is not None:
            earlier.result()
        self.passing[name] = self.meanwhile.submit(work)
        return True

    # -- quiet -------------------------------------------------------------------------------------------------------

    def become_quiet(self) -> None:
        """Nothing goes wrong any more; wait until every data set was brought up to date by a tick and nothing waits."""
        for passing in self.passing.values():
            passing.result()
        self.stage.control("faults", {"mode": "none"})
        self.stage.control("quirks", {"salesforce.hidden_fields": ""})
        self.stage.wait_for_api()
        self.count_faults()
        ends = time.monotonic() + QUIET_SECONDS
        since = self.ask("SELECT clock_timestamp()")[0][0]
        while (waiting := self.waiting(since)) and time.monotonic() < ends:
            for name, process in self.running.items():
                if not process.is_alive():
                    self.running[name] = self.started(name)
                    self.verdict.died += 1
            self.tell_nobody_to_wait()
            time.sleep(0.1)
        self.verdict.stuck = len(waiting)
        self.verdict.found += [f"stuck: {each}" for each in waiting]

    def waiting(self, since: datetime) -> list[str]:
        """Data sets that no tick has brought up to date since then, and entities that the inbox still holds."""
        ticked = self.ask(
            "SELECT DISTINCT dataset FROM sync.runs"
            " WHERE started_at >= %s AND status = 'succeeded' AND mode = 'incremental'",
            since,
        )
        held = self.ask(
            "SELECT DISTINCT concat_ws(' ', source, kind, entity, error) FROM sync.inbox WHERE state = 'waiting'"
        )
        wanted = {dataset.name for system in TICKING for dataset in datasets_of(system)}
        return sorted(wanted - {name for (name,) in ticked}) + [name for (name,) in held]

    def tell_nobody_to_wait(self) -> None:
        """A pause after failures is right, and here only a wait."""
        with psycopg.connect(self.stage.database.owner) as connection:
            connection.execute("UPDATE sync.sources SET retry_at = now() WHERE retry_at > now()")
            connection.execute("UPDATE sync.inbox SET due_at = now() WHERE state = 'waiting' AND due_at > now()")

    def count_faults(self) -> None:
        """Of what was prepared, what really met a call or a message."""
        for call in self.stage.sandbox.state.calls.latest(10_000):
            if call.fault:
                self.did(CALL_FAULTS[call.fault])
        sent = httpx.get(f"{self.stage.sandbox.whmcs_url}/__sandbox__/webhooks", timeout=30).json()["sent"]
        for each in sent:
            if each["fault"]:
                self.did(WEBHOOK_FAULTS[each["fault"]])
        answers = [answer for each in sent for answer in each["answers"]]
        self.did("webhooks stored", answers.count(202))
        self.did("webhooks unanswered or refused, so lost", len(answers) - answers.count(202))
        self.did("rows moving between pages", self.planned - len(self.stage.sandbox.state.plans))
        self.stage.sandbox.state.plans.clear()

    def ask(self, query: str, *values: object) -> list[Any]:
        with psycopg.connect(self.stage.database.owner) as connection:
            return connection.execute(query.encode(), values).fetchall()

    # -- the verdict -------------------------------------------------------------------------------------------------

    def judge(self) -> None:
        """Heal as the nightly reconcile does, then compare everything; nothing else runs."""
        verdict = self.verdict
        self.stage.control("quirks", UNDRIFTED)
        for system in TICKING:
            with opened(system) as source:
                self.heal(source, datasets_of(system))
                self.compare(source, datasets_of(system))
        twice = self.ask(
            "SELECT entity, entity_id FROM sync.changes WHERE operation = 'insert' GROUP BY 1, 2 HAVING count(*) > 1"
        )
        strays = self.ask(
            "SELECT 'invoice item', i.source_id FROM hub.invoice_items i JOIN hub.invoices v ON v.id = i.invoice_id"
            " WHERE i.account_id <> v.account_id AND i.deleted_at IS NULL"
            " UNION ALL SELECT 'order item', i.source_id FROM hub.order_items i JOIN hub.orders o ON o.id = i.order_id"
            " WHERE i.account_id <> o.account_id AND i.deleted_at IS NULL"
        )
        shown = asked_of_the_api(self.stage)
        verdict.lost += len(shown.lacking)
        verdict.duplicated = len(twice) + len(shown.twice)
        verdict.wrong_tenant = len(strays) + len(shown.foreign)
        verdict.found += [f"inserted twice: {each}" for each in twice] + [f"stray: {each}" for each in strays]
        verdict.found += [f"shown twice: {each}" for each in shown.twice]
        verdict.found += [f"shown to another: {each}" for each in shown.foreign]
        verdict.found += [f"not shown: {each}" for each in shown.lacking]

    def heal(self, source: Source, datasets: tuple[Dataset, ...]) -> None:
        for dataset in datasets:
            if dataset.details is None:
                healed = heal(dataset, source, self.stage.database.sync)
                self.verdict.healed += healed.missing + healed.different + healed.deleted
        for dataset in datasets:
            if dataset.details is not None:
                run(dataset, source, self.stage.database.sync)

    def compare(self, source: Source, datasets: tuple[Dataset, ...]) -> None:
        """Every data set with the sandbox's own answers."""
        for dataset in datasets:
            for drift in reconcile(dataset, source, self.stage.database.sync):
                self.verdict.lost += drift.missing
                self.verdict.resurrected += drift.extra
                self.verdict.stale += drift.different
                if not drift.agrees:
                    facts = f"{drift.missing} missing, {drift.extra} extra, {drift.different} different"
                    self.verdict.found.append(f"{drift.dataset} {drift.table}: {facts}")


@contextmanager
def opened(system: Any) -> Iterator[Source]:
    source = source_of(system)
    try:
        yield source
    finally:
        source.client.close()
