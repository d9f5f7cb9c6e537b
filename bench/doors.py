"""`bench doors`: what a hundred users notice of idle sockets, live streams, slow bodies and an abuser beside them."""

import asyncio
import os
import resource
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from random import Random
from statistics import quantiles
from time import perf_counter
from urllib.parse import SplitResult, urlsplit

import psycopg
from rich.console import Console

from bench.database import TEMPLATE, as_role, fresh, server
from bench.errors import BenchError
from bench.live import CUSTOMERS, PATH, fill, token_of
from bench.processes import free_port, serving
from bench.report import Line, Target, tell
from read_api.auth.keys import rotate

USERS, PAUSE_SECONDS, WARM_SECONDS = 100, 1.0, 3
IDLE, STREAMS, SLOW = 5_000, 2_000, 500
STREAMS_PER_CUSTOMER = 4
OPENED_AT_ONCE, ARRIVING_SECONDS = 200, 20.0
LET_IN = 100
PATIENCE_SECONDS, ANSWERED_WITHIN_SECONDS = 120.0, 10.0
# Other addresses than the users' (Linux has all of 127.0.0.0/8), and many: what a proxy limits per address must touch
# neither the users nor the crowd, which is the worst when all of it gets in.
CROWD_ADDRESSES = 100
ABUSER, TRIES_PER_SECOND = "127.0.2.1", 50
# The crowd has processors of its own in the world; here it takes those that the API and the users leave.
CROWD_NICENESS = 19


@dataclass(frozen=True)
class Crowd:
    """Who is beside the users: sockets that say nothing, streams that are listened to, bodies that do not come.

    tries: passwords that somebody tries each second, from one address.
    """

    idle: int = 0
    streams: int = 0
    slow: int = 0
    tries: int = 0


@dataclass
class Noticed:
    """What users saw: seconds of each answer, and how many requests were refused or failed."""

    seconds: list[float]
    failed: int = 0

    def milliseconds(self, percent: int) -> float:
        return quantiles(self.seconds, n=100)[percent - 1] * 1000


def bench_doors(repeats: int, seconds: int, through: str | None = None) -> None:
    """Measure and print. `through`: the address of a proxy in front of port 8000, where the API is then.

    Raises:
        BenchError: the API did not start, or too few files may be open here.
    """
    _open_files()
    console, key, port = Console(stderr=True), secrets.token_hex(32), 8000 if through else free_port()
    own = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        url = stack.enter_context(fresh(stack.enter_context(server()), "bench_doors", template=TEMPLATE))
        fill(url)
        with psycopg.connect(url, autocommit=True) as owner:
            rotate(owner, token_minutes=15)  # or nobody could try to log in
        environment = {
            "DATABASE_URL": url, "API_DATABASE_URL": as_role(url, "hub_api"),
            "AUTH_DATABASE_URL": as_role(url, "hub_auth"), "API_PORT": str(port),
            "HUB_MODE": "development", "API_JWT_KEY": key,
            "API_JWT_MINUTES": "1440",
            # Streams are no attack here: the worst is that all of them are let in.
            "API_STREAMS": str(STREAMS + LET_IN), "API_STREAMS_PER_ADDRESS": str(STREAMS + LET_IN),
        }  # fmt: skip
        command = [sys.executable, "-c", "from read_api.serve import serve; serve()"]
        stack.enter_context(serving(command, environment, f"{own}/health"))
        alone, beside, abused = [], [], []
        api = through or own
        for number in range(repeats):
            console.print(f"{USERS} users, alone and in a crowd, {number + 1} of {repeats} ...")
            alone.append(_measured(api, key, seconds, Crowd()))
            beside.append(_measured(api, key, seconds, Crowd(IDLE, STREAMS, SLOW)))
            abused.append(_measured(api, key, seconds, Crowd(tries=TRIES_PER_SECOND)))
    _report(alone, beside, abused)


def _measured(api: str, key: str, seconds: int, crowd: Crowd) -> Noticed:
    """What the users notice while the crowd is there."""
    with _crowded(api, key, crowd):
        asyncio.run(_users(api, key, WARM_SECONDS))
        return asyncio.run(_users(api, key, seconds))


@contextmanager
def _crowded(api: str, key: str, crowd: Crowd) -> Iterator[None]:
    """The crowd, all of it, in a process of its own: the users' clocks must not wait for it."""
    spawning = get_context("spawn")
    ready = spawning.Event()
    process = spawning.Process(target=_crowd, args=(api, key, crowd, ready), daemon=True)
    process.start()
    try:
        if not ready.wait(PATIENCE_SECONDS):
            raise BenchError("the crowd could not connect")
        yield
    finally:
        process.kill()
        process.join()


def _crowd(api: str, key: str, crowd: Crowd, ready: Event) -> None:
    _open_files()
    os.nice(CROWD_NICENESS)
    asyncio.run(_keep_company(api, key, crowd, ready))


