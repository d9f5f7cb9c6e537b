"""One seed of the fault campaign: a business changes, sources fail, processes are killed; then a verdict (judging.py).

What happens is a list of actions that was drawn before (actions.py). The sandbox is the truth: whatever happened on the
way, once it is quiet the hub must hold what the sandbox holds, and show each customer what is theirs and nothing else.
"""

import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from typing import Any

import httpx
import psycopg
from psycopg.sql import SQL, Composed, Identifier

from domain.common.errors import HubError
from pipelines.datasets import dataset_named, datasets_of
from pipelines.events.service import POLLED
from pipelines.sources.connect import source_of
from pipelines.sync.heal import heal
from pipelines.sync.run import run
from pipelines.sync.tables import qualified
from sandbox.state import STAMPS
from tests.faults import processes
from tests.faults.actions import DRIFTS, SALESFORCE, Action, Facts
from tests.faults.commands import COMMANDS, OPEN, Customers
from tests.faults.coverage import Cell, met
from tests.faults.moments import Moments
from tests.faults.stage import SECRET, Stage, given
from tests.faults.truth import rows_of_salesforce, rows_of_whmcs

ACTIONS = 40
QUIET_SECONDS = 120.0
PLAN_SECONDS = 1.5
FAULT_SECONDS = 0.8
"""How long the business waits for a call that a fault is to meet, before it goes on; the fault stays."""
UNDRIFTED = {
    "numbers": "documented", "one_row": "array", "empty_list": "documented", "salesforce.hidden_fields": "",
    "salesforce.hidden_objects": "", "forbidden": "",
}  # fmt: skip
QUIRKS = {
    "salesforce.keepalive_seconds": "0.3", "salesforce.query_rows": "5",
    "freebit.spacing_seconds": "0", "freebit.async_seconds": "0.2",
}  # fmt: skip
STAMPED = (*SALESFORCE, "invoice")
NEVER = datetime.max.replace(tzinfo=UTC)
SETTLED = timedelta(seconds=1.5)
"""What a command waits for at most when it is told not to: longer than a call without an answer may be at work."""
FOR_EVER = 1_000_000
DISK_IS_FULL = "53100"

DETAILS = {
    dataset.name: dataset.details for system in POLLED for dataset in datasets_of(system) if dataset.details is not None
}
DETAILS_OF = list(DETAILS)
DETAILS_ARE_DUE = SQL(
    "UPDATE {parent} SET {due} = now() WHERE {due} > now() AND source_id IN (SELECT source_id FROM sync.quarantine"
    " WHERE dataset = %s AND resolved_at IS NULL AND source_id <> ALL(%s))"
)
"""Details that a source would not give are asked for again later and later."""
REFUSED_DETAILS = (
    "SELECT concat_ws(' ', 'details of', dataset, source_id, reason) FROM sync.quarantine"
    " WHERE dataset = ANY(%s) AND resolved_at IS NULL AND source_id <> ALL(%s)"
)

DUE_DETAILS = SQL(
    "SELECT concat_ws(' ', 'details of', source_id, 'are due') FROM {parent}"
    " WHERE {due} <= now() AND deleted_at IS NULL AND {where} AND source_id <> ALL(%s)"
)
"""A parent that changed while its details were on their way stays due, whatever the data set's freshness says."""

Left = dict[tuple[str, str], str]
"""Records, by kind and id, that a fault leaves to the heal, and which: see judging.LEFT_TO_THE_HEAL."""


@dataclass
class Verdict:
    """What a seed ended with. Everything of `safety` and `liveness` must be 0, and `missed`, which only a heal mends.

    safety: rows lost, doubled, resurrected, stale, another's, of a wrong currency, with altered words. liveness: stuck
    (never brought up to date though nothing failed any more), parked without a reason, hot (calls a minute), grown
    (memory). `healed`: what the heal wrote in all, what is rightly left to it included. `died`: processes that ended by
    themselves. `peaks`: how near it came to the bounds of judging.BOUNDS. `found`: all of it in words.
    """

    seed: int
    safety: Counter[str] = field(default_factory=Counter)
    liveness: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    healed: int = 0
    died: int = 0
    found: list[str] = field(default_factory=list)
    cells: Counter[Cell] = field(default_factory=Counter)
    peaks: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        return not (+self.safety or +self.liveness or self.missed)


