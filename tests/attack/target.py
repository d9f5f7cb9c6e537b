"""What is attacked: a small stack of one's own on loopback, or the API of one that runs."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import psycopg
from psycopg.rows import dict_row

from bench.peers import ROOT
from core.settings import ApiSettings
from pipelines.commands.actions import ACTIONS
from pipelines.commands.claims import Claims
from pipelines.commands.runner import Runner
from pipelines.datasets import dataset_named
from pipelines.sources.clients import Clients
from pipelines.sources.connect import source_of
from pipelines.sync.run import run
from read_api.auth.tokens import mint
from tests.faults.stage import Stage, given, stage
from tests.serving import KEY, free_port
from tests.waiting import until

GATEWAY_TOKEN = "g" * 32


class NotLoopbackError(ValueError):
    """Only this machine may be attacked."""


def loopback_only(url: str) -> str:
    """The URL, if it is one of this machine.

    Raises:
        NotLoopbackError: it is not.
    """
    host = urlsplit(url).hostname or ""
    if host != "localhost":
        try:
            is_here = ip_address(host).is_loopback
        except ValueError:
            is_here = False
        if not is_here:
            raise NotLoopbackError(f"{host or url} is not this machine: only loopback addresses are attacked")
    return url.rstrip("/")


@dataclass
class Target:
    """`api`: its address. `stage`: the stack behind it, where it is ours. `settings`: how its tokens are signed.

    is_new: nothing was changed since it was last made as at the beginning.
    """

    api: str
    settings: ApiSettings
    stage: Stage | None = None
    is_new: bool = False
    known: list[UUID] = field(default_factory=list)

    @cached_property
    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.api, timeout=30, trust_env=False)

    def close(self) -> None:
        self.http.close()

    @property
    def hub(self) -> Stage:
        """The stack of our own."""
        if self.stage is None:
            raise LookupError("there is no stack of our own")
        return self.stage

    def reset(self) -> None:
        """As at the beginning: the sandbox and the database hold the first load and no more."""
        if self.stage is not None and not self.is_new:
            self.http.close()
            self.__dict__.pop("http", None)
            self.stage.set()

    # -- customers ---------------------------------------------------------------------------------------------------

    def customers(self, at_least: int = 2) -> list[UUID]:
        """Customers who are linked in both systems, the same ones each time."""
        if self.stage is None:
            return self.known
        found = [
            row["id"]
            for row in self.rows(
                "SELECT c.id FROM hub.customers c WHERE c.salesforce_account_id IS NOT NULL"
                " AND c.whmcs_account_id IS NOT NULL AND c.deleted_at IS NULL"
                " ORDER BY (SELECT count(*) FROM hub.sims s WHERE s.account_id = c.whmcs_account_id) DESC, c.id"
            )
        ]
        if len(found) < at_least:
            raise LookupError("the sandbox has too few linked customers")
        return found

    def headers(self, customer: UUID, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {mint(self.settings, customer)}", **more}

    def keyed(self, customer: UUID, key: str | None = None) -> dict[str, str]:
        """The customer's headers for a change, with an Idempotency-Key."""
        return self.headers(customer, **{"Idempotency-Key": key or uuid4().hex})

    # -- what stands behind ------------------------------------------------------------------------------------------

    def rows(self, query: str, *values: object, role: str = "owner") -> list[dict[str, Any]]:
        url = getattr(self.hub.database, role)
        with psycopg.connect(url, row_factory=dict_row) as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def ledger(self, **wanted: str) -> list[dict[str, Any]]:
        """What calls did to the three systems."""
        answer = httpx.get(f"{self.hub.sandbox.whmcs_url}/__sandbox__/ledger", params=wanted, timeout=30)
        found: list[dict[str, Any]] = answer.json()["effects"]
        return found

    def calls(self) -> int:
        """How often the source systems were called."""
        answer = httpx.get(f"{self.hub.sandbox.whmcs_url}/__sandbox__/calls", params={"limit": "1"}, timeout=30)
        total: int = answer.json()["total"]
        return total

    def sync(self, *names: str) -> None:
        with given(self.hub.environment):
            for name in names:
                source = source_of(dataset_named(name).system)
                run(dataset_named(name), source, self.hub.database.sync)
                source.client.close()

    def forward(self) -> list[str]:
        """Carry out what is due, as a forwarder does; the statuses that commands were left in."""
        left: list[str] = []
        with given(self.hub.environment), psycopg.connect(self.hub.database.sync, autocommit=True) as connection:
            clients = Clients()
            runner, claims = Runner(connection, clients, ACTIONS, 0.0), Claims(connection, 30.0)
            while claimed := claims.take(10):
                left += [runner.run(command) for command in claimed]
            clients.close()
        return left


@contextmanager
def own_target() -> Iterator[Target]:
    """A stack of its own: sandbox, database, API and gateway, on loopback; it ends with the context."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with stage() as made:
        port = str(free_port())
        made.environment |= {"GATEWAY_TOKEN": GATEWAY_TOKEN, "GATEWAY_PORT": port}
        with _gateway(made), closing(Target(made.api, ApiSettings(jwt_key=KEY), made)) as target:
            yield target


@contextmanager
def _gateway(made: Stage) -> Iterator[None]:
    address = f"http://127.0.0.1:{made.environment['GATEWAY_PORT']}/health"
    with (made.home / "gateway.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "gateway"],
            cwd=ROOT,
            env=os.environ | made.environment,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: process.poll() is not None or _answers(address))
        if process.poll() is not None:
            raise RuntimeError("the gateway did not come up")
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def running_target(api: str) -> Target:
    """The API of a running stack. API_JWT_KEY signs the tokens; HUB_CUSTOMERS names two of its customers, by comma."""
    known = [UUID(each) for each in os.environ.get("HUB_CUSTOMERS", "").split(",") if each]
    return Target(loopback_only(api), ApiSettings(jwt_key=os.environ["API_JWT_KEY"]), known=known)


def _answers(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(address, timeout=1).is_success
    return False
