"""The hub's own processes against a sandbox, for benchmarks of what happens between them."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from bench.database import TEMPLATE, as_role, fresh, server
from bench.errors import BenchError
from bench.peers import ROOT
from bench.processes import CREDENTIALS, ended, free_port, serving
from cli.up.databases import ensure, for_dagster

PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Hub:
    """A running hub. `environment` is what its processes were given."""

    url: str
    api: str
    salesforce: str
    whmcs: str
    environment: Mapping[str, str]

    def token(self, customer: UUID) -> str:
        """A bearer token of that customer."""
        from core.settings import ApiSettings  # noqa: PLC0415 - after the environment is known
        from read_api.auth.tokens import mint  # noqa: PLC0415

        settings = ApiSettings(jwt_key=self.environment["API_JWT_KEY"], jwt_minutes=1440)
        return mint(settings, customer)


@contextmanager
def running_hub(customers: int, *processes: str, **settings: str) -> Iterator[Hub]:
    """A sandbox, a synced database and the API, with `processes` (`apply`, `listen`) beside them.

    Raises:
        BenchError: something did not start.
    """
    ports = {name: str(free_port()) for name in ("SALESFORCE", "SALESFORCE_GRPC", "WHMCS", "FREEBIT")}
    api_port, home = str(free_port()), os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - only Dagster's scratch
    with ExitStack() as stack:
        url = stack.enter_context(fresh(stack.enter_context(server()), "bench_hub", template=TEMPLATE))
        environment = _environment(ports, api_port, url, customers) | settings
        folder = stack.enter_context(_dagster_home(home))
        environment["DAGSTER_HOME"] = folder
        # As `hub up` has it: a database of Dagster's own on the same server.
        environment["DAGSTER_DATABASE_URL"] = for_dagster(ensure(url, "dagster"))
        whmcs = f"http://127.0.0.1:{ports['WHMCS']}"
        stack.enter_context(serving([sys.executable, "-m", "sandbox"], environment, f"{whmcs}/__sandbox__/world"))
        for system in ("salesforce", "whmcs"):
            _synced(system, environment)
        api = f"http://127.0.0.1:{api_port}"
        stack.enter_context(serving([sys.executable, "-m", "cli", "api"], environment, f"{api}/health"))
        for name in processes:
            stack.enter_context(beside(name, environment))
        yield Hub(url, api, f"http://127.0.0.1:{ports['SALESFORCE']}", whmcs, environment)


def _environment(ports: Mapping[str, str], api_port: str, url: str, customers: int) -> dict[str, str]:
    secret = secrets.token_hex(16)
    return {
        **{f"SANDBOX_{name}_PORT": port for name, port in ports.items()},
        "SANDBOX_CUSTOMERS": str(customers),
        "SANDBOX_WHMCS_WEBHOOK_URL": f"http://127.0.0.1:{api_port}/webhooks/whmcs",
        "SANDBOX_WHMCS_WEBHOOK_SECRET": secret,
        "API_WHMCS_WEBHOOK_SECRET": secret,
        "HUB_MODE": "development",
        "API_JWT_KEY": secrets.token_hex(32),
        "API_JWT_MINUTES": "1440",
        "API_PORT": api_port,
        "DATABASE_URL": url,
        "SYNC_DATABASE_URL": as_role(url, "hub_sync"),
        "API_DATABASE_URL": as_role(url, "hub_api"),
        "AUTH_DATABASE_URL": as_role(url, "hub_auth"),
        **CREDENTIALS,
        "SALESFORCE_BASE_URL": f"http://127.0.0.1:{ports['SALESFORCE']}",
        "SALESFORCE_EVENTS_TARGET": f"127.0.0.1:{ports['SALESFORCE_GRPC']}",
        "SALESFORCE_EVENTS_INSECURE": "true",
        "WHMCS_URL": f"http://127.0.0.1:{ports['WHMCS']}",
        "WHMCS_CALLS_PER_SECOND": "5000",
        "FREEBIT_BASE_URL": f"http://127.0.0.1:{ports['FREEBIT']}/emptool/api",
        "FREEBIT_OEM_ID": "sandbox-oem",
        "FREEBIT_OEM_KEY": "sandbox-oem-key",
        "FREEBIT_CALLS_PER_MINUTE": "60000",
    }


@contextmanager
def _dagster_home(parent: str) -> Iterator[str]:
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="hub-bench-dagster-", dir=parent) as folder:
        shutil.copyfile(ROOT / "dagster.yaml", Path(folder) / "dagster.yaml")
        yield folder


def _synced(system: str, environment: Mapping[str, str]) -> None:
    """Every data set of the system, without Dagster around it."""
    code = (
        "import sys; from pipelines.datasets import datasets_of; from pipelines.sources.connect import source_of;"
        "from pipelines.sync.run import run; from core.settings import HubSettings, load, url_as;"
        f"source = source_of({system!r}); url = url_as(load(HubSettings), 'hub_sync');"
        f"[run(dataset, source, url) for dataset in datasets_of({system!r})]"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise BenchError(f"the first sync of {system} failed:\n{ran.stderr[-2000:]}")


@contextmanager
def beside(name: str, environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", name],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        ended(process)


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()
