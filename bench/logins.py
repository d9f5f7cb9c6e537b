"""`bench logins`: log-ins and refreshes a second, and what each costs the processor, beside better-auth on Node."""

import asyncio
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from uuid import uuid4

import httpx
import psycopg
from rich.console import Console

from bench.database import TEMPLATE, fresh, server
from bench.errors import BenchError
from bench.peers import FOLDER, ROOT, ready
from bench.processes import free_port, serving
from bench.processor import used
from bench.report import Line, tell
from core.settings import AuthSettings
from read_api.auth.cookies import NAME
from read_api.auth.keys import rotate
from read_api.auth.passwords import hasher_of

PEER = ROOT / "bench" / "contestants" / "better_auth"
INSTALLED = FOLDER / "better_auth"
"""The same, with what it needs beside it, where Node looks for that."""
PEOPLE = 50
AT_ONCE = 8
PASSWORD = secrets.token_urlsafe(12)
NO_LIMITS = {
    f"AUTH_{name}": "10000000"
    for name in (
        "TRIES_PER_ACCOUNT", "TRIES_PER_ACCOUNT_ANYWHERE", "TRIES_PER_ADDRESS", "REFRESHES_PER_TOKEN",
        "REFRESHES_PER_ADDRESS",
    )
}  # fmt: skip
"""One address does here what thousands do."""

Act = Callable[[httpx.AsyncClient], Awaitable[None]]


@dataclass
class Contestant:
    """`url`: of its server; `database`: its own. Figures: a sample for each repeat."""

    name: str
    url: str
    database: str
    acts: dict[str, Act]
    per_second: dict[str, list[float]] = field(default_factory=dict)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)


def bench_logins(repeats: int, seconds: int) -> None:
    """Measure and print.

    Raises:
        BenchError: the peer could not be installed, a server did not start, or somebody was not let in.
    """
    console = Console(stderr=True)
    _require_peer()
    with ExitStack() as stack:
        url = stack.enter_context(server())
        contestants = [stack.enter_context(_hub(url)), stack.enter_context(_better_auth(url))]
        for repeat in range(repeats):
            for contestant in contestants[repeat % 2 :] + contestants[: repeat % 2]:
                for what in contestant.acts:
                    console.print(f"{repeat + 1} of {repeats}: {contestant.name}, {what} ...")
                    _sample(contestant, what, seconds)
    _report(contestants, repeats)


def _sample(contestant: Contestant, what: str, seconds: int) -> None:
    act = contestant.acts[what]
    asyncio.run(_acting(contestant.url, act, 1.0))
    before, began = used(contestant.database), time.perf_counter()
    done = asyncio.run(_acting(contestant.url, act, seconds))
    took, after = time.perf_counter() - began, used(contestant.database)
    spent = sum(after[name] - before[name] for name in after if name != "bench")
    contestant.per_second.setdefault(what, []).append(done / took)
    contestant.milliseconds.setdefault(what, []).append(1000 * spent / done)


async def _acting(url: str, act: Act, seconds: float) -> int:
    """How often so many clients at once did it."""
    done, ends = 0, time.perf_counter() + seconds
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, headers={"origin": url}) as client:

        async def again_and_again() -> None:
            nonlocal done
            while time.perf_counter() < ends:
                await act(client)
                done += 1

        await asyncio.gather(*(again_and_again() for _ in range(AT_ONCE)))
    return done


@contextmanager
def _hub(url: str) -> Iterator[Contestant]:
    """Ours, with its own parameters of hashing; everybody has the same password, so it is hashed once."""
    with fresh(url, "bench_logins", template=TEMPLATE) as own:
        people = _people(own)
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        environment = {"DATABASE_URL": own, "API_PORT": str(port), **NO_LIMITS}
        command = [sys.executable, "-c", "from read_api.serve import serve; serve()"]
        turn, sessions = cycle(people), asyncio.Queue[str]()

        async def log_in(client: httpx.AsyncClient) -> None:
            answer = await client.post("/auth/login", json={"email": next(turn), "password": PASSWORD})
            _require(answer)
            sessions.put_nowait(_cookie(answer))

        async def refresh(client: httpx.AsyncClient) -> None:
            answer = await client.post("/auth/refresh", headers={"cookie": f"{NAME}={sessions.get_nowait()}"})
            _require(answer)
            sessions.put_nowait(_cookie(answer))

        with serving(command, environment, f"{address}/health"):
            yield Contestant("hub", address, own, {"log-ins": log_in, "refreshes": refresh})


