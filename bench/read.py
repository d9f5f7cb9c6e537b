"""`bench read`: the list of invoices under load, against FastAPI with an ORM, the query alone, and a hello."""

import json
import secrets
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from rich.console import Console
from rich.progress import Progress

from bench.agreement import say_the_same
from bench.database import TEMPLATE, as_role, fresh, server
from bench.errors import BenchError
from bench.load import Load, Rate, pgbench, require_tools, wrk
from bench.peers import ready
from bench.processes import fetched, free_port, serving
from bench.report import Line, Target, tell
from bench.targets import Paths, written_to

FILL = Path(__file__).parent / "fill.sql"
PEER_POOL = 8
"""Database connections of the peer, whose rate 4, 8 and 16 leave the same. The hub has its default."""

Sampler = Callable[[Load], Rate]


@dataclass(frozen=True)
class Servers:
    """Addresses of what speaks HTTP."""

    hub: str
    fastapi: str
    hello: str


def bench_read(invoices: int, customers: int, repeats: int, seconds: int, connections: int) -> None:
    """Measure and print.

    Raises:
        BenchError: a tool is missing, a server failed, or ours and the peer do not list the same invoices.
    """
    require_tools()
    python, key, console = str(ready()), secrets.token_hex(32), Console(stderr=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hub-bench-")))
        url = stack.enter_context(fresh(stack.enter_context(server()), "bench_read", template=TEMPLATE))
        console.print(f"filling in {invoices:,} invoices of {customers:,} customers ...")
        _fill(url, invoices, customers)
        servers = stack.enter_context(_servers(url, python, key))
        paths = written_to(folder, key, customers)
        _require_same_lists(servers, paths)
        samplers: dict[str, Sampler] = {
            "hub": lambda load: wrk(servers.hub, paths.hub, load),
            "fastapi": lambda load: wrk(servers.fastapi, paths.fastapi, load),
            "pgbench": lambda load: pgbench(as_role(url, "hub_api"), customers, load),
            "hello": lambda load: wrk(servers.hello, paths.hello, load),
        }
        samples = _sampled(samplers, Load(connections, seconds), repeats, console)
    _report(samples, {"stored": invoices, "customers": customers, "connections": connections, "repeats": repeats})


def _fill(url: str, invoices: int, customers: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        # The client fills in the values: with parameters, the server takes one statement at a time.
        cursor = psycopg.ClientCursor(connection)
        cursor.execute(FILL.read_text(encoding="utf-8"), {"invoices": invoices, "customers": customers})
        connection.execute("VACUUM (ANALYZE) hub.invoices, hub.customer_accounts, hub.customers, sync.freshness")
        connection.execute("CHECKPOINT")


@contextmanager
def _servers(url: str, python: str, key: str) -> Iterator[Servers]:
    """All three, idle until their turn comes."""
    ports = [free_port() for _ in range(3)]
    found = Servers(*(f"http://127.0.0.1:{port}" for port in ports))
    hub = {
        "DATABASE_URL": url,
        "API_PORT": str(ports[0]),
        "HUB_MODE": "development",
        "API_JWT_KEY": key,
        "API_JWT_MINUTES": "1440",
    }
    fastapi = {"BENCH_DATABASE_URL": url, "BENCH_PORT": str(ports[1]), "BENCH_POOL": str(PEER_POOL)}
    # An invoice is overdue by as many days in both only where both have the same today.
    hub, fastapi = hub | {"API_TIMEZONE": "UTC"}, fastapi | {"TZ": "UTC"}
    api = [sys.executable, "-c", "from read_api.serve import serve; serve()"]
    with (
        serving(api, hub, f"{found.hub}/health"),
        serving([python, "-m", "bench.contestants.fastapi_app"], fastapi, f"{found.fastapi}/health"),
        serving(
            [sys.executable, "-m", "bench.contestants.hello_app"], {"BENCH_PORT": str(ports[2])}, f"{found.hello}/"
        ),
    ):
        yield found


def _require_same_lists(servers: Servers, paths: Paths) -> None:
    """Ours and the peer's answers hold the same invoices, in every field that the peer shows, for some customers."""
    for ours, theirs in zip(paths.some(paths.hub), paths.some(paths.fastapi), strict=True):
        own = _listed(servers.hub, *ours)
        other = _listed(servers.fastapi, *theirs)
        if not own or not say_the_same(own, other):
            raise BenchError(f"ours lists {len(own)} invoices, FastAPI {len(other)}, and they are not the same")


def _listed(base_url: str, path: str, authorization: str) -> list[dict[str, object]]:
    headers = {"Authorization": authorization} if authorization else {}
    rows: list[dict[str, object]] = json.loads(fetched(base_url + path, headers))["data"]
    return rows


def _sampled(samplers: dict[str, Sampler], load: Load, repeats: int, console: Console) -> dict[str, list[Rate]]:
    """`repeats` samples of each, after a warm-up, each coming first in turn."""
    samples: dict[str, list[Rate]] = defaultdict(list)
    names = list(samplers)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("read", total=repeats * len(names))
        for name in names:
            samplers[name](Load(load.connections, min(3, load.seconds)))
        for repeat in range(repeats):
            turn = repeat % len(names)
            for name in names[turn:] + names[:turn]:
                samples[name].append(samplers[name](load))
                progress.update(task, advance=1, description=name)
    return samples


def _report(samples: dict[str, list[Rate]], size: dict[str, int]) -> None:
    rates = {
        name: Line(f"{name}: answers", "per s", [each.per_second for each in some]) for name, some in samples.items()
    }
    latencies = [
        Line(f"{name}: latency {which}", "ms", [getattr(each, which) for each in some])
        for name, some in samples.items()
        for which in ("p50", "p99")
    ]
    ours = rates["hub"].median
    ratios = [Line(f"hub / {name}", "x", [ours / rates[name].median]) for name in ("pgbench", "hello")]
    targets = [Target("hub / fastapi", ours / rates["fastapi"].median, 4.0)]
    tell("read", dict(size), [*rates.values(), *latencies, *ratios], targets)
