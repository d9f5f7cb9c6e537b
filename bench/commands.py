"""`bench commands`: from an accepted POST to the first call of a source, and how many commands a forwarder does."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import UUID, uuid4

import httpx
from rich.console import Console

from bench.errors import BenchError
from bench.peers import ROOT
from bench.processes import ended
from bench.processor import used
from bench.report import Line, Target, tell
from bench.stack import Hub, beside, rows, running_hub

CUSTOMERS = 300
AS_MANY_AS_WE_LIKE = {
    "API_COMMANDS_PER_MINUTE": "1000000",
    "API_COMMANDS_PER_DAY": "1000000",
    "API_QUOTA_SHARE_PERCENT": "100",
}
"""What one customer may ask for is not what is measured."""
SINGLE = 60
"""Commands asked for one by one, each when the one before is done."""
BY_SENSOR = 5
PER_SECOND = 50
BACKLOG = 400
FEW = 20
"""Commands left for each forwarder at which measuring ends: what is shared out by then is no steady work."""
PROCESSES = {
    "forward": "forwarders",
    "sandbox": "sandbox",
    "PostgreSQL": "PostgreSQL",
    "apply": "worker that reads back",
    "api": "API",
    "bench": "this benchmark",
}
AT_WORK = "SELECT DISTINCT claimed_by FROM command.commands WHERE status = 'running'"
PATIENCE_SECONDS = 120.0
CART = {"type": "vpn", "items": [{"sku": "VPN-REMOTE-ACCESS-USA-SF"}, {"sku": "VPN-ACTIVATION-FEE"}]}
WHO_MAY_ORDER = (
    "SELECT c.id FROM hub.customers c WHERE c.deleted_at IS NULL AND c.salesforce_account_id IS NOT NULL"
    " AND c.status <> 'closed' AND c.address1 <> '' AND c.city <> '' AND EXISTS (SELECT FROM hub.payment_methods p"
    " WHERE p.account_id = c.whmcs_account_id AND p.deleted_at IS NULL) ORDER BY c.id"
)


def bench_commands(repeats: int, seconds: int) -> None:
    """Measure and print.

    Raises:
        BenchError: a process did not start, or a command was never done.
    """
    console = Console(stderr=True)
    first_call, accepted, alone, both, by_sensor = [], [], list[WorkedOff](), list[WorkedOff](), []
    with running_hub(
        CUSTOMERS, "apply", HUB_POLL_SECONDS="0", COMMANDS_OVERDUE_SECONDS="0", **AS_MANY_AS_WE_LIKE
    ) as hub:
        headers = [{"Authorization": f"Bearer {hub.token(UUID(str(row[0])))}"} for row in rows(hub.url, WHO_MAY_ORDER)]
        for repeat in range(repeats):
            console.print(f"{repeat + 1} of {repeats}: one at a time ...")
            with beside("forward", hub.environment):
                asyncio.run(_one_by_one(hub, headers, 5))
                first_call.append(asyncio.run(_one_by_one(hub, headers, SINGLE)))
            console.print(f"{PER_SECOND} a second, nobody working on them ...")
            accepted.append(asyncio.run(_steadily(hub, headers, seconds)))
            alone.append(_worked_off(hub, headers, 1, console))
            both.append(_worked_off(hub, headers, 2, console))
        console.print("by a Dagster sensor, without a forwarder ...")
        with _daemon(hub):
            by_sensor.append(asyncio.run(_one_by_one(hub, headers, BY_SENSOR)))
    _report(first_call, accepted, alone, both, by_sensor)


async def _one_by_one(hub: Hub, headers: Sequence[dict[str, str]], commands: int) -> list[float]:
    """Seconds from sending the POST to when the source was first called, each command by itself."""
    async with httpx.AsyncClient(base_url=hub.api, timeout=10, trust_env=False) as client:
        found = []
        for number in range(commands):
            request, sent = uuid4().hex, time.time()
            said = await _post(client, headers[number % len(headers)], request)
            found.append(await _first_call(hub, request) - sent)
            await _until(hub, f"SELECT id FROM command.commands WHERE id = '{said}' AND finished_at IS NOT NULL")  # noqa: S608
        return found


async def _post(client: httpx.AsyncClient, headers: dict[str, str], request: str) -> str:
    answer = await client.post(
        "/api/orders", json=CART, headers=headers | {"X-Request-ID": request, "Idempotency-Key": request}
    )
    if answer.status_code != 202:
        raise BenchError(f"an order was answered {answer.status_code}: {answer.text[:200]}")
    return str(answer.json()["data"]["id"])


async def _first_call(hub: Hub, request: str) -> float:
    """When a source was first called for a request, by the sandbox's log, seconds since 1970."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        while time.monotonic() < deadline:
            answer = await client.get(f"{hub.salesforce}/__sandbox__/calls", params={"limit": 200})
            ours = [call for call in answer.json()["calls"] if call["request_id"] == request]
            if ours:
                return min(_began(call) for call in ours)
            await asyncio.sleep(0.02)
    raise BenchError("a command never reached a source")


