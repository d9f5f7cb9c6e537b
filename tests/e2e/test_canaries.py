"""What a person is, goes where it is declared to go, and nowhere else; erased, it is nowhere.

The canaries are what the sandbox knows of one customer: every value that stands in a personal column after the first
load, words of their own in what they send, and who they log in as. They go through every path: sync, details,
quarantine, notifications, commands that succeed and that fail, logging in, reading, errors. Then everything that was
written is searched, as bytes: logs, standard output, Dagster's storage, health, answers to others, and every column of
every table. A password is nowhere at all, from the beginning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from core.settings import ApiSettings, AuthSettings
from pipelines.dagster.definitions import defs
from pipelines.datasets import DATASETS
from pipelines.personal.erasure import erase
from pipelines.personal.holdings import customer_named, theirs
from pipelines.sources.connect import source_of
from pipelines.sync.reconcile import reconcile
from read_api.auth.keys import rotate
from read_api.auth.passwords import hasher_of
from read_api.auth.tokens import mint
from sql.personal import by_entity, personal
from sql.tables import metadata
from tests.builders import insert
from tests.conftest import Database
from tests.pipelines.commands.conftest import Customer, Hub, customer, furnished, hub, other_customer, sandbox
from tests.serving import KEY, api_process
from tests.waiting import PATIENCE_SECONDS, until

__all__ = ["customer", "furnished", "hub", "other_customer", "sandbox"]

SPOKEN = "Zwitscherling"
"""What nobody but this customer ever says."""
EMAIL = f"{SPOKEN}@home.example"
PASSWORD = "nobody else knows this sentence"
SHORTEST = 6
"""Shorter values stand in ids and dates by chance."""

ADDRESSES = ("/api/me", "/api/invoices?limit=100", "/api/sims", "/api/orders", "/api/support/cases", "/api/dashboard")


@dataclass
class Written:
    """Where what the processes write is kept: files, and what was answered to others."""

    folder: Path
    answers: list[bytes]

    def found(self, canaries: set[str]) -> dict[str, list[str]]:
        """Which canaries are in what was written."""
        everything = {str(file): file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}
        everything |= {f"answer {number}": each for number, each in enumerate(self.answers)}
        found = {
            name: sorted(each for each in canaries if each.encode() in content) for name, content in everything.items()
        }
        return {name: each for name, each in found.items() if each}


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path, [])


def canaries_of(hub: Hub, of: Customer) -> set[str]:
    """What stands in the customer's personal columns, and in nobody else's row."""
    values: set[str] = {SPOKEN}
    with psycopg.connect(hub.database.owner) as connection:
        finds = customer_named(connection, of.id).finds
        for table in (each for each in metadata.tables.values() if each.schema == "hub" and personal(each)):
            for column in personal(table):
                query = SQL(
                    "SELECT DISTINCT {0}::text FROM {1} WHERE ({2}) AND {0} IS NOT NULL"
                    " EXCEPT SELECT {0}::text FROM {1} WHERE NOT coalesce({2}, false)"
                ).format(Identifier(column.name), Identifier("hub", table.name), SQL(theirs(table) or "false"))
                values |= {row[0] for row in connection.execute(query, finds).fetchall()}
    return {value for value in values if len(value) >= SHORTEST}


def declared() -> set[str]:
    return {
        f"{table.fullname}.{column.name}"
        for table in metadata.tables.values()
        for column in (*personal(table), *by_entity(table))
    }


def places(database: Database, canaries: set[str]) -> set[str]:
    """Columns that hold a canary, declared or not."""
    found = set()
    with psycopg.connect(database.owner) as connection:
        for table in metadata.tables.values():
            rows = connection.execute(
                SQL(
                    "SELECT DISTINCT e.key FROM {} r CROSS JOIN LATERAL jsonb_each_text(to_jsonb(r)) e"
                    " WHERE EXISTS (SELECT FROM unnest(%s::text[]) c WHERE strpos(e.value, c) > 0)"
                ).format(Identifier(str(table.schema), table.name)),
                [sorted(canaries)],
            ).fetchall()
            found |= {f"{table.fullname}.{key}" for (key,) in rows}
    return found


def sends_commands(hub: Hub, of: Customer) -> None:
    """With the customer's own words: one that succeeds, some that fail, one that no system understands."""
    own = ("customers", of.id)
    hub.ask("open_case", of, {"subject": SPOKEN, "description": f"{SPOKEN} speaks"}, subject=("support_cases", None))
    hub.ask(
        "update_profile", of, {"lastName": SPOKEN, "email": f"{SPOKEN}@nowhere.example"}, subject=own, system="whmcs"
    )
    hub.ask("update_profile", of, {"no such field": SPOKEN}, subject=own, system="whmcs")
    hub.ask("place_order", of, {"type": "sim", "items": [{"sku": SPOKEN}], "sim": {"simType": "esim", "eid": SPOKEN}})