@contextmanager
def _better_auth(url: str) -> Iterator[Contestant]:
    """The peer. It has no refresh tokens: what its clients do as often is to ask for their session."""
    with fresh(url, "bench_better_auth") as own:
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        environment = {"BENCH_DATABASE_URL": own, "BENCH_PORT": str(port), "BENCH_SECRET": secrets.token_hex(32)}
        people = [f"{uuid4().hex}@example.com" for _ in range(PEOPLE)]
        turn, cookies = cycle(people), list[str]()

        async def log_in(client: httpx.AsyncClient) -> None:
            answer = await client.post("/api/auth/sign-in/email", json={"email": next(turn), "password": PASSWORD})
            _require(answer)
            cookies.append(_cookie(answer, whole=True))
            client.cookies.clear()

        async def session(client: httpx.AsyncClient) -> None:
            answer = await client.get("/api/auth/get-session", headers={"cookie": secrets.choice(cookies)})
            _require(answer)
            if not answer.json():
                raise BenchError("better-auth does not know its session")

        with serving(["node", str(INSTALLED / "server.js")], environment, f"{address}/health"):
            for email in people:
                signed_up = {"name": "Somebody", "email": email, "password": PASSWORD}
                _require(httpx.post(f"{address}/api/auth/sign-up/email", json=signed_up, headers={"origin": address}))
            yield Contestant("better-auth", address, own, {"log-ins": log_in, "sessions asked for": session})


def _people(url: str) -> list[str]:
    hashed = hasher_of(AuthSettings()).hash(PASSWORD)
    emails = [f"{uuid4().hex}@example.com" for _ in range(PEOPLE)]
    with psycopg.connect(url, autocommit=True) as connection:
        rotate(connection, 15)
        for email in emails:
            customer, person = uuid4(), uuid4()
            connection.execute(
                "INSERT INTO hub.customers (id, name, status, portal_status) VALUES (%s, %s, 'active', 'active')",
                [customer, "Somebody"],
            )
            connection.execute(
                "INSERT INTO hub.customer_accounts (id, source, source_id, customer_id) VALUES (%s, 'whmcs', %s, %s)",
                [customer, email, customer],
            )
            connection.execute(
                "INSERT INTO auth.users (id, email, password_hash) VALUES (%s, %s, %s)", [person, email, hashed]
            )
            connection.execute(
                "INSERT INTO auth.memberships (user_id, customer_id, role) VALUES (%s, %s, 'owner')", [person, customer]
            )
    return emails


def _require(answer: httpx.Response) -> None:
    if answer.status_code != 200:
        raise BenchError(f"{answer.request.url.path} was answered {answer.status_code}: {answer.text[:200]}")


def _cookie(answer: httpx.Response, *, whole: bool = False) -> str:
    pair = answer.headers["set-cookie"].partition(";")[0]
    return pair if whole else pair.removeprefix(f"{NAME}=")


def _require_peer() -> None:
    if not shutil.which("npm"):
        raise BenchError("npm is not on the PATH (Debian: apt-get install npm)")
    ready()
    is_there = (INSTALLED / "node_modules").exists()
    shutil.copytree(PEER, INSTALLED, dirs_exist_ok=True)
    if is_there:
        return
    ran = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"], cwd=INSTALLED, check=False, stdout=subprocess.DEVNULL
    )
    if ran.returncode:
        raise BenchError(f"better-auth could not be installed: `npm ci` in {INSTALLED.relative_to(ROOT)} failed")


def _report(contestants: Sequence[Contestant], repeats: int) -> None:
    lines = []
    for each in contestants:
        for what, samples in each.per_second.items():
            lines.append(Line(f"{each.name}: {what}", "per s", samples))
            spent = each.milliseconds[what]
            lines.append(Line(f"{each.name}: {what}, server and PostgreSQL", "ms of processor", spent))
            lines.append(Line(f"{each.name}: {what}, per core", "per s", [1000 / some for some in spent]))
    tell("logins", {"people": PEOPLE, "at once": AT_ONCE, "repeats": repeats}, lines, [])
