"""Processes that die at a given moment: how the moments are counted, and a server that forks who dies at them.

A moment is a boundary at which a process may be gone for good: before a call, when a call was applied and its answer is
lost, when the answer came and nothing is written yet; before what is said to the database (and so after what was said
before that). A module that wants to be killed calls `serve` with its work; the test speaks to it through `Mortal`.
"""

import functools
import gc
import json
import logging
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import httpx
import psycopg
import requests
import structlog

Role = Callable[[], str]


class Moments:
    """Counts the moments at which a process can die, each role by itself, and dies at one of them.

    `role` tells which part of the process is at work, such as the thread: parts that run side by side are counted
    apart, so that a number always means the same moment.
    """

    def __init__(self, at: int, of: str, record: Path, control: str, role: Role = lambda: "") -> None:
        self._at, self._of = at, of
        self._control = control
        self._record = record.open("a")
        self._role = role
        self._counts = Counter[str]()
        self._lock = Lock()

    def pass_(self, name: str) -> bool:
        """Note the moment; whether it is the last one."""
        with self._lock:
            role = self._role()
            self._counts[role] += 1
            self._record.write(f"{role}\t{name}\n")
            self._record.flush()
            return (role, self._counts[role]) == (self._of, self._at)

    def or_die(self, name: str) -> None:
        if self.pass_(name):
            os.kill(os.getpid(), signal.SIGKILL)

    def lose_the_answer(self) -> None:
        """The next call is applied, and its answer never comes."""
        fault = {"match": "", "mode": "drop", "times": 1}
        request = urllib.request.Request(  # noqa: S310 - our own sandbox
            f"{self._control}/__sandbox__/faults", json.dumps(fault).encode()
        )
        urllib.request.urlopen(request).close()  # noqa: S310


ID = re.compile(r"(?<=/)[0-9a-zA-Z]{15,18}(?=/|$)|[0-9a-f]{8}-[0-9a-f-]{27}")
READS = re.compile(r" Get\w+$| GET |/oauth2/|/authOem/|/get\w+/")
"""Calls that change nothing: dying after one is dying before whatever comes next."""
SEND = httpx.Client.send
REQUEST = requests.Session.send
WAIT = psycopg.Connection.wait
SPACES = re.compile(r"--[^\n]*\n|\s+")


def count_calls(moments: Moments) -> None:
    """Every call to a source that changes something has three moments; one that reads, one."""

    def around(name: str, call: Any) -> Any:
        moments.or_die(f"before {name}")
        if READS.search(name):
            return call()
        if moments.pass_(f"answer lost of {name}"):
            moments.lose_the_answer()
            try:
                call()
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
        answer = call()
        moments.or_die(f"answered {name}")
        return answer

    def send(client: httpx.Client, request: httpx.Request, **more: Any) -> Any:
        return around(_name(request), lambda: SEND(client, request, **more))

    def request(session: requests.Session, sent: Any, **more: Any) -> Any:
        path = ID.sub("…", sent.path_url.partition("?")[0])
        return around(f"salesforce {sent.method} {path}", lambda: REQUEST(session, sent, **more))

    httpx.Client.send = send  # type: ignore[method-assign, assignment]
    requests.Session.send = request  # type: ignore[method-assign, assignment]


def _name(request: httpx.Request) -> str:
    body = request.content.decode(errors="replace")
    action = next((pair[7:] for pair in body.split("&") if pair.startswith("action=")), request.url.path)
    return f"{'whmcs' if 'action=' in body else 'freebit'} {action}"


def count_statements(moments: Moments) -> None:
    """Whatever is said to the database has a moment before it: statements, copies, ends of transactions."""

    def wait(connection: psycopg.Connection[Any], generator: Any, *more: Any, **named: Any) -> Any:
        kind = getattr(generator, "__name__", "exchange").strip("_").removesuffix("_gen")
        frame = getattr(generator, "gi_frame", None)
        query = frame.f_locals.get("query", "") if frame is not None else ""
        idle = connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE
        words = _words(query)
        # A setting is the session's alone, and an end of no transaction is not even said.
        if not (words.startswith("SET ") or (idle and kind in {"commit", "rollback"})):
            moments.or_die(f"{kind} {words}".strip())
        return WAIT(connection, generator, *more, **named)

    psycopg.Connection.wait = wait  # type: ignore[method-assign]


def _words(query: Any) -> str:
    text = query.decode() if isinstance(query, bytes) else query if isinstance(query, str) else query.as_string()
    return SPACES.sub(" ", text).strip()[:60]


Work = Callable[[Moments, Any], object]


def serve(work: Work, role: Role = lambda: "") -> None:
    """Fork a worker for each line that is asked for, which dies as it is told; say which moments it saw.

    A line asks {"environment": {...}, "control": url, "at": n, "of": role, "what": ..., "warms": whether the
    server does it itself first, so that what is computed once per process is computed once for all}.
    The answer is {"moments": [[role, name], ...], "brought": what `work` returned, or null where it did not end}.
    """
    # What costs a process most of its first moments, done once for all: modules that httpx needs, and certificates.
    ssl.create_default_context = functools.cache(ssl.create_default_context)
    httpx.Client().close()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["warms"]:
            os.environ.update(asked["environment"])
            work(Moments(0, "", Path(os.devnull), asked["control"], role), asked["what"])
            gc.collect()
            gc.freeze()
        with tempfile.NamedTemporaryFile() as record, tempfile.NamedTemporaryFile() as result:
            child = os.fork()
            if child == 0:
                os.environ.update(asked["environment"])
                try:
                    moments = Moments(asked["at"], asked["of"], Path(record.name), asked["control"], role)
                    brought = work(moments, asked["what"])
                    Path(result.name).write_text(json.dumps([brought]))
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            seen = [line.split("\t", 1) for line in Path(record.name).read_text().splitlines()]
            brought = Path(result.name).read_text()
        answer = {"moments": seen, "brought": json.loads(brought) if brought else None}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


@dataclass(frozen=True)
class Life:
    """What a worker saw: the moments by role, and what its work brought, in a list; none: it died before its end."""

    moments: dict[str, list[str]]
    brought: list[Any] | None


class Mortal:
    """Workers that die when told. `asked`: what each is given."""

    def __init__(self, process: "subprocess.Popen[str]", asked: dict[str, Any]) -> None:
        self._process = process
        self._asked = asked

    def work(self, what: object = None, *, at: int = 0, of: str = "", warms: bool = False) -> Life:
        """Let a worker do it, dying at the `at`-th moment of a role (0: never); see `serve`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(self._asked | {"what": what, "at": at, "of": of, "warms": warms}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        moments = defaultdict[str, list[str]](list)
        for role, name in answer["moments"]:
            moments[role].append(name)
        return Life(dict(moments), answer["brought"])


@contextmanager
def mortal(module: str, environment: dict[str, str], control: str) -> Iterator[Mortal]:
    """The workers of a module that serves."""
    line = [sys.executable, "-m", module]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Mortal(process, {"environment": environment, "control": control})
        finally:
            process.kill()