def runs_in_dagster(hub: Hub, written: Written) -> None:
    """As the daemon and the UI run them, with Dagster's storage in files."""
    home = written.folder / "dagster"
    home.mkdir()
    with dg.instance_for_test(temp_dir=str(home)) as instance:
        for job in ("open_case", "update_profile", "place_order", "sync_whmcs", "sync_salesforce"):
            defs.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)
        hub.now_due()
        for job in ("open_case", "update_profile", "place_order"):
            defs.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)
        # Files are removed with the instance: what stands in them is kept as it was.
        (written.folder / "kept").write_bytes(
            b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
            + repr([instance.all_logs(run.run_id) for run in instance.get_runs()]).encode()
        )


def breaks_records(hub: Hub, of: Customer) -> None:
    """Records that cannot be represented go to quarantine, as they were sent."""
    hub.control("mutate", system="salesforce", object="Account", id=of.salesforce, fields={"Phone": f"{SPOKEN}-1"})
    case = {"system": "salesforce", "object": "Case", "fields": {"Subject": SPOKEN, "CreatedDate": "never"}}
    (identity,) = hub.rows("SELECT min(source_id) FROM hub.support_cases WHERE account_id = %s", of.id)[0]
    hub.control("mutate", **case, id=identity)
    hub.sync("salesforce.accounts", "salesforce.cases")


def may_log_in(hub: Hub, of: Customer) -> None:
    """A person who may act for the customer, and keys that sign what they are given."""
    cheap = AuthSettings(argon2_memory_kib=7168, argon2_passes=1)
    with psycopg.connect(hub.database.owner) as connection:
        rotate(connection, 15)
        user = insert(connection, "auth.users", email=EMAIL, password_hash=hasher_of(cheap).hash(PASSWORD))
        insert(connection, "auth.memberships", user_id=user["id"], customer_id=of.id)


def reads(hub: Hub, other: Customer, canaries: set[str], written: Written) -> None:
    """The API over everything, in a process whose words are kept; it is asked wrongly too."""
    with (
        (written.folder / "api.log").open("wb") as log,
        api_process(hub.database, log) as (url, _),
        # The API's description takes seconds of processor when it is first asked for, and so a busy machine minutes.
        httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, headers={"User-Agent": f"{SPOKEN} 1.0"}) as client,
    ):
        mine = {"Authorization": f"Bearer {logs_in(client, written)}"}
        theirs = {"Authorization": f"Bearer {mint(ApiSettings(jwt_key=KEY), other.id)}"}
        shown = b"".join(content(client, address, mine) for address in ADDRESSES)
        assert any(each.encode() in shown for each in canaries), "the customer is not even shown their own"
        for address in ADDRESSES:
            written.answers.append(content(client, address, theirs))
            client.get(f"{address}{'&' if '?' in address else '?'}q={SPOKEN}", headers=mine)
        bad = {"subject": SPOKEN, SPOKEN: 1}
        written.answers.append(
            client.post("/api/support/cases", headers={**mine, "Idempotency-Key": "k1"}, json=bad).content
            .replace(SPOKEN.encode(), b"", 1)  # the name of an unknown field is told to whoever sent it
        )  # fmt: skip
        for address in ("/health", "/health/ready", "/schema/openapi.json"):
            written.answers.append(content(client, address, {}))


