"""`python -m tests.faults.orders --orders 1000`: many customers order at once while sources fail and forwarders die.

Every accepted order must end provisioned or visibly failed, and Salesforce, WHMCS and the hub must agree one to one.
"""

import argparse
import asyncio
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
from rich.console import Console

from bench.database import TEMPLATE, as_role, fresh, server
from bench.peers import ROOT
from cli.up.databases import for_dagster
from core.logging import configure
from core.settings import ApiSettings
from pipelines.commands.clients import Clients
from pipelines.datasets import DATASETS
from pipelines.resources import source_of
from pipelines.sync.run import run
from read_api.auth.tokens import mint
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.e2e.conftest import hub_environment
from tests.faults.stage import given
from tests.pipelines.commands.examples import VPN
from tests.serving import KEY, served_api

CLIENTS = 50
FAULTS = ("status:503", "drop", "cut", "429", "html500", "malformed", "timeout_after")
CALLS = (
    "composite",
    "Opportunity",
    "sobjects",
    "query",
    "AddOrder",
    "AcceptOrder",
    "GetClientsProducts",
    "UpdateClient",
)
FORWARDERS = 2


@dataclass
class Storm:
    """One storm against a sandbox and an empty, migrated database."""

    sandbox: RunningSandbox
    database: Any
    dagster: str
    orders: int
    seed: int
    faults: int = 0
    kills: int = 0
    repeated: int = 0
    accepted: dict[str, str] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def environment(self, home: str) -> dict[str, str]:
        return hub_environment(self.sandbox, self.database) | {
            "SALESFORCE_EVENTS_TARGET": self.sandbox.salesforce_grpc,
            "SALESFORCE_EVENTS_INSECURE": "true",
            "SALESFORCE_TIMEOUT_SECONDS": "2",
            "WHMCS_TIMEOUT_SECONDS": "2",
            "COMMANDS_LEASE_SECONDS": "3",
            "COMMANDS_SETTLE_SECONDS": "3",
            "HUB_TICK_SECONDS": "0",
            "DAGSTER_HOME": home,
            "DAGSTER_DATABASE_URL": for_dagster(self.dagster),
        }

    def play(self, home: str, patience_seconds: float) -> Counter[str]:
        """All of it, to its verdict: what went wrong, by name; nothing is right."""
        self.control("reset", {})
        with given(self.environment(home)):
            for dataset in DATASETS:
                if dataset.system != "freebit":
                    source = source_of(dataset.system)
                    run(dataset, source, self.database.sync)
                    source.client.close()
            with ExitStack() as stack:
                api = stack.enter_context(served_api(self.database))
                for name in ("apply", "listen"):
                    stack.enter_context(process(name))
                threads = [threading.Thread(target=each) for each in (self.kill_forwarders, self.fail, self.approve)]
                for thread in threads:
                    thread.start()
                try:
                    asyncio.run(self.order(api))
                    self.wait(patience_seconds)
                finally:
                    self.over.set()
                    for thread in threads:
                        thread.join()
            return self.verdict()

    # -- what happens ------------------------------------------------------------------------------------------------

    async def order(self, api: str) -> None:
        """Customers order, and ask again with the same key where no answer came."""
        customers = self.rows(
            "SELECT c.id FROM hub.customers c WHERE c.salesforce_account_id IS NOT NULL AND c.address1 <> ''"
            " AND c.city <> '' AND c.status <> 'closed'"
            " AND EXISTS (SELECT FROM hub.payment_methods p WHERE p.account_id = c.whmcs_account_id)"
        )
        settings = ApiSettings(jwt_key=KEY, jwt_minutes=1440)
        tokens = [mint(settings, UUID(str(row[0]))) for row in customers]
        at_once, chance = asyncio.Semaphore(CLIENTS), random.Random(self.seed)
        async with httpx.AsyncClient(base_url=api, timeout=20, trust_env=False) as client:

            async def one(number: int) -> None:
                key, token = uuid4().hex, tokens[number % len(tokens)]
                headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
                twice = chance.random() < 0.2
                async with at_once:
                    while True:
                        answer = await client.post("/api/orders", json=VPN, headers=headers)
                        if answer.status_code == 202:
                            break
                        assert answer.status_code == 429, answer.text
                        await asyncio.sleep(0.5)
                    if twice:
                        again = await client.post("/api/orders", json=VPN, headers=headers)
                        assert again.content == answer.content
                        self.repeated += 1
                    self.accepted[answer.json()["data"]["id"]] = token

            await asyncio.gather(*(one(number) for number in range(self.orders)))

    def kill_forwarders(self) -> None:
        """Two forwarders, one of which dies now and then and is started again."""
        chance = random.Random(self.seed + 1)
        running = [started("forward") for _ in range(FORWARDERS)]
        while not self.over.wait(chance.uniform(10, 25)):
            which = chance.randrange(FORWARDERS)
            running[which].send_signal(signal.SIGKILL)
            running[which].wait()
            self.kills += 1
            running[which] = started("forward")
        for each in running:
            each.terminate()
            each.wait()

    def fail(self) -> None:
        """About every twentieth call fails."""
        chance, seen = random.Random(self.seed + 2), 0
        while not self.over.wait(0.1):
            total = self.calls()
            for _ in range((total - seen) // 20):
                fault = {"match": chance.choice(CALLS), "mode": chance.choice(FAULTS), "times": 1}
                self.control("faults", fault)
                self.faults += 1
            seen = total - (total - seen) % 20

    def approve(self) -> None:
        """Agents approve what they see; their own calls may fail too."""
        clients = Clients()
        while not self.over.wait(0.5):
            with suppress(Exception):
                drafts = clients.salesforce.find(
                    "SELECT Id FROM Order WHERE Status = 'Draft' AND Hub_Command_Id__c != null LIMIT 200"
                )
                for draft in drafts:
                    with suppress(Exception):
                        clients.salesforce.update("Order", draft["Id"], {"Status": "Approved"})
        clients.close()

    def wait(self, seconds: float) -> None:
        """Until every order has come to an end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with psycopg.connect(self.database.owner) as connection:
                # A pause after failures is right, and here only a wait.
                connection.execute("UPDATE sync.sources SET retry_at = now() WHERE retry_at > now() + interval '2 s'")
            open_ = self.rows(
                "SELECT count(*) FROM command.commands WHERE status IN ('accepted', 'running', 'waiting')"
            )
            ended = self.rows(
                "SELECT count(*) FROM hub.orders WHERE command_id IS NOT NULL"
                " AND (status = 'processed' OR activation_status = 'failed')"
            )
            failed = self.rows(
                "SELECT count(*) FROM command.commands WHERE kind = 'place_order' AND status IN ('failed', 'dead')"
            )
            if open_[0][0] == 0 and ended[0][0] + failed[0][0] >= len(self.accepted):
                return
            self.over.wait(0.5)

    # -- the verdict -------------------------------------------------------------------------------------------------

    def verdict(self) -> Counter[str]:
        """What is not as it must be."""
        clients, wrong = Clients(), Counter[str]()
        placed: dict[str, dict[str, Any]] = {}
        pages = clients.salesforce.query(
            "SELECT Id, Status, Activation_Status__c, WHMCS_Order_ID__c, Hub_Command_Id__c FROM Order"
            " WHERE Hub_Command_Id__c != null",
            include_deleted=False,
        )
        for row in (row for page in pages for row in page):
            wrong["twice in Salesforce"] += row["Hub_Command_Id__c"] in placed
            placed[row["Hub_Command_Id__c"]] = row
        clients.close()
        ledger = httpx.get(f"{self.sandbox.whmcs_url}/__sandbox__/ledger", params={"kind": "order"}).json()["effects"]
        billed = Counter(each["marker"] for each in ledger if each["system"] == "whmcs")
        known = {str(row[0]): row[1:] for row in self.rows(
            "SELECT c.id, c.status, o.status, o.activation_status, o.whmcs_order_id FROM command.commands c"
            " LEFT JOIN hub.orders o ON o.command_id = c.id WHERE c.kind = 'place_order'"
        )}  # fmt: skip
        for command in self.accepted:
            status, order_status, activation, whmcs_order = known[command]
            row = placed.get(command)
            if row is None:
                wrong["accepted, in no system, not failed"] += status not in {"failed", "dead"}
                continue
            orders = billed[f"sfOrderId={row['Id']}"]
            done = row["Status"] == "Processed"
            wrong["neither provisioned nor failed"] += not done and row["Activation_Status__c"] != "Failed"
            wrong["twice in WHMCS"] += orders > 1
            wrong["provisioned without a WHMCS order"] += done and orders != 1
            wrong["the hub says otherwise"] += (order_status == "processed") != done
            wrong["the hub has another WHMCS order"] += done and whmcs_order != row["WHMCS_Order_ID__c"]
            wrong["failed without a word"] += not done and activation != "failed"
        wrong["orders nobody accepted"] = len(set(placed) - set(self.accepted))
        return +wrong

    def outcomes(self) -> dict[str, int]:
        return {f"{kind} {status}": count for kind, status, count in self.rows(
            "SELECT kind, concat_ws(' ', status, failure_code), count(*) FROM command.commands"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        )}  # fmt: skip

    # -- small things ------------------------------------------------------------------------------------------------

    def calls(self) -> int:
        answer = httpx.get(f"{self.sandbox.whmcs_url}/__sandbox__/calls", params={"limit": 1})
        return int(answer.json()["total"])

    def control(self, name: str, content: Any) -> None:
        httpx.post(f"{self.sandbox.whmcs_url}/__sandbox__/{name}", json=content, timeout=30).raise_for_status()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.owner) as connection:
            return connection.execute(query.encode()).fetchall()


def started(name: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "cli", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    )


@contextmanager
def process(name: str) -> Iterator[None]:
    running = started(name)
    try:
        yield
    finally:
        running.terminate()
        with suppress(subprocess.TimeoutExpired):
            running.wait(timeout=20)
        running.kill()
        running.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.orders", description=__doc__)
    parser.add_argument("--orders", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults and kills (default 1)")
    options = parser.parse_args()
    configure(level=logging.CRITICAL)
    logging.disable(logging.CRITICAL)
    config = Config(customers=120, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    console = Console()
    with (
        server() as url,
        start(config) as sandbox,
        fresh(url, "storm", template=TEMPLATE) as own,
        fresh(url, "storm_dagster") as dagster,
    ):
        database = SimpleNamespace(owner=own, sync=as_role(own, "hub_sync"), api=as_role(own, "hub_api"))
        with tempfile.TemporaryDirectory() as home:
            shutil.copyfile(ROOT / "dagster.yaml", Path(home) / "dagster.yaml")
            storm, began = Storm(sandbox, database, dagster, options.orders, options.seed), time.monotonic()
            wrong = storm.play(home, 60.0 + options.orders * 2)
        console.print(
            f"{len(storm.accepted)} orders accepted ({storm.repeated} asked for twice), {storm.faults} faults in"
            f" {storm.calls()} calls, {storm.kills} forwarders killed, {time.monotonic() - began:.0f} s"
        )
        for what, count in storm.outcomes().items():
            console.print(f"  {what}: {count}")
        for what, count in wrong.items():
            console.print(f"  [red]{what}: {count}[/]")
        console.print("[green]everything agrees[/]" if not wrong else "[red]something is wrong[/]")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