def _began(call: dict[str, Any]) -> float:
    return datetime.fromisoformat(call["at"]).timestamp() - float(call["milliseconds"]) / 1000


async def _until(hub: Hub, query: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not rows(hub.url, query):
        if time.monotonic() > deadline:
            raise BenchError("commands were not done in time")
        await asyncio.sleep(0.02)


async def _steadily(hub: Hub, headers: Sequence[dict[str, str]], seconds: int) -> list[float]:
    """Seconds that each POST took, sent at a steady pace whatever the answers."""
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=hub.api, timeout=10, limits=limits, trust_env=False) as client:

        async def timed(number: int) -> float:
            started = time.perf_counter()
            await _post(client, headers[number % len(headers)], uuid4().hex)
            return time.perf_counter() - started

        await asyncio.gather(*(timed(number) for number in range(20)))
        began, sent = time.perf_counter(), []
        for number in range(PER_SECOND * seconds):
            await asyncio.sleep(max(began + number / PER_SECOND - time.perf_counter(), 0))
            sent.append(asyncio.create_task(timed(number)))
        return list(await asyncio.gather(*sent))


@dataclass(frozen=True)
class WorkedOff:
    """Commands a second of a backlog, and the milliseconds of processor that each cost, by process."""

    per_second: float
    milliseconds: Mapping[str, float]

    @property
    def cores(self) -> float:
        """How many of the machine's cores all that kept busy."""
        return self.per_second * sum(self.milliseconds.values()) / 1000


def _worked_off(hub: Hub, headers: Sequence[dict[str, str]], forwarders: int, console: Console) -> WorkedOff:
    """What so many forwarders do, from when all are at work until little is left for any."""
    console.print(f"{forwarders} working off a backlog of {BACKLOG} and more ...")
    asyncio.run(_backlog(hub, headers))
    with ExitStack() as stack:
        for _ in range(forwarders):
            stack.enter_context(beside("forward", hub.environment))
        # What they need to start is none of what they do.
        at_work: set[object] = set()
        while len(at_work) < forwarders:
            at_work |= {row[0] for row in rows(hub.url, AT_WORK)}
        began, before, first = time.perf_counter(), used(hub.url), _open(hub)
        while (left := _open(hub)) > FEW * forwarders:
            time.sleep(0.05)
        after, seconds, done = used(hub.url), time.perf_counter() - began, first - left
        while _open(hub):
            time.sleep(0.05)
    return WorkedOff(done / seconds, {name: 1000 * (after[name] - before[name]) / done for name in PROCESSES})


def _open(hub: Hub) -> int:
    return int(str(rows(hub.url, "SELECT count(*) FROM command.commands WHERE finished_at IS NULL")[0][0]))


async def _backlog(hub: Hub, headers: Sequence[dict[str, str]]) -> None:
    async with httpx.AsyncClient(base_url=hub.api, timeout=30, trust_env=False) as client:
        for start in range(0, BACKLOG, 20):
            await asyncio.gather(*(_post(client, headers[(start + n) % len(headers)], uuid4().hex) for n in range(20)))


@contextmanager
def _daemon(hub: Hub) -> Iterator[None]:
    """Dagster's own daemon, which evaluates sensors."""
    command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", "-w", str(ROOT / "workspace.yaml")]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | hub.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(25)  # it loads the code before its first evaluation
        yield
    finally:
        ended(process)


def _report(
    first_call: list[list[float]],
    accepted: list[list[float]],
    alone: list[WorkedOff],
    both: list[WorkedOff],
    by_sensor: list[list[float]],
) -> None:
    lines = [
        Line("POST to first source call, idle forwarder, p50", "s", [_percentile(some, 50) for some in first_call]),
        Line("the same, p99", "s", [_percentile(some, 99) for some in first_call]),
        Line("the same by Dagster's sensor, p50", "s", [_percentile(some, 50) for some in by_sensor]),
        Line(f"POST at {PER_SECOND} a second, p99", "ms", [_percentile(some, 99) * 1000 for some in accepted]),
        *_lines("one forwarder", alone),
        *_lines("two forwarders", both),
    ]
    targets = [
        Target("POST to first source call p50", lines[0].median, 0.3, at_least=False),
        Target("POST to first source call p99", lines[1].median, 1.0, at_least=False),
        Target("POST p99, ms", lines[3].median, 30.0, at_least=False),
    ]
    tell("commands", {"customers": CUSTOMERS, "backlog": BACKLOG}, lines, targets)


def _lines(who: str, samples: Sequence[WorkedOff]) -> Iterator[Line]:
    yield Line(f"commands a second, {who}", "1/s", [each.per_second for each in samples])
    yield Line(f"cores busy, of {os.cpu_count()}", "", [each.cores for each in samples])
    for process, shown in PROCESSES.items():
        yield Line(f"processor a command: {shown}", "ms", [each.milliseconds[process] for each in samples])


def _percentile(samples: Sequence[float], percent: int) -> float:
    return quantiles(samples, n=100, method="inclusive")[percent - 1]
