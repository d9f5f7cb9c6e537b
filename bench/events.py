"""`bench events`: from a change at a source to the moment when the API shows it, under a steady load of events."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from uuid import UUID

import httpx
from rich.console import Console

from bench.errors import BenchError
from bench.report import Line, Target, tell
from bench.stack import Hub, rows, running_hub

CUSTOMERS = 500
TRACKED_EVERY = 10
"""One change in so many is followed through the API; the others are load."""
POLL_EVERY_SECONDS = 0.025
PATIENCE_SECONDS = 30.0
WARM_UP_CHANGES = 60


@dataclass(frozen=True)
class Subject:
    """A record that is changed, and where its customer sees it."""

    kind: str
    record: str
    path: str
    authorization: str


def bench_events(per_second: int, seconds: int, repeats: int) -> None:
    """Measure and print.

    Raises:
        BenchError: a process did not start, or a change was never seen.
    """
    console = Console(stderr=True)
    console.print("starting a hub with its listener and its worker ...")
    latencies: dict[str, list[list[float]]] = {"salesforce": [], "whmcs": []}
    with running_hub(CUSTOMERS, "listen", "apply", HUB_POLL_SECONDS="0") as hub:
        subjects = {kind: _subjects(hub, kind) for kind in latencies}
        asyncio.run(_warm(hub, subjects))
        for repeat in range(repeats):
            console.print(f"{per_second} changes a second for {seconds} s, {repeat + 1} of {repeats} ...")
            seen = asyncio.run(_loaded(hub, subjects, per_second, seconds, repeat))
            for kind, some in seen.items():
                latencies[kind].append(some)
    _report(latencies, {"changes per second": per_second, "seconds": seconds, "customers": CUSTOMERS})


def _subjects(hub: Hub, kind: str) -> list[Subject]:
    whose = {
        "salesforce": "SELECT a.customer_id, a.source_id, '/api/me' FROM hub.customer_accounts a"
        " WHERE a.source = 'salesforce' AND a.deleted_at IS NULL ORDER BY a.id",
        "whmcs": "SELECT DISTINCT ON (a.customer_id) a.customer_id, i.source_id, '/api/invoices/' || i.id"
        " FROM hub.invoices i JOIN hub.customer_accounts a ON a.id = i.account_id ORDER BY a.customer_id, i.id",
    }[kind]
    found = rows(hub.url, whose)
    return [
        Subject(kind, str(record), str(path), f"Bearer {hub.token(UUID(str(customer)))}")
        for customer, record, path in found
    ]


async def _warm(hub: Hub, subjects: dict[str, list[Subject]]) -> None:
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        for some in subjects.values():
            await _until_seen(hub, client, some[0])


async def _until_seen(hub: Hub, client: httpx.AsyncClient, subject: Subject) -> None:
    """Change a record until it is seen: a listener that has just started hears of what comes from then on."""
    for value in range(1, 1 + WARM_UP_CHANGES):
        await _changed(hub, client, subject, value)
        if await _seen(hub, client, subject, value, patience=2.0) is not None:
            return
    raise BenchError(f"a change in {subject.kind} never reached the API")


async def _loaded(
    hub: Hub, subjects: dict[str, list[Subject]], per_second: int, seconds: int, repeat: int
) -> dict[str, list[float]]:
    """Changes at a steady pace, alternating between the systems; seconds until those followed were seen."""
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(timeout=10, limits=limits, trust_env=False) as client:
        followed: list[asyncio.Task[tuple[str, float | None]]] = []
        started = time.perf_counter()
        for number in range(per_second * seconds):
            await asyncio.sleep(max(started + number / per_second - time.perf_counter(), 0))
            kind = ("salesforce", "whmcs")[number % 2]
            some = subjects[kind]
            # A record changes once in a sample, so that what is seen is the change that was made.
            subject, value = some[(number // 2) % len(some)], 1000 * (repeat + 1) + number
            is_followed = number % TRACKED_EVERY < 2
            followed.append(asyncio.create_task(_follow(hub, client, subject, value, followed=is_followed)))
        outcomes = await asyncio.gather(*followed)
    if any(seconds is None for _, seconds in outcomes):
        raise BenchError("some changes were never seen through the API")
    return {
        kind: [seconds for name, seconds in outcomes if name == kind and seconds is not None and seconds > 0]
        for kind in subjects
    }


async def _follow(
    hub: Hub, client: httpx.AsyncClient, subject: Subject, value: int, *, followed: bool
) -> tuple[str, float | None]:
    await _changed(hub, client, subject, value)
    return subject.kind, await _seen(hub, client, subject, value) if followed else 0.0


async def _changed(hub: Hub, client: httpx.AsyncClient, subject: Subject, value: int) -> None:
    if subject.kind == "salesforce":
        content = {"system": "salesforce", "object": "Account", "fields": {"Name": f"Customer {value}"}}
        url = hub.salesforce
    else:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 9 * 3600))
        content = {"system": "whmcs", "object": "invoice", "fields": {"total": f"{value}.00", "updated_at": stamp}}
        url = hub.whmcs
    answer = await client.post(f"{url}/__sandbox__/mutate", json=content | {"id": subject.record})
    answer.raise_for_status()


async def _seen(
    hub: Hub, client: httpx.AsyncClient, subject: Subject, value: int, patience: float = PATIENCE_SECONDS
) -> float | None:
    """Seconds from now until the customer's API shows the value; None: it never did."""
    started = time.perf_counter()
    headers = {"Authorization": subject.authorization}
    while time.perf_counter() - started < patience:
        answer = await client.get(f"{hub.api}{subject.path}", headers=headers)
        if answer.status_code == 200 and _shown(subject, json.loads(answer.content)["data"]) == value:
            return time.perf_counter() - started
        await asyncio.sleep(POLL_EVERY_SECONDS)
    return None


def _shown(subject: Subject, data: dict[str, object]) -> float:
    if subject.kind == "salesforce":
        return float(str(data["name"]).rpartition(" ")[2]) if str(data["name"]).startswith("Customer ") else -1
    total = data["total"]
    return float(str(total["value"])) if isinstance(total, dict) else -1


def _report(latencies: dict[str, list[list[float]]], size: dict[str, int]) -> None:
    lines, targets = [], []
    for kind, samples in latencies.items():
        p50, p99 = [_percentile(some, 50) for some in samples], [_percentile(some, 99) for some in samples]
        lines += [Line(f"{kind}: change to readable p50", "s", p50), Line(f"{kind}: p99", "s", p99)]
        targets += [
            Target(f"{kind} p50", lines[-2].median, 0.25, at_least=False),
            Target(f"{kind} p99", lines[-1].median, 1.0, at_least=False),
        ]
    tell("events", dict(size), lines, targets)


def _percentile(samples: Sequence[float], percent: int) -> float:
    return quantiles(samples, n=100)[percent - 1]
