"""The hub against the sandbox: three emulated systems over sockets, one real database."""

from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.sources.connect import source_of
from pipelines.sync.dataset import Source
from sandbox.config import Config
from sandbox.server import RunningSandbox, start

CUSTOMERS = 60


@pytest.fixture(scope="session")
def untouched_sandbox() -> Iterator[RunningSandbox]:
    """A sandbox for tests that only read it."""
    with start(
        Config(customers=CUSTOMERS, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        yield running


def hub_environment(sandbox: RunningSandbox, database: Any) -> dict[str, str]:
    """The variables that point a hub at that sandbox and database, with pages small enough to be many."""
    return {
        "SALESFORCE_DOMAIN": "acme.my",
        "SALESFORCE_BASE_URL": sandbox.salesforce_url,
        "SALESFORCE_CLIENT_ID": "sandbox-client",
        "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
        "SALESFORCE_USERNAME": "hub@sandbox.example",
        "SALESFORCE_BULK_THRESHOLD_ROWS": "100",
        "SALESFORCE_BULK_PAGE_ROWS": "1000",
        "SALESFORCE_PAGE_ROWS": "200",
        "SALESFORCE_BULK_POLL_SECONDS": "0.05",
        "WHMCS_URL": sandbox.whmcs_url,
        "WHMCS_IDENTIFIER": "sandbox-identifier",
        "WHMCS_SECRET": "sandbox-secret",
        "WHMCS_PAGE_ROWS": "25",
        "WHMCS_CALLS_PER_SECOND": "5000",
        "FREEBIT_BASE_URL": f"{sandbox.freebit_url}/emptool/api",
        "FREEBIT_OEM_ID": "sandbox-oem",
        "FREEBIT_OEM_KEY": "sandbox-oem-key",
        "FREEBIT_CALLS_PER_MINUTE": "300000",
        "FREEBIT_CHANGE_SPACING_SECONDS": "0",
        "DATABASE_URL": database.owner,
        "SYNC_DATABASE_URL": database.sync,
    }


@pytest.fixture
def hub(untouched_sandbox: RunningSandbox, database: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A hub's database, with the environment of this process pointing at it and at the sandbox."""
    for name, value in hub_environment(untouched_sandbox, database).items():
        monkeypatch.setenv(name, value)
    return database


@pytest.fixture
def sources(hub: Any) -> Iterator[dict[str, Source]]:
    made = {system: source_of(system) for system in ("salesforce", "whmcs", "freebit")}
    yield made
    for source in made.values():
        source.client.close()
