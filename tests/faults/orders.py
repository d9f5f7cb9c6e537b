"""`python -m tests.faults.orders --orders 1000`: many customers order at once while sources fail and forwarders die.

Every accepted order must end provisioned or visibly failed, and Salesforce, WHMCS and the hub must agree one to one.
"""

import argparse
import asyncio
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import httpx
import psycopg
from rich.console import Console

from bench.stack import Hub, rows, running_hub
from core.logging import configure
from pipelines.sources.clients import Clients
from tests.faults.stage import given
from tests.pipelines.commands.examples import VPN

CUSTOMERS = 120
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
SETTINGS = {
    "SALESFORCE_TIMEOUT_SECONDS": "2",
    "WHMCS_TIMEOUT_SECONDS": "2",
    "COMMANDS_LEASE_SECONDS": "3",
    "COMMANDS_SETTLE_SECONDS": "3",
    "HUB_POLL_SECONDS": "0",
}
TELL_EVERY_SECONDS = 10.0

Process: TypeAlias = "subprocess.Popen[bytes]"


@dataclass(frozen=True)
class Standing:
    """How many orders the hub shows as placed, provisioned and failed, and how many commands have not ended."""

    placed: int
    provisioned: int
    failed: int
    open: int

    def is_over(self, accepted: int) -> bool:
        """Nothing is under way, and every accepted order has come to its end."""
        return not self.open and self.provisioned + self.failed >= accepted

    def __str__(self) -> str:
        return f"{self.placed} placed, {self.provisioned} provisioned, {self.failed} failed, {self.open} commands open"


STANDING = """
SELECT count(o.id), count(*) FILTER (WHERE o.status = 'processed'),
       count(*) FILTER (WHERE o.activation_status = 'failed' OR c.status IN ('failed', 'dead')),
       (SELECT count(*) FROM command.commands WHERE status IN ('accepted', 'running', 'waiting'))
  FROM command.commands c LEFT JOIN hub.orders o ON o.command_id = c.id
 WHERE c.kind = 'place_order'
"""


