"""A process that forks workers which die at a given moment: `python -m tests.pipelines.commands.crashing`.

It reads one JSON object a line: {"at": n, "environment": {...}, "control": url}. The worker takes every command that is
due as far as it can go and kills itself for real at its n-th moment (0: never). The answer is one line of JSON:
{"moments": [...]}: the names of the moments that passed, the last being the one it died at.
"""

import json
import logging
import os
import re
import signal
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import httpx
import psycopg
import requests
import structlog

from core.settings import HubSettings, load, url_as
from pipelines.commands.actions import ACTIONS
from pipelines.commands.clients import Clients
from pipelines.commands.forwarder import Claims
from pipelines.commands.journal import Journal
from pipelines.commands.runner import Runner
from pipelines.commands.saga import Command

LEASE_SECONDS = 0.0
"""What the dead one held is free at once."""


class Moments:
    """Counts the moments at which a process can die, and dies at one of them."""

    def __init__(self, at: int, control: str, record: Path) -> None:
        self._at = at
        self._control = control
        self._record = record.open("a")
        self._count = 0

    def pass_(self, name: str) -> bool:
        """Note the moment; whether it is the last one."""
        self._count += 1
        self._record.write(f"{name}\n")
        self._record.flush()
        return self._count == self._at

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
WRITE = Journal._write


def instrument(moments: Moments) -> None:
    """Every call that changes something has three moments; one that reads, and a line of the journal, one."""

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

    def write(journal: Journal, query: str, **values: Any) -> tuple[Any, ...]:
        row = WRITE(journal, query, **values)
        moments.or_die(f"wrote {query.partition('/')[2]} {values.get('step', values.get('status', ''))}".strip())
        return row

    httpx.Client.send = send  # type: ignore[method-assign, assignment]
    requests.Session.send = request  # type: ignore[method-assign, assignment]
    Journal._write = write  # type: ignore[method-assign]


def _name(request: httpx.Request) -> str:
    body = request.content.decode(errors="replace")
    action = next((pair[7:] for pair in body.split("&") if pair.startswith("action=")), request.url.path)
    return f"{'whmcs' if 'action=' in body else 'freebit'} {action}"


def work(at: int, control: str, record: Path) -> None:
    """One worker's life."""
    instrument(Moments(at, control, record))
    url = url_as(load(HubSettings), "hub_sync")
    with psycopg.connect(url, autocommit=True) as connection:
        claims, runner = Claims(connection, LEASE_SECONDS), Runner(connection, Clients(), ACTIONS, 0.0)
        while commands := claims.take(10) or woken(connection, claims):
            for command in commands:
                runner.run(command)


def woken(connection: psycopg.Connection[Any], claims: Claims) -> list[Command]:
    """What waits need not wait."""
    connection.execute("UPDATE command.commands SET due_at = now() WHERE status = 'waiting'")
    return claims.take(10)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.NamedTemporaryFile() as record:
            child = os.fork()
            if child == 0:
                os.environ.update(asked["environment"])
                try:
                    work(asked["at"], asked["control"], Path(record.name))
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            moments = Path(record.name).read_text().splitlines()
        sys.stdout.write(json.dumps({"moments": moments}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