async def _keep_company(api: str, key: str, crowd: Crowd, ready: Event) -> None:
    where, gate, connected = urlsplit(api), asyncio.Semaphore(OPENED_AT_ONCE), asyncio.Semaphore(0)
    sayings = [b""] * crowd.idle
    sayings += [_stream(key, number) for number in range(crowd.streams)]
    sayings += [_slow_body(key, number) for number in range(crowd.slow)]
    # In any order, over some seconds: thousands of requests in one moment would be another experiment.
    Random(1).shuffle(sayings)
    async with asyncio.TaskGroup() as members:
        for number, says in enumerate(sayings):
            address = f"127.0.1.{1 + number % CROWD_ADDRESSES}"
            members.create_task(_member(where, address, says, gate, connected))
            await asyncio.sleep(ARRIVING_SECONDS / len(sayings))
        for _ in sayings:
            await connected.acquire()
        limited = asyncio.Event()
        if crowd.tries:
            members.create_task(_abuser(where, crowd.tries, limited))
            await limited.wait()
        ready.set()


async def _abuser(where: SplitResult, per_second: int, limited: asyncio.Event) -> None:
    """Tries a password of one account after the other, on one connection; `limited`: it was told to wait (429)."""
    reader = writer = None
    for number in count():
        body = b'{"email":"%d@example.com","password":"leaked somewhere else"}' % number
        try:
            if reader is None or writer is None:
                reader, writer = await asyncio.open_connection(where.hostname, where.port, local_addr=(ABUSER, 0))
            head = "POST /auth/login HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            if b" 429 " in await _answer(reader):
                limited.set()
        except (OSError, asyncio.IncompleteReadError):
            reader = writer = None
        await asyncio.sleep(1 / per_second)


async def _member(
    where: SplitResult, address: str, says: bytes, gate: asyncio.Semaphore, connected: asyncio.Semaphore
) -> None:
    """Connect, say that much, take what comes, and come back when cut off."""
    while True:
        try:
            async with gate:
                reader, writer = await asyncio.open_connection(where.hostname, where.port, local_addr=(address, 0))
                writer.write(says)
                # A stream is one once it was answered; nothing answers the others yet.
                heard = await reader.read(65536) if says.startswith(b"GET") else b" "
            if says.startswith(b"GET") and not heard.startswith(b"HTTP/1.1 200 "):
                await asyncio.sleep(1)  # refused; all of the crowd must get in
                continue
            connected.release()
            while heard:
                heard = await reader.read(65536)
            writer.close()
        except OSError:
            await asyncio.sleep(0.1)


async def _users(api: str, key: str, seconds: int) -> Noticed:
    """Each asks for a list, reads it for a second, and asks again, on one connection as browsers do.

    By hand: a client library takes more processor time than the API, and its own queue would be measured.
    """
    noticed, where, ends = Noticed([]), urlsplit(api), perf_counter() + seconds
    # Not all of them at the same moment.
    begins = [PAUSE_SECONDS * number / USERS for number in range(USERS)]
    await asyncio.gather(*[_user(where, token_of(key, n + 1), begins[n], ends, noticed) for n in range(USERS)])
    return noticed


async def _user(where: SplitResult, token: str, after: float, ends: float, noticed: Noticed) -> None:
    asked = f"GET {PATH} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    await asyncio.sleep(after)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    while perf_counter() < ends:
        began = perf_counter()
        writer.write(asked)
        try:
            answered = await asyncio.wait_for(_answered(reader), ANSWERED_WITHIN_SECONDS)
        except (OSError, asyncio.IncompleteReadError):
            answered = False
        noticed.seconds.append(perf_counter() - began)
        if not answered:
            noticed.failed += 1
            writer.close()
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
        await asyncio.sleep(PAUSE_SECONDS)
    writer.close()


async def _answered(reader: asyncio.StreamReader) -> bool:
    """Whether the next answer is 200."""
    return (await _answer(reader)).startswith(b"http/1.1 200 ")


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The head of the next answer, in small letters, which is read whole."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0))
    return head


def _stream(key: str, number: int) -> bytes:
    token = token_of(key, USERS + 1 + number // STREAMS_PER_CUSTOMER)
    return f"GET /api/live HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def _slow_body(key: str, number: int) -> bytes:
    token = token_of(key, USERS + 1 + number % (CUSTOMERS - USERS))
    head = f"POST /api/support/cases HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n"
    return f"{head}Idempotency-Key: slow-{number:06}\r\nContent-Length: 60000\r\n\r\n{{".encode()


def _open_files() -> None:
    files = IDLE + STREAMS + SLOW + USERS + 500
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < files:
        raise BenchError(f"{files} files must be open at a time, and {hard} may be (`ulimit -Hn`)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


def _report(alone: list[Noticed], beside: list[Noticed], abused: list[Noticed]) -> None:
    middle = [Line("alone: p50", "ms", [each.milliseconds(50) for each in alone])]
    middle += [Line("in a crowd: p50", "ms", [each.milliseconds(50) for each in beside])]
    quiet = Line("alone: p99", "ms", [each.milliseconds(99) for each in alone])
    loud = Line("in a crowd: p99", "ms", [each.milliseconds(99) for each in beside])
    tried = Line("beside an abuser: p99", "ms", [each.milliseconds(99) for each in abused])
    failed = sum(each.failed for each in (*alone, *beside, *abused))
    targets = [
        Target("p99 in a crowd / alone", loud.median / quiet.median, 1.2, at_least=False),
        Target("p99 beside an abuser / alone", tried.median / quiet.median, 1.1, at_least=False),
        Target("requests refused", failed, 0, at_least=False),
    ]
    size = {"users": USERS, "idle": IDLE, "streams": STREAMS, "slow bodies": SLOW, "tries a second": TRIES_PER_SECOND}
    tell("doors", dict(size), [*middle, quiet, loud, tried], targets)
