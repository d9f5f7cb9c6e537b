"""Commands against the sandbox: a customer who may order, a runner that does it, a ledger that counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from pipelines.commands.actions import ACTIONS
from pipelines.commands.claims import Claims
from pipelines.commands.operating import retry
from pipelines.commands.provisioning import request_provisioning
from pipelines.commands.runner import Runner
from pipelines.datasets import DATASETS, dataset_named
from pipelines.events.worker import Applier, Tally
from pipelines.sources.clients import Clients
from pipelines.sources.connect import source_of
from pipelines.sync.dataset import Selection
from pipelines.sync.reread import Rereader
from pipelines.sync.run import run
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.conftest import Database, copied_database
from tests.e2e.conftest import hub_environment

CUSTOMERS = 20


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    """A sandbox that tests change; each begins with a reset."""
    with start(
        Config(customers=CUSTOMERS, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        yield running


@dataclass(frozen=True)
class Customer:
    """A customer of the sandbox as the hub knows it."""

    id: UUID
    salesforce: str
    whmcs: str


class Hub:
    """The parts of a running hub, one at a time and in this process."""

    def __init__(self, sandbox: RunningSandbox, database: Any) -> None:
        self.sandbox = sandbox
        self.database = database
        self.clients = Clients()
        self._http = httpx.Client(base_url=f"{sandbox.whmcs_url}/__sandbox__", timeout=30)

    def close(self) -> None:
        self.clients.close()
        self._http.close()

    def control(self, name: str, **content: Any) -> Any:
        """Turn one of the sandbox's knobs."""
        answer = self._http.post(f"/{name}", json=content)
        answer.raise_for_status()
        return answer.json()

    def ledger(self, **wanted: str) -> list[dict[str, Any]]:
        """What calls did to the three systems."""
        answer = self._http.get("/ledger", params=wanted)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["effects"]
        return found

    def sync(self, *names: str) -> None:
        """Bring data sets up to date; all but Freebit's unless named."""
        for name in names or [each.name for each in DATASETS if each.system != "freebit"]:
            source = source_of(dataset_named(name).system)
            run(dataset_named(name), source, self.database.sync)
            source.client.close()

    def sync_records(self, name: str, *records: str) -> None:
        """Read some records of a data set again."""
        source = source_of(dataset_named(name).system)
        with psycopg.connect(self.database.sync) as connection:
            Rereader(connection, dataset_named(name), source).read(Selection(records=frozenset(records)))
        source.client.close()

    def provision(self, order: str) -> UUID:
        """The command that an approved order asks for, approved just now."""
        self.clients.salesforce.update("Order", order, {"Status": "Approved"})
        with psycopg.connect(self.database.sync, autocommit=True) as connection:
            key = f"provision:{order}:{uuid4().hex}"
            assert request_provisioning(connection, order, key=key, event=key, request_id="test-event")
        (found,) = self.rows("SELECT id FROM command.commands WHERE idempotency_key = %s", key)
        command: UUID = found[0]
        return command

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.owner) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def apply(self) -> None:
        """Apply what sources notified of and commands requested."""
        for system in ("salesforce", "whmcs", "freebit"):
            source = source_of(system)
            Applier(system, source, self.database.sync, Tally()).drain()
            source.client.close()

    def forward(self, settle_seconds: float = 0.0) -> list[str]:
        """Take every command that is due as far as it can go; the statuses they were left in."""
        with psycopg.connect(self.database.sync, autocommit=True) as connection:
            runner = Runner(connection, self.clients, ACTIONS, settle_seconds)
            claims, left = Claims(connection, 30.0), []
            while claimed := claims.take(10):
                left += [runner.run(command) for command in claimed]
            return left

    def now_due(self) -> None:
        """What waits need wait no longer."""
        with psycopg.connect(self.database.owner) as connection:
            connection.execute(
                "UPDATE command.commands SET due_at = now(), lease_until = NULL WHERE status = 'waiting'"
            )

    def retry(self, command: UUID) -> None:
        """An operator lets it go on."""
        with psycopg.connect(self.database.sync, autocommit=True) as connection:
            retry(connection, command)

    def ask(
        self,
        kind: str,
        customer: Customer,
        input: dict[str, Any],
        *,
        subject: tuple[str, UUID | None] | None = None,
        system: str = "salesforce",
        key: str | None = None,
    ) -> UUID:
        """Accept a command as the API does, rules apart."""
        with psycopg.connect(self.database.api) as connection:
            connection.execute(
                "SELECT set_config('hub.role', 'owner', true), set_config('hub.fresh', 'true', true),"
                " set_config('hub.customer_id', %s, true)",
                [str(customer.id)],
            )
            row = connection.execute(
                "SELECT outcome, id FROM command.accept(%s, %s, %s, %s, NULL, %s, 'hash', %s, 'test-request',"
                " interval '1 day', gen_random_uuid(), '{}')",
                [
                    kind,
                    system,
                    subject[0] if subject else "orders",
                    subject[1] if subject else None,
                    key or uuid4().hex,
                    psycopg.types.json.Jsonb(input),
                ],
            ).fetchone()
        assert row is not None
        assert row[0] in {"accepted", "repeated"}, row
        command: UUID = row[1]
        return command

    def command(self, command: UUID) -> dict[str, Any]:
        with (
            psycopg.connect(self.database.owner) as connection,
            connection.cursor(row_factory=psycopg.rows.dict_row) as cursor,
        ):
            found = cursor.execute("SELECT * FROM command.commands WHERE id = %s", [command]).fetchone()
        assert found is not None
        return found

    def salesforce_record(self, kind: str, record_id: str) -> dict[str, Any]:
        """A record as an agent sees it."""
        fields = self.clients.salesforce.find(f"SELECT FIELDS(ALL) FROM {kind} WHERE Id = '{record_id}' LIMIT 1")  # noqa: S608
        return fields[0]

    def approve(self, order: str) -> None:
        """An agent approves an order, over Salesforce's own API; the event is told."""
        self.clients.salesforce.update("Order", order, {"Status": "Approved"})
        with psycopg.connect(self.database.sync) as connection:
            connection.execute(
                "INSERT INTO sync.inbox (source, event_id, kind, entity, record_id, payload)"
                " VALUES ('salesforce', %s, 'event', 'OrderProvisionRequested__e', %s, %s)",
                [uuid4().hex, order, psycopg.types.json.Jsonb({"IdemKey__c": f"{order}:1"})],
            )


