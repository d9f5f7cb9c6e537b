"""`bench live`: what an unchanged answer costs beside the whole one, and how soon 500 listeners are notified."""

import asyncio
import json
import secrets
import sys
import time
from contextlib import ExitStack
from hashlib import md5
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from uuid import UUID

import httpx
import psycopg
from rich.console import Console

from bench.database import TEMPLATE, as_role, fresh, server
from bench.errors import BenchError
from bench.load import Load, Rate, require_tools, wrk
from bench.processes import free_port, serving
from bench.report import Line, Target, tell
from core.settings import ApiSettings
from read_api.auth.tokens import mint

FILL = Path(__file__).parent / "fill.sql"
INVOICES, CUSTOMERS, ASKING = 100_000, 2_000, 200
PATH = "/api/invoices?limit=25"
LISTENERS, PER_SECOND = 500, 100


def bench_live(repeats: int, seconds: int, connections: int) -> None:
    """Measure and print.

    Raises:
        BenchError: wrk is missing, the API did not start, or a listener was not notified.
    """
    require_tools()
    console, key, port = Console(stderr=True), secrets.token_hex(32), free_port()
    api = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hub-bench-")))
        url = stack.enter_context(fresh(stack.enter_context(server()), "bench_live", template=TEMPLATE))
        fill(url)
        environment = {"DATABASE_URL": url, "API_DATABASE_URL": as_role(url, "hub_api"), "API_PORT": str(port)}
        environment |= {"AUTH_DATABASE_URL": as_role(url, "hub_auth")}
        environment |= {"HUB_MODE": "development", "API_JWT_KEY": key, "API_JWT_MINUTES": "1440"}
        command = [sys.executable, "-c", "from read_api.serve import serve; serve()"]
        stack.enter_context(serving(command, environment, f"{api}/health"))
        console.print("whole and unchanged answers ...")
        whole, unchanged = _revalidated(api, key, folder, Load(connections, seconds), repeats)
        console.print(f"{LISTENERS} listeners, {PER_SECOND} changes a second ...")
        notified = [asyncio.run(_notified(api, url, key, seconds)) for _ in range(repeats)]
    _report(whole, unchanged, notified)


def fill(url: str) -> None:
    """Customers 1 to CUSTOMERS and their invoices."""
    with psycopg.connect(url, autocommit=True) as connection:
        # The client fills in the values: with parameters, the server takes one statement at a time.
        cursor = psycopg.ClientCursor(connection)
        cursor.execute(FILL.read_text(encoding="utf-8"), {"invoices": INVOICES, "customers": CUSTOMERS})
        connection.execute("VACUUM (ANALYZE) hub.invoices, hub.customer_accounts, hub.customers, sync.freshness")


def _customer(number: int) -> UUID:
    return UUID(md5(f"customer{number}".encode(), usedforsecurity=False).hexdigest())


def token_of(key: str, number: int) -> str:
    """A bearer token of that customer."""
    return mint(ApiSettings(jwt_key=key, jwt_minutes=1440), _customer(number))


def _revalidated(api: str, key: str, folder: Path, load: Load, repeats: int) -> tuple[list[Rate], list[Rate]]:
    """The same callers, asking for the list, and asking whether what they have is still so."""
    tokens = [token_of(key, number) for number in range(1, ASKING + 1)]
    with httpx.Client(trust_env=False) as client:
        tags = [_tag(client, api, token) for token in tokens]
    lines = {
        "whole": [f"{PATH}\tBearer {token}" for token in tokens],
        "unchanged": [f"{PATH}\tBearer {token}\t{tag}" for token, tag in zip(tokens, tags, strict=True)],
    }
    for name, some in lines.items():
        (folder / name).write_text("\n".join(some) + "\n", encoding="ascii")
    whole, unchanged = [], []
    for _ in range(repeats):
        whole.append(wrk(api, folder / "whole", load))
        unchanged.append(wrk(api, folder / "unchanged", load))
    return whole, unchanged


def _tag(client: httpx.Client, api: str, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(100):
        tag: str | None = client.get(f"{api}{PATH}", headers=headers).headers.get("etag")
        if tag and client.get(f"{api}{PATH}", headers=headers | {"If-None-Match": tag}).status_code == 304:
            return tag
        time.sleep(0.05)
    raise BenchError("the API gives no tags, or does not know its own")


async def _notified(api: str, url: str, key: str, seconds: int) -> list[float]:
    """Seconds from a change's commit to the moment its listener has it."""
    arrived: dict[str, float] = {}
    ready = asyncio.Semaphore(0)
    limits = httpx.Limits(max_connections=LISTENERS)
    async with httpx.AsyncClient(timeout=60, limits=limits, trust_env=False) as client:
        listeners = [
            asyncio.create_task(_listen(client, api, token_of(key, number), arrived, ready))
            for number in range(1, LISTENERS + 1)
        ]
        for _ in listeners:
            await asyncio.wait_for(ready.acquire(), 60)
        made = await _changes(url, seconds)
        await asyncio.sleep(2)
        for listener in listeners:
            listener.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)
    if missing := made.keys() - arrived.keys():
        raise BenchError(f"{len(missing)} of {len(made)} changes were not notified")
    return [arrived[record] - at for record, at in made.items()]


async def _listen(
    client: httpx.AsyncClient, api: str, token: str, arrived: dict[str, float], ready: asyncio.Semaphore
) -> None:
    async with client.stream("GET", f"{api}/api/live", headers={"Authorization": f"Bearer {token}"}) as answer:
        async for line in answer.aiter_lines():
            if line.startswith(":"):
                ready.release()
            elif line.startswith("data: "):
                arrived[json.loads(line[6:])["id"]] = time.perf_counter()


async def _changes(url: str, seconds: int) -> dict[str, float]:
    """Changes of listeners in turn, at a steady pace; by record, when each was committed."""
    made: dict[str, float] = {}
    statement = (
        "WITH made AS (INSERT INTO sync.changes (entity, entity_id, account_id, operation)"
        " VALUES ('invoices', gen_random_uuid(), md5('client' || %s::text)::uuid, 'insert') RETURNING entity_id)"
        " SELECT entity_id, pg_notify('hub_changes', '') FROM made"
    )
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        started = time.perf_counter()
        for number in range(PER_SECOND * seconds):
            await asyncio.sleep(max(started + number / PER_SECOND - time.perf_counter(), 0))
            row = await (await connection.execute(statement, [number % LISTENERS + 1])).fetchone()
            if row is not None:
                made[str(row[0])] = time.perf_counter()
    return made


def _report(whole: list[Rate], unchanged: list[Rate], notified: list[list[float]]) -> None:
    full = Line("whole answers", "per s", [rate.per_second for rate in whole])
    same = Line("unchanged answers (304)", "per s", [rate.per_second for rate in unchanged])
    p50 = Line("notified: p50", "s", [quantiles(some, n=100)[49] for some in notified])
    p99 = Line("notified: p99", "s", [quantiles(some, n=100)[98] for some in notified])
    targets = [
        Target("unchanged / whole", same.median / full.median, 3.0),
        Target("notified p99, s", p99.median, 1.0, at_least=False),
    ]
    size = {"invoices": INVOICES, "listeners": LISTENERS, "changes per second": PER_SECOND}
    tell("live", dict(size), [full, same, p50, p99], targets)
