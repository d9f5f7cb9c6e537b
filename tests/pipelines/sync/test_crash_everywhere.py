"""The sync may die at any moment: whoever goes on leaves what an undisturbed run would have left, and tells it once.

The moments are found by running: each call, and each statement, copy and end of a transaction, of every thread. What is
compared is every row of schema hub and what schema sync remembers, and what a reconcile says. Stamps of the hub's own
clock count by whether they are there; when something is due, by whether it is due now.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from domain.common.identifiers import System, hub_id
from pipelines.datasets import DATASETS
from pipelines.sources.connect import source_of
from pipelines.sync.run import run
from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from sql.tables import metadata
from tests import dying
from tests.builders import insert
from tests.conftest import Database, copied_database
from tests.e2e.conftest import hub_environment

CUSTOMERS = 3
GHOST_ACCOUNT, GHOST_CASE, GHOST_SERVICE = "001990000000001AAA", "500990000000001AAA", "999001"
"""Records that the hub has and their source has not."""
MAIN = "MainThread"
SMALL = {"WHMCS_CONCURRENCY": "1", "WHMCS_PAGE_ROWS": "25"}
"""Calls one after the other, so that each has its number."""


@dataclass(frozen=True)
class Scene:
    """A piece of work that may be killed, and what happened before it. environment: as it is set for this one.

    what: the name of the work and what it is given, in which the stage's names may stand.
    """

    what: list[str]
    before: Callable[["Stage"], None]
    environment: dict[str, str] = field(default_factory=dict)


class Stage:
    """A small business that the hub knows, and can be brought back to."""

    def __init__(self, database: Database, sandbox: RunningSandbox) -> None:
        self.database, self.sandbox = database, sandbox
        self._tables = [table for table in metadata.sorted_tables if table.schema in {"hub", "sync", "command"}]
        self.connection = psycopg.connect(database.owner, autocommit=True)
        self._settle()
        self._keep()
        linked = self.execute(
            "SELECT s.source_id, w.source_id FROM hub.customers c JOIN hub.customer_accounts s ON s.id ="
            " c.salesforce_account_id JOIN hub.customer_accounts w ON w.id = c.whmcs_account_id ORDER BY c.id"
        )
        self.names = dict(zip(("salesforce", "whmcs"), linked[0], strict=True))

    def execute(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def _settle(self) -> None:
        """As if all that was done long ago, and nothing of it were remembered but the rows, and few of those."""
        self.execute("DELETE FROM hub.sim_usage")
        self.execute("DELETE FROM hub.prices")
        for table in self._tables:
            name = f"{table.schema}.{table.name}"
            if table.schema == "sync" and table.name not in {"freshness", "quarantine", "sources"}:
                self.execute(f"DELETE FROM {name}")  # noqa: S608 - our own names
            if "changed_at" in table.c and table.schema == "hub":
                day = "now() - interval '1 day'"
                self.execute(f"UPDATE {name} SET changed_at = {day}, first_seen_at = {day}")  # noqa: S608
            for due in (column for column in table.c.keys() if column.endswith("_due_at")):  # noqa: SIM118
                self.execute(f"UPDATE {name} SET {due} = NULL")  # noqa: S608

    def _keep(self) -> None:
        self.execute("CREATE SCHEMA kept")
        back = []
        for table in reversed(self._tables):
            name, kept = f"{table.schema}.{table.name}", f"kept.{table.schema}_{table.name}"
            columns = ", ".join(column.name for column in table.c if column.computed is None)
            self.execute(f"CREATE TABLE {kept} AS SELECT {columns} FROM {name}")  # noqa: S608
            back.append(f"DELETE FROM {name};")  # noqa: S608
            if self.execute(f"SELECT 1 FROM {kept} LIMIT 1"):  # noqa: S608
                insert_ = f"INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {kept};"  # noqa: S608
                back.append(insert_)
        self._back = " ".join(back)
        self._seen = " UNION ALL ".join(
            f"SELECT '{table.schema}.{table.name}', to_jsonb(t) FROM {table.schema}.{table.name} t"  # noqa: S608
            for table in self._tables
        )

    def back(self) -> None:
        """Everything as it was kept, and nothing that triggers make of that."""
        with self.connection.transaction():
            self.connection.execute("SET LOCAL session_replication_role = replica")
            self.connection.execute(self._back.encode())

    def ghost(self, system: System, table: str, kind: str, source_id: str, *its_own: str) -> None:
        """A row of a record that the source does not have, like another one. its_own: columns with its id."""
        id_ = str(hub_id(system, kind, source_id))
        self.connection.execute(
            SQL(
                "INSERT INTO hub.{table} SELECT (jsonb_populate_record(t, %s)).* FROM hub.{table} t"
                " WHERE source = %s ORDER BY t.source_id LIMIT 1"
            ).format(table=Identifier(table)),
            [json.dumps({"id": id_, "source_id": source_id, **dict.fromkeys(its_own, id_)}), system],
        )

    def tell(self, source: str, **values: Any) -> None:
        """Something is in the inbox."""
        insert(self.connection, "sync.inbox", source=source, event_id=f"event {values}", **values)

    def seen(self) -> dict[str, Counter[str]]:
        """What is there, row by row."""
        found: dict[str, Counter[str]] = {}
        for table, row in self.execute(self._seen):
            if (said := _compared(table, row)) is not None:
                found.setdefault(table, Counter())[json.dumps(said, sort_keys=True)] += 1
                # That details were read is logged each time, and a killed reader's are read again.
                if table == "sync.changes" and OWN_CLOCK.search(" ".join(said["after"] or ())):
                    found[table][json.dumps(said, sort_keys=True)] = 1
        return found | {"done by runs": self._done()}

    def _done(self) -> Counter[str]:
        """What all runs of a data set together did; what was read may have been read twice."""
        rows = self.execute(
            "SELECT dataset || ' ' || mode, jsonb_build_object('inserted', sum(inserted), 'updated', sum(updated),"
            " 'deleted', sum(deleted)) FROM sync.runs GROUP BY dataset, mode"
        )
        return Counter(f"{run}: {counts}" for run, counts in rows)


FORGOTTEN: dict[str, set[str]] = {
    "sync.cursors": {"updated_at"},
    "sync.changes": {"seq", "xid", "run_id"},
    "sync.quarantine": {"id", "payload"},
    "sync.inbox": {"id"},
    "sync.link_changes": {"seq", "run_id"},
    "sync.link_words": {"id"},
    # A pass after a killed one finds mended what that one mended.
    "sync.windows": {"pass_id", "missing", "different"},
    "command.commands": {"id", "seq", "request_id"},
}
"""What tells nothing of a row, or is another one each time."""
NOT_COMPARED = {
    "sync.sources",  # how calls went
}
OWN_CLOCK = re.compile(
    r"\b(?:changed|first_seen|last_seen|deleted|checked|resolved|applied|received|ended|said|accepted|occurred|deadline|due"
    r"|verified)_(?:at|through)$|as_of$"
)


def _compared(table: str, row: dict[str, Any]) -> dict[str, Any] | None:
    """What two runs must agree upon; None: the row may be there or not."""
    if table in NOT_COMPARED or (table == "sync.link_words" and row["ended_at"] is not None):
        return None
    if table == "sync.runs":
        # An interrupted one is no loss; one that seems to be under way is a lie. A dead reader of events seems so until
        # somebody reads that data set's events again.
        return {"running": row["dataset"]} if (row["status"], row["mode"] == "events") == ("running", False) else None
    of_command = {"entity_id"} if row.get("entity") == "commands" else set()
    forgotten = FORGOTTEN.get(table, set()) | of_command
    return {name: _plain(name, value) for name, value in row.items() if name not in forgotten}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(key, each) for key, each in value.items()}
    if OWN_CLOCK.search(name) or name.endswith("_due_at") or name in {"watermark", "began", "started"}:
        return value is not None
    return value


def _nothing(_: Stage) -> None:
    """As it was kept."""


def _accounts_differ(stage: Stage) -> None:
    """One is new, one has changed, one is named by the CRM for the first time."""
    first, second, *_ = [row[0] for row in stage.execute(
        "SELECT source_id FROM hub.customer_accounts WHERE source = 'salesforce'"
        " ORDER BY (link_status = 'linked') DESC, source_id"
    )]  # fmt: skip
    stage.execute("DELETE FROM hub.customer_accounts WHERE source = 'salesforce' AND source_id = %s", second)
    stage.execute(
        "UPDATE hub.customer_accounts SET name = 'before', partner_key = NULL, link_status = 'unlinked',"
        " customer_id = id, source_updated_at = source_updated_at - interval '1 hour' WHERE customer_id IN"
        " (SELECT customer_id FROM hub.customer_accounts WHERE source = 'salesforce' AND source_id = %s)",
        first,
    )


def _invoices_differ(stage: Stage) -> None:
    """One is new, one has changed, and the details of three are due."""
    ids = [row[0] for row in stage.execute("SELECT source_id FROM hub.invoices ORDER BY source_id")]
    stage.execute("DELETE FROM hub.invoices WHERE source_id = %s", ids[0])
    stage.execute("UPDATE hub.invoices SET total = 1, balance = 1 WHERE source_id = %s", ids[1])
    stage.execute("UPDATE hub.invoices SET items_due_at = now() WHERE source_id = ANY(%s)", ids[2:4])
    stage.execute("UPDATE hub.invoice_items SET amount = 1 WHERE invoice_id IN"
                  " (SELECT id FROM hub.invoices WHERE source_id = %s)", ids[2])  # fmt: skip


def _lines_are_due(stage: Stage) -> None:
    stage.execute("UPDATE hub.sims SET plan_code = 'before', details_due_at = now() WHERE msisdn IS NOT NULL")


def _salesforce_tells(stage: Stage) -> None:
    """Of accounts, a case that is gone, an order that wants to be provisioned, and products that were missed."""
    _accounts_differ(stage)
    stage.ghost("salesforce", "support_cases", "case", GHOST_CASE)
    ((order,),) = stage.execute("SELECT min(source_id) FROM hub.orders")
    stage.execute("DELETE FROM hub.orders")
    stage.execute("UPDATE hub.products SET name = 'before', source_updated_at = NULL WHERE is_orderable")
    stage.execute("INSERT INTO sync.cursors (dataset, position) VALUES ('salesforce.products', '{}')")
    for account, *_ in stage.execute("SELECT source_id FROM hub.customer_accounts WHERE source = 'salesforce'"):
        stage.tell("salesforce", entity="Account", record_id=account)
    stage.tell("salesforce", entity="Case", record_id=GHOST_CASE)
    stage.tell(
        "salesforce", kind="event", entity="OrderProvisionRequested__e", record_id=order, payload={"IdemKey__c": "1"}
    )
    stage.tell("salesforce", kind="gap", entity="Product2")


def _whmcs_tells(stage: Stage) -> None:
    """Of an invoice that changed, and a service that is gone."""
    _invoices_differ(stage)
    stage.ghost("whmcs", "subscriptions", "service", GHOST_SERVICE)
    ((invoice,),) = stage.execute("SELECT source_id FROM hub.invoices ORDER BY total LIMIT 1")
    stage.tell("whmcs", entity="invoice", record_id=invoice)
    stage.tell("whmcs", entity="service", record_id=GHOST_SERVICE)


def _services_differ(stage: Stage) -> None:
    """One is new, one has changed, one is gone."""
    ids = [row[0] for row in stage.execute("SELECT source_id FROM hub.subscriptions ORDER BY source_id")]
    stage.execute("DELETE FROM hub.subscriptions WHERE source_id = %s", ids[0])
    stage.execute("UPDATE hub.subscriptions SET product_name = 'before' WHERE source_id = %s", ids[1])
    stage.ghost("whmcs", "subscriptions", "service", GHOST_SERVICE)


def _accounts_differ_and_one_is_gone(stage: Stage) -> None:
    _accounts_differ(stage)
    stage.ghost("salesforce", "customer_accounts", "account", GHOST_ACCOUNT, "customer_id")


SCENES = {
    "salesforce query": Scene(["run", "salesforce.accounts"], _accounts_differ),
    "salesforce bulk": Scene(["run", "salesforce.accounts"], _accounts_differ, {"SALESFORCE_BULK_THRESHOLD_ROWS": "0"}),
    "whmcs list and details": Scene(["run", "whmcs.invoices", "whmcs.invoice_details"], _invoices_differ),
    "freebit lines": Scene(["run", "freebit.line_details"], _lines_are_due),
    "salesforce events": Scene(["apply", "salesforce"], _salesforce_tells),
    "whmcs webhooks": Scene(["apply", "whmcs"], _whmcs_tells),
    "heal": Scene(["heal", "salesforce.accounts"], _accounts_differ_and_one_is_gone),
    "reconcile": Scene(["reconcile", "whmcs.services"], _services_differ),
    "link": Scene(["say", "apart", "{salesforce}", "{whmcs}"], _nothing),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    ports = {"salesforce_port": 0, "salesforce_grpc_port": 0, "whmcs_port": 0, "freebit_port": 0}
    with start(Config(customers=CUSTOMERS, **ports)) as running:
        yield running


@pytest.fixture(scope="module")
def stage(sandbox: RunningSandbox) -> Iterator[Stage]:
    with copied_database() as database, pytest.MonkeyPatch.context() as environment:
        for name, value in (hub_environment(sandbox, database) | SMALL).items():
            environment.setenv(name, value)
        for dataset in DATASETS:
            source = source_of(dataset.system)
            run(dataset, source, database.sync)
            source.client.close()
        # One record that cannot be represented.
        broken = {"system": "whmcs", "object": "invoice", "id": "10005", "fields": {"date": "yesterday, or so"}}
        httpx.post(f"{sandbox.whmcs_url}/__sandbox__/mutate", json=broken).raise_for_status()
        stage = Stage(database, sandbox)
        yield stage
        stage.connection.close()


@pytest.mark.parametrize("name", SCENES)
def test_the_sync_may_die_at_any_moment(stage: Stage, name: str, record_property: Any) -> None:
    scene = SCENES[name]
    environment = hub_environment(stage.sandbox, stage.database) | SMALL | scene.environment
    with dying.mortal("tests.pipelines.sync.crashing", environment, stage.sandbox.whmcs_url) as workers:
        stage.back()
        scene.before(stage)
        what = [each.format(**stage.names) for each in scene.what]
        before = stage.seen()
        workers.work(what, warms=True)
        stage.back()
        scene.before(stage)
        undisturbed = workers.work(what)
        after = stage.seen()
        assert undisturbed.brought is not None, list(undisturbed.moments.values())[-1]

        moments = [(role, at, each) for role, names in undisturbed.moments.items() for at, each in enumerate(names, 1)]
        gone_on_from: list[dict[str, Counter[str]]] = []
        for moment in moments:
            role, at, each = moment
            stage.back()
            scene.before(stage)

            died = workers.work(what, at=at, of=role)
            assert (died.brought, died.moments[role][-1]) == (None, each), moment
            left = stage.seen()
            if scene.what[0] == "say":
                # No run repeats an operator's word: it is followed, or was not said.
                assert left in (before, after), moment
            if left in gone_on_from:
                continue  # whoever goes on finds what was found before: dying changed nothing since
            gone_on_from.append(left)
            again = workers.work(what)

            assert again.brought == undisturbed.brought, moment
            found = stage.seen()
            if found != after:
                pytest.fail(f"killed at {moment}:\n{difference(after, found)}")
    assert (after == before) == (scene.what[0] == "reconcile")
    record_property("moments", len(moments))


def difference(wanted: dict[str, Counter[str]], found: dict[str, Counter[str]]) -> str:
    """What is missing and what is too much."""
    return "\n".join(
        f"{sign} {table} {row}"
        for table in sorted({*wanted, *found})
        for sign, rows in (
            ("-", wanted.get(table, Counter()) - found.get(table, Counter())),
            ("+", found.get(table, Counter()) - wanted.get(table, Counter())),
        )
        for row in rows
    )