@pytest.fixture(scope="session")
def furnished(sandbox: RunningSandbox) -> Iterator[Database]:
    """A database that knows the whole business as it is before anything happens."""
    reset(sandbox)
    with copied_database() as database:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in hub_environment(sandbox, database).items():
                environment.setenv(name, value)
            ready = Hub(sandbox, database)
            ready.sync()
            ready.sync("freebit.line_details")
            ready.close()
        yield database


@pytest.fixture
def hub(sandbox: RunningSandbox, furnished: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that knows the whole business, against a sandbox in which nothing has happened yet."""
    reset(sandbox)
    with copied_database(furnished) as database:
        for name, value in hub_environment(sandbox, database).items():
            monkeypatch.setenv(name, value)
        ready = Hub(sandbox, database)
        yield ready
        ready.close()


def reset(sandbox: RunningSandbox) -> None:
    httpx.post(f"{sandbox.whmcs_url}/__sandbox__/reset").raise_for_status()


@pytest.fixture
def customer(hub: Hub) -> Customer:
    """A customer who is linked in both systems, with a payment method and a verified identity."""
    return customers(hub)[0]


@pytest.fixture
def other_customer(hub: Hub) -> Customer:
    """Another one."""
    return customers(hub)[1]


def customers(hub: Hub) -> list[Customer]:
    found = hub.rows(
        "SELECT c.id, crm.source_id, billing.source_id FROM hub.customers c"
        " JOIN hub.customer_accounts crm ON crm.id = c.salesforce_account_id"
        " JOIN hub.customer_accounts billing ON billing.id = c.whmcs_account_id"
        " WHERE EXISTS (SELECT FROM hub.payment_methods p WHERE p.account_id = c.whmcs_account_id)"
        " AND c.identity_status = 'verified' ORDER BY c.id"
    )
    return [Customer(*row) for row in found]
