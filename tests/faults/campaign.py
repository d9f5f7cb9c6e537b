"""One seed of the fault campaign: a business changes, sources fail, processes are killed; then a verdict.

The sandbox is the truth. Whatever happened on the way, once it is quiet the hub must hold what the sandbox holds.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from pipelines.datasets import DATASETS, dataset_named, datasets_of
from pipelines.resources import source_of
from pipelines.sync.heal import heal
from pipelines.sync.reconcile import reconcile
from pipelines.sync.run import run
from sandbox.server import RunningSandbox
from tests.e2e.conftest import hub_environment

ACTIONS = 40
QUIET_SECONDS = 90.0
CALLS = ("queryAll", "oauth2", "GetInvoices", "GetInvoice", "GetClientsProducts", "GetClients", "limits", "deleted")
CALL_FAULTS = ("429", "status:503", "html500", "timeout", "cut", "malformed", "slow:200")
EVENT_FAULTS = ("drop", "double", "reorder", "disconnect", "expire", "reject_replay", "schema_change")
PROCESSES = ("apply", "listen")
SYSTEMS = ("salesforce", "whmcs")


@dataclass
class Verdict:
    """What a seed ended with, in rows; all but `healed` must be 0. `healed`: what only the reconcile found."""

    seed: int
    lost: int = 0
    resurrected: int = 0
    stale: int = 0
    duplicated: int = 0
    wrong_tenant: int = 0
    healed: int = 0
    drifted: list[str] = field(default_factory=list)
    actions: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.resurrected or self.stale or self.duplicated or self.wrong_tenant)


class Campaign:
    """One seed against a sandbox and an empty, migrated database."""

    def __init__(self, seed: int, sandbox: RunningSandbox, database: Any, actions: int = ACTIONS) -> None:
        self.actions = actions
        self.random = random.Random(seed)
        self.sandbox = sandbox
        self.database = database
        self.verdict = Verdict(seed)
        self.environment = hub_environment(sandbox, database) | {
            "SALESFORCE_EVENTS_TARGET": sandbox.salesforce_grpc,
            "SALESFORCE_EVENTS_INSECURE": "true",
            "SALESFORCE_EVENTS_STALL_SECONDS": "3",
            "SALESFORCE_RETRY_ATTEMPTS": "2",
            "SALESFORCE_TIMEOUT_SECONDS": "2",
            "WHMCS_RETRY_ATTEMPTS": "2",
            "WHMCS_TIMEOUT_SECONDS": "2",
            "HUB_TICK_SECONDS": "1",
        }
        self.told: list[tuple[str, str]] = []
        self.touched: set[str] = set()
        self.late: set[str] = set()

    def run(self, dagster_home: str) -> Verdict:
        """Play the seed to its end."""
        started = time.monotonic()
        self.environment["DAGSTER_HOME"] = dagster_home
        self.post("reset")
        self.post("quirks", {"salesforce.keepalive_seconds": "0.3"})
        with given(self.environment):
            self.sync_everything()
            with self.processes() as processes:
                for _ in range(self.actions):
                    self.act(processes)
                self.become_quiet(processes)
            self.sync_everything()
            self.judge()
        self.verdict.seconds = time.monotonic() - started
        return self.verdict

    # -- what happens ------------------------------------------------------------------------------------------------

    def act(self, processes: dict[str, "subprocess.Popen[bytes]"]) -> None:
        actions: list[tuple[int, Callable[[], None]]] = [
            (6, self.change_salesforce),
            (6, self.change_whmcs),
            (2, self.delete),
            (2, self.restore),
            (2, self.new_invoice),
            (2, self.late_commit),
            (4, self.call_fault),
            (3, self.event_fault),
            (2, lambda: self.kill(processes)),
            (1, self.break_connections),
            (2, self.killed_sync),
        ]
        weights, choices = zip(*actions, strict=True)
        action = self.random.choices(choices, weights)[0]
        name = getattr(action, "__name__", "kill").strip("<>").replace("lambda", "kill")
        self.verdict.actions[name] = self.verdict.actions.get(name, 0) + 1
        action()
        threading.Event().wait(self.random.uniform(0, 0.15))

    def change_salesforce(self) -> None:
        kind, fields = self.random.choice(
            [
                ("Account", {"Name": f"Name {self.random.random()}"}),
                ("Order", {"Status": self.random.choice(["Draft", "Approved", "Processed"])}),
                ("Case", {"Subject": f"Subject {self.random.random()}"}),
                ("OrderItem", {"Quantity": self.random.randint(1, 9)}),
            ]
        )
        self.mutate("salesforce", kind, self.some(kind), fields)

    def change_whmcs(self) -> None:
        kind = self.random.choice(["invoice", "invoice", "service", "client"])
        fields: dict[str, Any] = {
            "invoice": {"total": f"{self.random.randint(1, 9999)}.00", "updated_at": self.whmcs_now()},
            "service": {"status": self.random.choice(["Active", "Suspended"])},
            "client": {"companyname": f"Company {self.random.randint(1, 9999)}"},
        }[kind]
        record = self.some(kind)
        self.mutate("whmcs", kind, record, fields)
        self.hint(kind, record)

    def delete(self) -> None:
        system, kind = self.random.choice([("salesforce", "Case"), ("whmcs", "invoice"), ("whmcs", "service")])
        record = self.some(kind)
        self.mutate(system, kind, record, None)
        if system == "whmcs":
            self.hint(kind, record)

    def restore(self) -> None:
        """Deleted, then there again: as an undelete, or a number that is used once more."""
        system, kind = self.random.choice([("salesforce", "Case"), ("whmcs", "invoice")])
        record = self.some(kind)
        self.mutate(system, kind, record, None)
        if system == "whmcs":
            self.hint(kind, record)
        self.mutate(
            system, kind, record, {"updated_at": self.whmcs_now()} if system == "whmcs" else {"Subject": "Back"}
        )
        if system == "whmcs":
            self.hint(kind, record)

    def new_invoice(self) -> None:
        number = str(90_000_000 + self.random.randint(1, 9_000_000))
        row = {"userid": self.some("client"), "status": "Unpaid", "date": "2026-11-24", "total": "10.00"}
        stamps = dict.fromkeys(("created_at", "updated_at"), self.whmcs_now())
        zero = dict.fromkeys(("subtotal", "credit", "tax", "tax2", "taxrate", "taxrate2"), "0.00")
        self.mutate("whmcs", "invoice", number, row | zero | stamps)
        self.hint("invoice", number)

    def late_commit(self) -> None:
        """A change that becomes visible with a stamp older than others that were read already, and tells nobody."""
        stamp = datetime.now(UTC) - timedelta(minutes=self.random.randint(1, 8))
        case = self.some("Case")
        if case in self.touched:
            return  # a record's own stamps only ever go forward
        self.post("event-faults", {"mode": "drop"})
        fields = {"Subject": f"Late {self.random.random()}", "SystemModstamp": f"{stamp:%Y-%m-%dT%H:%M:%S}.000+0000"}
        self.mutate("salesforce", "Case", case, fields)
        self.late.add(case)

    def call_fault(self) -> None:
        fault = {"match": self.random.choice(CALLS), "mode": self.random.choice(CALL_FAULTS)}
        self.post("faults", fault | {"times": self.random.randint(1, 3)})

    def event_fault(self) -> None:
        self.post("event-faults", {"mode": self.random.choice(EVENT_FAULTS)})

    def kill(self, processes: dict[str, "subprocess.Popen[bytes]"]) -> None:
        name = self.random.choice(PROCESSES)
        processes[name].send_signal(signal.SIGKILL)
        processes[name].wait()
        processes[name] = self.started(name)

    def break_connections(self) -> None:
        with psycopg.connect(self.database.owner, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )

    def killed_sync(self) -> None:
        """A run as Dagster would start it, killed somewhere in the middle."""
        dataset = self.random.choice([each.name for system in SYSTEMS for each in datasets_of(system)])
        code = (
            "import sys; from pipelines.datasets import dataset_named; from pipelines.resources import source_of;"
            "from pipelines.sync.run import run; dataset = dataset_named(sys.argv[1]);"
            "run(dataset, source_of(dataset.system), sys.argv[2], full=True)"
        )
        command = [sys.executable, "-c", code, dataset, self.database.sync]
        with self.popen(command) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=self.random.uniform(0.8, 2.0))
            process.kill()

    # -- the sandbox -------------------------------------------------------------------------------------------------

    def some(self, kind: str) -> str:
        """The id of some record that the hub came to know at the beginning."""
        table, where = {
            "Account": ("customer_accounts", "source = 'salesforce'"),
            "client": ("customer_accounts", "source = 'whmcs'"),
            "Order": ("orders", "true"),
            "OrderItem": ("order_items", "true"),
            "Case": ("support_cases", "true"),
            "invoice": ("invoices", "source_id::bigint < 90000000"),
            "service": ("subscriptions", "true"),
        }[kind]
        query = f"SELECT source_id FROM hub.{table} WHERE {where} ORDER BY source_id"  # noqa: S608 - our own words
        with psycopg.connect(self.database.owner) as connection:
            return str(self.random.choice(connection.execute(query.encode()).fetchall())[0])

    def mutate(self, system: str, kind: str, record: str, fields: dict[str, Any] | None) -> None:
        if record in self.late:
            return  # its stamp is set by hand, and would stay behind
        self.touched.add(record)
        self.post("mutate", {"system": system, "object": kind, "id": record, "fields": fields})

    def hint(self, entity: str, record: str) -> None:
        """WHMCS tells of it: once, twice, later than the next, or not at all."""
        self.told.append((entity, record))
        if self.random.random() < 0.2:
            return  # told with, and after, the next
        if self.random.random() < 0.15:
            self.told.clear()
            return  # lost
        waiting, self.told = self.told[::-1], []
        with psycopg.connect(self.database.owner) as connection:
            for each in waiting * self.random.choice([1, 1, 2]):
                connection.execute(
                    "SELECT sync.receive_hint('whmcs', %s, %s, %s, NULL, now(), '{}')", [uuid4().hex, *each]
                )

    def whmcs_now(self) -> str:
        """WHMCS's clock, whole seconds: changes within one tie."""
        return f"{datetime.now(UTC) + timedelta(hours=9):%Y-%m-%d %H:%M:%S}"

    def post(self, control: str, content: Any = None) -> None:
        answer = httpx.post(f"{self.sandbox.whmcs_url}/__sandbox__/{control}", json=content or {}, timeout=30)
        answer.raise_for_status()

    # -- processes ---------------------------------------------------------------------------------------------------

    @contextmanager
    def processes(self) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
        running = {name: self.started(name) for name in PROCESSES}
        try:
            yield running
        finally:
            for process in running.values():
                process.terminate()
            for process in running.values():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=15)
                process.kill()
                process.wait()

    def started(self, name: str) -> "subprocess.Popen[bytes]":
        return self.popen([sys.executable, "-m", "cli", name])

    def popen(self, command: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command,
            env=os.environ | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def become_quiet(self, processes: dict[str, "subprocess.Popen[bytes]"]) -> None:
        """Nothing more goes wrong; wait until nothing waits any more."""
        ends = time.monotonic() + QUIET_SECONDS
        quiet_since = 0.0
        while time.monotonic() < ends and quiet_since < 3.0:
            for name, process in processes.items():
                if process.poll() is not None:
                    processes[name] = self.started(name)
            with psycopg.connect(self.database.owner) as connection:
                # A pause after failures is right, and here only a wait.
                connection.execute("UPDATE sync.sources SET retry_at = now() WHERE retry_at > now()")
                connection.execute("UPDATE sync.inbox SET due_at = now() WHERE state = 'waiting' AND due_at > now()")
                row = connection.execute("SELECT count(*) FROM sync.inbox WHERE state = 'waiting'").fetchone()
            threading.Event().wait(0.5)
            quiet_since = 0.0 if row and row[0] else quiet_since + 0.5

    # -- the verdict -------------------------------------------------------------------------------------------------

    def sync_everything(self) -> None:
        """One look at everything, repeated while what is left of the faults breaks it."""
        for dataset in DATASETS:
            if dataset.system == "freebit":
                continue
            source = source_of(dataset.system)
            for left in range(8, -1, -1):
                try:
                    run(dataset, source, self.database.sync)
                    break
                except Exception:
                    if not left:
                        raise
            source.client.close()

    def judge(self) -> None:
        before = self.drift()
        for system in SYSTEMS:
            source = source_of(system)
            for dataset in datasets_of(system):
                if dataset.details is None:
                    heal(dataset, source, self.database.sync)
            source.client.close()
        self.sync_everything()
        after = self.drift()
        self.verdict.healed = sum(before) - sum(after)
        self.verdict.lost, self.verdict.resurrected, self.verdict.stale = after
        self.verdict.duplicated = self.count(
            "SELECT count(*) FROM (SELECT 1 FROM sync.changes WHERE operation = 'insert'"
            " GROUP BY entity, entity_id HAVING count(*) > 1) twice"
        )
        self.verdict.wrong_tenant = self.count(
            "SELECT count(*) FROM hub.invoice_items i JOIN hub.invoices v ON v.id = i.invoice_id"
            " WHERE i.account_id <> v.account_id AND i.deleted_at IS NULL"
        ) + self.count(
            "SELECT count(*) FROM hub.order_items i JOIN hub.orders o ON o.id = i.order_id"
            " WHERE i.account_id <> o.account_id AND i.deleted_at IS NULL"
        )

    def drift(self) -> tuple[int, int, int]:
        """(missing, extra, different) over every data set, as the sandbox's own answers have it."""
        drifts = []
        for system in SYSTEMS:
            source = source_of(system)
            for dataset in datasets_of(system):
                drifts += reconcile(dataset_named(dataset.name), source, self.database.sync)
            source.client.close()
        self.verdict.drifted = [
            f"{d.dataset} {d.table}: {d.missing}/{d.extra}/{d.different}" for d in drifts if not d.agrees
        ]
        return sum(d.missing for d in drifts), sum(d.extra for d in drifts), sum(d.different for d in drifts)

    def count(self, query: str) -> int:
        with psycopg.connect(self.database.owner) as connection:
            row = connection.execute(query.encode()).fetchone()
        return int(row[0]) if row is not None else 0


@contextmanager
def given(environment: dict[str, str]) -> Iterator[None]:
    """These variables, for as long as the context."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