@dataclass
class Storm:
    """One storm over a running hub: its API, its worker and its listener; the forwarders are the storm's own."""

    hub: Hub
    orders: int
    seed: int
    console: Console
    faults: int = 0
    kills: int = 0
    repeated: int = 0
    accepted: dict[str, str] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)

    def play(self, patience_seconds: float) -> Counter[str]:
        """All of it, to its verdict: what went wrong, by name; nothing is right."""
        at_work = (self.kill_forwarders, self.fail, self.approve, self.tell)
        threads = [threading.Thread(target=each) for each in at_work]
        for thread in threads:
            thread.start()
        try:
            asyncio.run(self.order())
            self.wait(patience_seconds)
        finally:
            self.over.set()
            for thread in threads:
                thread.join()
        return self.verdict()

    # -- what happens ------------------------------------------------------------------------------------------------

    async def order(self) -> None:
        """Customers order, and ask again with the same key where no answer came."""
        customers = self.rows(
            "SELECT c.id FROM hub.customers c WHERE c.salesforce_account_id IS NOT NULL AND c.address1 <> ''"
            " AND c.city <> '' AND c.status <> 'closed'"
            " AND EXISTS (SELECT FROM hub.payment_methods p WHERE p.account_id = c.whmcs_account_id)"
        )
        tokens = [self.hub.token(UUID(str(row[0]))) for row in customers]
        at_once, chance = asyncio.Semaphore(CLIENTS), random.Random(self.seed)
        async with httpx.AsyncClient(base_url=self.hub.api, timeout=20, trust_env=False) as client:

            async def one(number: int) -> None:
                key, token = uuid4().hex, tokens[number % len(tokens)]
                headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
                twice = chance.random() < 0.2
                async with at_once:
                    answer = await ordered(client, headers)
                    if twice:
                        again = await ordered(client, headers)
                        assert again.content == answer.content
                        self.repeated += 1
                    self.accepted[answer.json()["data"]["id"]] = token

            await asyncio.gather(*(one(number) for number in range(self.orders)))

    def kill_forwarders(self) -> None:
        """Two forwarders; now and then one that is in the middle of its work dies, and another is started."""
        chance = random.Random(self.seed + 1)
        running = [self.forwarder() for _ in range(FORWARDERS)]
        while not self.over.wait(chance.uniform(10, 25)):
            while not (busy := self.at_work(running)):
                if self.over.wait(0.1):
                    break
            else:
                killed = chance.choice(busy)
                killed.send_signal(signal.SIGKILL)
                killed.wait()
                self.kills += 1
                running[running.index(killed)] = self.forwarder()
        for each in running:
            each.terminate()
            each.wait()

    def at_work(self, running: list[Process]) -> list[Process]:
        """Those that hold commands."""
        holders = self.rows("SELECT DISTINCT claimed_by FROM command.commands WHERE status = 'running'")
        pids = {int(str(holder).rpartition(":")[2]) for (holder,) in holders}
        return [each for each in running if each.pid in pids]

    def fail(self) -> None:
        """About every twentieth call fails."""
        chance, seen = random.Random(self.seed + 2), 0
        while not self.over.wait(0.1):
            try:
                total = self.calls()
            except httpx.TransportError:
                continue
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

    def tell(self) -> None:
        """How far it is, now and then."""
        while not self.over.wait(TELL_EVERY_SECONDS):
            done = f"{len(self.accepted)} of {self.orders} accepted, {self.standing()}"
            happened = f"{self.faults} faults, {self.kills} kills"
            self.console.print(f"{time.monotonic() - self.began:5.0f} s  {done}; {happened}", highlight=False)

    def wait(self, seconds: float) -> None:
        """Until every order has come to an end, or patience has."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with psycopg.connect(self.hub.url) as connection:
                # A pause after failures is right, and here only a wait.
                connection.execute("UPDATE sync.sources SET retry_at = now() WHERE retry_at > now() + interval '2 s'")
            if self.standing().is_over(len(self.accepted)):
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
        ledger = httpx.get(f"{self.hub.whmcs}/__sandbox__/ledger", params={"kind": "order"}).json()["effects"]
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

    def standing(self) -> Standing:
        return Standing(*(int(str(count)) for count in self.rows(STANDING)[0]))

    def calls(self) -> int:
        answer = httpx.get(f"{self.hub.whmcs}/__sandbox__/calls", params={"limit": 1})
        return int(answer.json()["total"])

    def control(self, name: str, content: Any) -> None:
        httpx.post(f"{self.hub.whmcs}/__sandbox__/{name}", json=content, timeout=30).raise_for_status()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.hub.url, query)

    def forwarder(self) -> Process:
        return subprocess.Popen(
            [sys.executable, "-m", "cli", "forward"],
            env=os.environ | self.hub.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


async def ordered(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    """The answer that accepts it; sent again while the customer has too many open commands, or no answer comes."""
    while True:
        with suppress(httpx.TransportError):
            answer = await client.post("/api/orders", json=VPN, headers=headers)
            if answer.status_code == 202:
                return answer
            assert answer.status_code == 429, answer.text
        await asyncio.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.orders", description=__doc__)
    parser.add_argument("--orders", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults and kills (default 1)")
    options = parser.parse_args()
    configure(level=logging.CRITICAL)
    console = Console()
    console.print("starting a hub ...")
    with running_hub(CUSTOMERS, "apply", "listen", **SETTINGS) as hub, given(dict(hub.environment)):
        storm = Storm(hub, options.orders, options.seed, console)
        wrong = storm.play(60.0 + options.orders)
        console.print(
            f"{len(storm.accepted)} orders accepted ({storm.repeated} sent twice), {storm.faults} faults in"
            f" {storm.calls()} calls, {storm.kills} forwarders killed, {time.monotonic() - storm.began:.0f} s"
        )
        for what, count in storm.outcomes().items():
            console.print(f"  {what}: {count}")
    for what, count in wrong.items():
        console.print(f"  [red]{what}: {count}[/]")
    console.print("[red]something is wrong[/]" if wrong else "[green]everything agrees[/]")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