def logs_in(client: httpx.Client, written: Written) -> str:
    """As the person, after they mistyped their password and somebody tried an address that nobody has; their token."""
    for email, password in ((EMAIL, f"{PASSWORD} not"), (f"{SPOKEN}@elsewhere.example", PASSWORD)):
        refused = answered(client, "POST", "/auth/login", json={"email": email, "password": password})
        assert refused.status_code == 401
        written.answers.append(refused.content)
    answer = answered(client, "POST", "/auth/login", json={"email": EMAIL, "password": PASSWORD})
    token: str = answer.raise_for_status().json()["data"]["accessToken"]
    return token


def content(client: httpx.Client, address: str, who: dict[str, str]) -> bytes:
    return answered(client, "GET", address, headers=who).raise_for_status().content


def answered(client: httpx.Client, method: str, address: str, **more: Any) -> httpx.Response:
    """The answer, once there is one: a busy machine's API may be unavailable (503) for a while, and says so."""

    def tried() -> httpx.Response | None:
        answer = client.request(method, address, **more)
        return None if answer.status_code == 503 else answer

    answer: httpx.Response = until(tried)
    return answer


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str], written: Written) -> Iterator[Any]:
    """Keeps what this process wrote to its standard output and error so far, as the logs of workers."""

    def keep() -> None:
        said = capfd.readouterr()
        with (written.folder / "standard").open("a") as file:
            file.write(said.out + said.err)

    return keep


def test_what_a_person_is_goes_nowhere_but_where_it_is_declared_and_erased_is_nowhere(
    hub: Hub, customer: Customer, other_customer: Customer, written: Written, logged: Any
) -> None:
    may_log_in(hub, customer)
    canaries = canaries_of(hub, customer)
    assert len(canaries) >= 10
    sends_commands(hub, customer)
    hub.forward()
    breaks_records(hub, customer)
    sends_commands(hub, customer)
    runs_in_dagster(hub, written)
    hub.apply()
    hub.sync()
    reads(hub, other_customer, canaries, written)
    logged()

    everywhere = places(hub.database, canaries)
    assert written.found(canaries) == {}
    assert {"hub.customers.email", "sync.changes.after", "command.commands.input"} <= everywhere
    assert {"auth.users.email", "auth.sessions.device", "sync.quarantine.payload"} <= everywhere
    assert everywhere - declared() == set()
    assert written.found({PASSWORD}) == {}
    assert places(hub.database, {PASSWORD}) == set()

    settle(hub)
    ends_lines(hub, customer)
    with psycopg.connect(hub.database.owner, autocommit=True) as connection:
        erase(connection, customer_named(connection, customer.id), by="an operator")
    assert places(hub.database, canaries) == set()

    hub.sync()
    hub.sync_records("salesforce.accounts", customer.salesforce)
    hub.sync_records("whmcs.clients", customer.whmcs)
    hub.sync_records("whmcs.client_details", customer.whmcs)
    hub.sync("freebit.line_details")
    logged()

    assert places(hub.database, canaries) == set()
    assert written.found(canaries) == {}
    differing = []
    for dataset in (each for each in DATASETS if each.system != "freebit"):
        source = source_of(dataset.system)
        differing += [drift for drift in reconcile(dataset, source, hub.database.sync) if drift.different]
        source.client.close()
    assert differing == []


def ends_lines(hub: Hub, of: Customer) -> None:
    """Their lines end at the source, and the sync reads that: nobody is erased while one is open."""
    query = "SELECT s.source_id FROM hub.sims s JOIN hub.customer_accounts a ON a.id = s.account_id"
    lines = hub.rows(f"{query} WHERE a.customer_id = %s AND s.is_open", of.id)
    for (service,) in lines:
        hub.control("mutate", system="whmcs", object="service", id=service, fields={"status": "Terminated"})
    hub.sync("whmcs.services")


def settle(hub: Hub) -> None:
    """Commands that wait are called off: nobody is erased while they are under way."""
    with psycopg.connect(hub.database.owner) as connection:
        connection.execute(
            "UPDATE command.commands SET status = 'failed', finished_at = now(), lease_until = NULL"
            " WHERE status IN ('accepted', 'running', 'waiting', 'dead')"
        )