class Play:
    """One seed on a stage: its actions, then quiet."""

    def __init__(self, seed: int, stage: Stage, actions: Sequence[Action]) -> None:
        self.actions = actions
        self.stage = stage
        self.verdict = Verdict(seed)
        self.running: dict[str, ForkServerProcess] = {}
        self.meanwhile = ThreadPoolExecutor(6)
        self.passing: dict[str, Future[None]] = {}
        self.moments = Moments(stage)
        self.customers = Customers(self)
        self.skew = timedelta()
        self.stamps: dict[str, datetime] = {}
        self.planned: list[tuple[str, bool, str, Cell]] = []
        self.lasting: list[Facts] = []
        self.poison: dict[str, list[str]] = {"fatal": [], "unencodable": []}
        self.left: Left = {}
        self.words: dict[tuple[str, str], str] = {}
        self.memory: dict[str, tuple[int, int]] = {}
        self.quiet_since: datetime | None = None

    def run(self) -> None:
        """Play all of it, and wait until it is quiet; within the stage's environment."""
        self.stage.set()
        self.stage.control("quirks", QUIRKS)
        with self.processes():
            for action in self.actions:
                getattr(self, f"play_{action.name}")(**action.facts)
                time.sleep(action.pause)
            self.become_quiet()

    def did(self, group: str, what: str, where: str = "") -> None:
        self.verdict.cells[Cell(group, what, where)] += 1

    def found(self, text: str) -> None:
        self.verdict.found.append(text)

    # -- the business ------------------------------------------------------------------------------------------------

    def play_change(self, change: Facts) -> None:
        self.change(**change)

    def play_delete(self, kind: str, record: str) -> None:
        if self.change(kind, record, {}, deleted=True):
            self.leave(kind, record, "WHMCS deletion")
            self.did("business", "delete")

    def play_recreate(self, change: Facts) -> None:
        if self.change(change["kind"], change["record"], {}, deleted=True) and self.change(**change):
            self.did("business", "number given out again" if "userid" in change["fields"] else "delete then recreate")

    def play_new_invoice(self, record: str, client: str, total: str) -> None:
        row = {"userid": client, "status": "Unpaid", "date": f"{self.now():%Y-%m-%d}", "total": total}
        zero = dict.fromkeys(("subtotal", "credit", "tax", "tax2", "taxrate", "taxrate2"), "0.00")
        if self.change("invoice", record, row | zero | {"created_at": whmcs_stamp(self.now())}):
            self.did("business", "new invoice")

    def play_new_owner(self, change: Facts) -> None:
        if self.change(**change):
            self.did("business", "owner changed")

    def play_late_commit(self, change: Facts, late: float) -> None:
        stamp = self.now() - timedelta(seconds=late)
        if self.may_be_stamped(change["record"], stamp):
            self.unreported(change["kind"])
            self.change(**change, at=stamp)
            self.did("business", "late commit")

    def play_same_second(self, changes: list[Facts], again: Facts, notified: bool, apart: float) -> None:
        stamp = self.now()
        if all(self.may_be_stamped(each["record"], stamp) for each in changes):
            for change in changes:
                self.change(**change, at=stamp)
            time.sleep(apart)  # the hub may have read the first by then, or not
            if not notified:
                self.unreported(again["kind"])
            self.change(**again, at=stamp)
            self.did("business", "same second")

    def play_claims(self, accounts: list[str]) -> None:
        """Two accounts of the CRM name each other's client."""
        claims = {row["Id"]: row["WH_Account__c"] for row in rows_of_salesforce(self.stage, "Account")}
        for account, other in zip(accounts, reversed(accounts), strict=True):
            if account in claims and other in claims:
                self.change("Account", account, {"WH_Account__c": claims[other]})
        self.did("business", "claims swapped")

    def play_merged_accounts(self, loser: str, winner: str) -> None:
        """The loser's cases and orders go to the winner; then the loser is deleted (MasterRecordId)."""
        for kind in ("Case", "Order"):
            for row in rows_of_salesforce(self.stage, kind):
                if row["AccountId"] == loser:
                    self.change(kind, row["Id"], {"AccountId": winner})
        if self.change("Account", loser, {"MasterRecordId": winner}, deleted=True):
            self.did("business", "accounts merged")

    def play_merged_clients(self, loser: str, winner: str) -> None:
        """The loser's invoices and services go to the winner; then the loser is deleted (WHMCS: AfterClientMerge)."""
        for kind, row in self.owned_by(loser):
            owner = {"invoice": "userid", "service": "clientid"}[kind]
            self.change(kind, str(row["id"]), {owner: winner})
        if self.change("client", loser, {}, deleted=True):
            self.leave("client", loser, "WHMCS client")
            self.did("business", "clients merged")

    def play_client_deleted(self, client: str) -> None:
        """With everything that is the client's, as WHMCS deletes clients."""
        for kind, row in self.owned_by(client):
            if self.change(kind, str(row["id"]), {}, deleted=True):
                self.leave(kind, str(row["id"]), "WHMCS deletion")
        if self.change("client", client, {}, deleted=True):
            self.leave("client", client, "WHMCS client")
            self.did("business", "client deleted")

    def owned_by(self, client: str) -> list[tuple[str, Facts]]:
        invoices = rows_of_whmcs(self.stage, "GetInvoices", "invoices", "invoice", userid=client)
        services = rows_of_whmcs(self.stage, "GetClientsProducts", "products", "product", clientid=client)
        return [("invoice", row) for row in invoices] + [("service", row) for row in services]

    def play_clock_step(self, skew: float) -> None:
        to = timedelta(seconds=skew)
        self.stage.control("clock", {"advance_seconds": (to - self.skew).total_seconds()})
        self.skew = to
        self.did("business", "clock step")

    # -- faults ------------------------------------------------------------------------------------------------------

    def play_call_fault(
        self, match: str, mode: str, times: int, full: str, change: Facts | None, *, session: bool
    ) -> None:
        """Counted when a call meets it."""
        self.tell_nobody_to_wait(sources=True)
        self.stage.control("faults", {"match": match, "mode": mode, "times": times})
        if change is not None:
            self.change(**change)
        if session:
            self.stage.control("expire-sessions")
        if full:
            self.read_whole(full)
        ends = time.monotonic() + FAULT_SECONDS
        waiting = self.stage.sandbox.state.faults.waiting
        while any(each.match == match and each.mode == mode for each in list(waiting)) and time.monotonic() < ends:
            time.sleep(0.02)

    def play_meeting(self, what: str, where: str, match: str, *, change: Facts, first: Facts, full: str) -> None:
        self.tell_nobody_to_wait(sources=True)
        moment = "before" if where.startswith("before") else "after"
        if where in {"after details", "after a re-read"}:
            self.change(**first)
        if not self.plan(change, match, moment, Cell("meets", what, where), deleted=what == "delete"):
            return
        if where not in {"after details", "after a re-read"}:  # there the worker asks, for it was notified
            self.read_whole(full, healing=where == "after a heal's page")

    def play_notified_again(self, change: Facts, again: Facts, match: str) -> None:
        self.tell_nobody_to_wait(sources=True)
        if self.change(**change):
            self.plan(again, match, "after", Cell("order", "notified again while applied", ""))

    def play_repeated_page(self, match: str, full: str) -> None:
        self.stage.control("faults", {"match": match, "mode": "repeat"})
        self.read_whole(full)

    def play_event_fault(self, mode: str, change: Facts) -> None:
        self.stage.control("event-faults", {"mode": mode})
        if self.change(**change):
            self.did("event", mode, change["kind"])

    def play_stream_fault(self, mode: str) -> None:
        self.stage.control("event-faults", {"mode": mode})
        self.did("stream", mode)

    def play_webhook_fault(self, mode: str, change: Facts) -> None:
        """Counted when a message meets it."""
        self.stage.control("webhook-faults", {"mode": mode})
        self.change(**change)

    def play_foreign(self, what: str, event_id: str) -> None:
        """Messages at the door that WHMCS did not send, or of what nobody knows."""
        notification = {
            "id": event_id, "event": "InvoicePaid", "entity": "invoice", "entityId": "10001", "clientId": None,
            "occurredAt": int(time.time()),
        }  # fmt: skip
        if what == "unknown kind":
            notification |= {"event": "NobodyKnowsThis"}
        if what == "unknown record":
            notification |= {"entityId": "987654321"}
        body = b"{" if what == "no JSON" else json.dumps(notification).encode()
        sent_at = int(time.time()) - (3_600 if what == "old stamp" else 0)
        secret = "x" * 32 if what == "bad signature" else SECRET
        signature = hmac.new(secret.encode(), f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json", "X-Hub-Timestamp": str(sent_at), "X-Hub-Signature": f"v1={signature}",
        }  # fmt: skip
        try:
            status = httpx.post(
                f"{self.stage.api}/webhooks/whmcs", content=body, headers=headers, timeout=5
            ).status_code
        except httpx.TransportError:
            return  # it is dead just now
        if status >= 500:
            return
        self.did("foreign", what)
        if (status == 202) != (what in {"unknown kind", "unknown record"}):
            self.verdict.safety["foreign"] += 1
            self.found(f"a message with {what} was answered with {status}")

    def play_drift(self, what: str) -> None:
        self.stage.control("quirks", DRIFTS[what])
        self.did("state", what)

    def play_session_over(self) -> None:
        self.stage.control("expire-sessions")
        self.did("state", "session over")

    def play_session_over_in_bulk(self) -> None:
        """Counted when a call of a job meets it."""
        self.tell_nobody_to_wait(sources=True)
        self.stage.control("faults", {"match": "jobs/query/750", "mode": "expire"})
        self.read_whole("salesforce.order_items")

    def play_moved(self, answer: str) -> None:
        self.stage.control("move", {"answer": answer})
        self.did("state", f"moved: {answer}")

    def play_poisoned(self, quirk: str, kind: str, record: str) -> None:
        """A record that makes every page with it fail; it stays so until all is judged."""
        self.poison[quirk].append(f"{'product' if kind == 'service' else kind}:{record}")
        self.leave(kind, record, "poisoned")
        self.stage.control("quirks", {quirk: " ".join(self.poison[quirk])})
        self.did("state", "poisoned in a list" if quirk == "fatal" else "poisoned in JSON")

    def play_poisoned_details(self, change: Facts) -> None:
        """An invoice whose details are refused for ever; it stays so until all is judged."""
        fault = {"match": f"GetInvoice invoiceid={change['record']}", "mode": "status:500", "times": FOR_EVER}
        self.lasting.append(fault)
        self.stage.control("faults", fault)
        self.leave("invoice", change["record"], "poisoned")
        self.change(**change)
        self.did("state", "poisoned details")

    def play_half_an_emoji(self, record: str) -> None:
        """A text that was cut in the middle of one, as a limit of characters does."""
        if self.change("Case", record, {"Subject": "Half \ud83d"}):
            self.words.pop(("Case", record), None)
            self.did("state", "half an emoji")

    def play_disk_full(self, seconds: float) -> None:
        if self.stage.disk is None:
            return

        def full() -> None:
            assert self.stage.disk is not None
            with self.stage.disk.full():
                time.sleep(seconds)
            self.did("state", "disk full")

        self.begin("disk", full)

    # -- what customers ask for --------------------------------------------------------------------------------------

    def play_ask(self, what: str, number: int, step: str, mode: str, *, again: bool) -> None:
        self.tell_nobody_to_wait(sources=True)
        self.customers.send(what, number, (step, mode), again=again)

    # -- kills -------------------------------------------------------------------------------------------------------

    def play_kill(self, process: str, phase: str, change: Facts, after: float) -> None:
        if process in {"Dagster run", "heal"}:
            self.kill_a_run(process, phase, after)
            return
        if process == "forwarder":
            self.kill_a_forwarder(phase, int(after * 1000))
            return
        if process == "API":
            change = {"kind": "invoice", "record": "10003", "fields": {"total": f"{int(after * 1000)}.00"}}
        self.tell_nobody_to_wait(sources=phase != "at random")
        with ExitStack() as held:
            was_so = phase == "at random" or self.moments.reached(
                phase, change["kind"], lambda: self.change(**change), held
            )
            self.KILLS["failover" if phase == "failing over" else process](self)
            if process == "PostgreSQL" and phase != "at random":
                self.passing["restart"].result()  # while whom it is to surprise is held
        self.did("kill", process, phase if was_so else "at random")

    def kill_worker(self) -> None:
        self.restart("apply")

    def kill_listener(self) -> None:
        self.restart("listen")

    def kill_api(self) -> None:
        """Until it serves again, webhooks are lost: nobody sends them twice."""
        self.stage.kill_api()
        self.stage.start_api()

    def kill_postgresql(self) -> None:
        """At once and without a checkpoint; it recovers from its log while all else goes on."""
        self.begin("restart", self.stage.crash_database)

    def fail_over(self) -> None:
        """The primary is gone at once; its standby answers, reads only, and is promoted a moment later."""
        self.begin("restart", self.stage.fail_over)
        self.passing["restart"].result()

    def kill_a_forwarder(self, phase: str, number: int) -> None:
        """While it waits for the answer of a call that changes something, or wherever it is."""
        call = COMMANDS["open_case"].calls["create_case"]

        def ask() -> None:
            self.customers.send("open_case", number)

        was_so = phase == "calling" and self.moments.slowed(call, ask)
        self.restart("forward")
        self.did("kill", "forwarder", "calling" if was_so else "at random")

    def kill_connections(self) -> None:
        with suppress(psycopg.OperationalError), psycopg.connect(self.stage.database.owner, autocommit=True) as own:
            own.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )

    def kill_everything(self) -> None:
        """The machine: every process of the hub and its PostgreSQL at once; then all of it starts again."""
        for process in self.running.values():
            process.kill()
        self.stage.kill_api()
        restart = self.passing.get("restart")
        if restart is not None:
            restart.result()
        self.stage.crash_database()
        self.stage.start_api()
        for name in self.running:
            self.restart(name)

    KILLS: dict[str, Callable[["Play"], None]] = {  # noqa: RUF012 - a table of methods, which nobody changes
        "worker": kill_worker,
        "listener": kill_listener,
        "API": kill_api,
        "PostgreSQL": kill_postgresql,
        "failover": fail_over,
        "connections": kill_connections,
        "everything": kill_everything,
    }

    def kill_a_run(self, process: str, phase: str, after: float) -> None:
        """A run of a system's job, as `hub sync` starts it, or a heal, killed on its way while all else goes on."""
        system = POLLED[int(after * 1000) % 2] if phase == "at random" else "whmcs"
        command = ("sync", system, "--full") if process == "Dagster run" else ("reconcile", system, "--heal")

        def passes() -> None:
            with ExitStack() as held:
                if phase == "at random":
                    started = self.started(*command)
                    started.join(after)
                    was_so = True
                else:
                    started, was_so = self.moments.reached_by(process, phase, lambda: self.started(*command), held)
                if processes.killed(started):
                    self.did("kill", process, phase if was_so else "at random")

        if phase != "at random":
            self.tell_nobody_to_wait(sources=True)
        self.begin("run", passes)

    def restart(self, name: str) -> None:
        processes.killed(self.running[name])
        self.running[name] = self.started(name)

    # -- the sandbox -------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The sources' clock, whole seconds: what changes within one is a tie."""
        return (datetime.now(UTC) + self.skew).replace(microsecond=0)

    def may_be_stamped(self, record: str, stamp: datetime) -> bool:
        """A record's own stamps never go back, whatever clocks do: neither behind ours nor behind a command's."""
        overlay = self.stage.sandbox.state.overlay
        written = [
            change.changed_at
            for kind in STAMPED
            if (change := overlay.get("whmcs" if kind == "invoice" else "salesforce", kind, record))
            and not STAMPS & change.fields.keys()
        ]
        return stamp >= max([self.stamps.get(record, stamp), *written])

    def change(
        self,
        kind: str,
        record: str,
        fields: Facts,
        *,
        at: datetime | None = None,
        deleted: bool = False,
        **moment: str,
    ) -> bool:
        """Change a record in its system, with its stamp; false: its clock was set back too far for that."""
        stamp = at or self.now()
        if not self.may_be_stamped(record, stamp):
            return False
        self.stamps[record] = stamp
        system = "salesforce" if kind in SALESFORCE else "whmcs"
        if system == "salesforce":
            stamps = dict.fromkeys(("SystemModstamp", "LastModifiedDate"), f"{stamp:%Y-%m-%dT%H:%M:%S.000+0000}")
        else:
            stamps = {"updated_at": whmcs_stamp(stamp)} if kind == "invoice" else {}
        content = {"system": system, "object": kind, "id": record, "fields": fields | stamps, "deleted": deleted}
        self.stage.control("mutate", content | moment)
        for name in {"Subject", "Name", "companyname", "total"} & fields.keys():
            self.words[kind, record] = fields[name]
        if deleted:
            self.words.pop((kind, record), None)
        return True

    def plan(self, change: Facts, match: str, moment: str, hit: Cell, *, deleted: bool = False) -> bool:
        """A change for when that call comes; counted when it did."""
        record = change["record"]
        if self.stamps.get(record) == NEVER:
            return False
        done = self.change(
            **change | {"fields": {} if deleted else change["fields"]}, deleted=deleted, **{moment: match}
        )
        if done:
            self.planned.append((match.lower(), moment == "after", record, hit))
            self.stamps[record] = NEVER  # another change that came first would be older than the planned one's stamp
            self.words.pop((change["kind"], record), None)
            if deleted:
                self.leave(change["kind"], record, "WHMCS deletion")
        return done

    def unreported(self, kind: str) -> None:
        self.stage.control("event-faults" if kind in SALESFORCE else "webhook-faults", {"mode": "drop"})

    def leave(self, kind: str, record: str, why: str) -> None:
        """What happened to this record may be left to the heal."""
        if kind not in SALESFORCE:
            self.left[kind, record] = why

    # -- processes ---------------------------------------------------------------------------------------------------

    @contextmanager
    def processes(self) -> Iterator[None]:
        """The worker, the listener and the forwarder, for as long as the context; killed at its end."""
        try:
            for name in ("apply", "listen", "forward"):
                self.running[name] = self.started(name)
            yield
        finally:
            self.meanwhile.shutdown()
            for process in self.running.values():
                processes.killed(process)

    def started(self, *command: str) -> ForkServerProcess:
        log = self.stage.home / f"{command[0]}.log"
        return processes.started(*command, environment=self.stage.environment, log=log)

    def read_whole(self, name: str, *, healing: bool = False) -> None:
        """Read a data set from the start, or heal it, beside the worker: as Dagster's runs do, in a thread of ours."""

        def passes() -> None:
            dataset = dataset_named(name)
            source = source_of(dataset.system)
            try:
                if healing:
                    heal(dataset, source, self.stage.database.sync)
                else:
                    run(dataset, source, self.stage.database.sync, full=True)
            except (HubError, psycopg.OperationalError):
                pass  # what sources and databases do is what we ask for here
            except psycopg.Error as error:
                if error.sqlstate != DISK_IS_FULL:
                    raise
            finally:
                source.client.close()

        self.begin(f"read {name}", passes)

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
        """Nothing fails any more but what is poisoned; wait until every data set is up to date and nothing waits."""
        self.wait_for_plans()
        for name in ("run", "restart", "disk"):
            if name in self.passing:
                self.passing[name].result()
        self.stage.control("faults", {"mode": "none"})
        for fault in self.lasting:
            self.stage.control("faults", fault)
        self.stage.control("quirks", UNDRIFTED)
        for passing in self.passing.values():
            passing.result()
        self.stage.wait_for_api()
        self.count()
        ends = time.monotonic() + QUIET_SECONDS
        since = self.ask("SELECT clock_timestamp()")[0][0]
        self.weigh()
        while (waiting := self.waiting(since)) and time.monotonic() < ends:
            if self.ask(OPEN, self.poisoned()):  # what a command does last is looked for like everything else
                since = self.ask("SELECT clock_timestamp()")[0][0]
            for name, process in self.running.items():
                if not process.is_alive():
                    self.running[name] = self.started(name)
                    self.verdict.died += 1
            self.tell_nobody_to_wait()
            time.sleep(0.1)
        self.weigh()
        self.verdict.liveness["stuck"] = len(waiting)
        self.verdict.found += [f"stuck: {each}" for each in waiting]
        self.quiet_since = self.ask("SELECT clock_timestamp()")[0][0]

    def wait_for_plans(self) -> None:
        """A moment, for what waits for a call of the worker."""
        ends = time.monotonic() + PLAN_SECONDS
        while len(self.stage.sandbox.state.plans) and time.monotonic() < ends:
            time.sleep(0.05)

    def waiting(self, since: datetime) -> list[str]:
        """Data sets of which no poll has read since then all that it reads, and entities that the inbox still holds."""
        known = self.ask("SELECT dataset FROM sync.freshness WHERE as_of >= %s", since)
        held = self.ask(
            "SELECT DISTINCT concat_ws(' ', source, kind, entity, error) FROM sync.inbox WHERE state = 'waiting'"
        )
        open_ = [*self.ask(OPEN, self.poisoned()), *self.ask(REFUSED_DETAILS, DETAILS_OF, self.gone_or_poisoned())]
        for details in DETAILS.values():
            due = DUE_DETAILS.format(
                parent=qualified(details.parent), due=Identifier(details.due_at), where=SQL(details.where)
            )
            open_ += self.ask(due, self.gone_or_poisoned())
        wanted = {dataset.name for system in POLLED for dataset in datasets_of(system)}
        return sorted(wanted - {name for (name,) in known}) + [name for (name,) in (*held, *open_)]

    def tell_nobody_to_wait(self, *, sources: bool = False) -> None:
        """A pause after failures is right, and here only a wait. `sources`: of whole sources alone."""
        with suppress(psycopg.OperationalError), psycopg.connect(self.stage.database.owner) as connection:
            connection.execute("UPDATE sync.sources SET retry_at = now() WHERE retry_at > now()")
            connection.execute(
                "UPDATE command.commands SET due_at = now() + %s WHERE status = 'waiting' AND due_at > now() + %s",
                [SETTLED, SETTLED],
            )
            if not sources:
                connection.execute("UPDATE sync.inbox SET due_at = now() WHERE state = 'waiting' AND due_at > now()")
                for name, details in DETAILS.items():
                    connection.execute(
                        DETAILS_ARE_DUE.format(parent=qualified(details.parent), due=Identifier(details.due_at)),
                        [name, self.gone_or_poisoned()],
                    )

    def poisoned(self) -> list[str]:
        """Ids of records that make each list with them fail until all is judged."""
        return [record for (_, record), why in self.left.items() if why == "poisoned"]

    def gone_or_poisoned(self) -> list[str]:
        """Ids of records that cannot be read until all is judged."""
        return [record for (_, record), why in self.left.items() if why != "webhook lost"]

    def weigh(self) -> None:
        """How much memory each process of the hub holds, in MiB: at the beginning of the quiet, and at its end."""
        for name, process in self.running.items():
            with suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{process.pid}/statm") as said:  # noqa: PTH123 - no file of anybody's
                    now = int(said.read().split()[1]) * 4 // 1024
                first, _ = self.memory.get(name, (now, now))
                self.memory[name] = first, now

    def count(self) -> None:
        """Of what was prepared, what really met a call or a message."""
        calls = self.stage.sandbox.state.calls
        self.verdict.calls = calls.total
        for call in calls.latest(10_000):
            if call.fault == "repeat":
                self.did("order", "repeated page")
            elif call.fault == "expire":
                self.did("state", "session over in a bulk job")
            elif call.fault:
                self.verdict.cells.update(met(call.fault, call.label))
        sent = httpx.get(f"{self.stage.sandbox.whmcs_url}/__sandbox__/webhooks", timeout=30).json()["sent"]
        for each in sent:
            if each["fault"]:
                self.did("webhook", each["fault"], each["entity"])
            if 202 not in each["answers"]:
                self.left.setdefault((each["entity"], each["entityId"]), "webhook lost")
        plans = self.stage.sandbox.state.plans
        still = [(match, after, plan.record_id) for match, after, plan in plans.waiting()]
        for match, after, record, hit in self.planned:
            if (match, after, record) not in still:
                self.verdict.cells[hit] += 1
        plans.clear()

    def ask(self, query: str | Composed, *values: object) -> list[Any]:
        with psycopg.connect(self.stage.database.owner) as connection:
            return connection.execute(query.encode() if isinstance(query, str) else query, values).fetchall()


def whmcs_stamp(instant: datetime) -> str:
    return f"{instant + timedelta(hours=9):%Y-%m-%d %H:%M:%S}"


def played(seed: int, stage: Stage, actions: Sequence[Action]) -> Verdict:
    """Play those actions on the stage, and judge."""
    from tests.faults.judging import judged  # noqa: PLC0415 - it judges plays, and so imports this

    started = time.monotonic()
    play = Play(seed, stage, actions)
    with given(stage.environment):
        play.run()
        judged(play)
    play.verdict.seconds = time.monotonic() - started
    return play.verdict
