"""What the sandbox says is whose, in its systems' own words, and what the API shows to whom."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx
import psycopg

from core.settings import ApiSettings
from domain.common.identifiers import hub_id
from read_api.auth.tokens import mint
from sandbox.asgi import Request
from sandbox.salesforce.org import Org
from sandbox.state import State
from sandbox.whmcs.app import Endpoint
from sandbox.whmcs.install import Install
from tests.faults.stage import Stage
from tests.serving import KEY

LISTS = {
    "invoice": "/api/invoices",
    "subscription": "/api/subscriptions",
    "order": "/api/orders",
    "case": "/api/support/cases",
}
CUSTOMERS = """
    SELECT c.id, s.source_id, w.source_id
      FROM hub.customers c
      LEFT JOIN hub.customer_accounts s ON s.id = c.salesforce_account_id
      LEFT JOIN hub.customer_accounts w ON w.id = c.whmcs_account_id
     WHERE c.deleted_at IS NULL ORDER BY c.id
"""

PROMISED = "SELECT id::text, subject_id FROM command.commands WHERE kind = 'place_order'"
"""The id that a customer was told when an order was accepted, by its command: the order's own one from then on."""


@dataclass
class Shown:
    """Things shown to a customer who does not own them, owned ones not shown, and ones shown twice."""

    foreign: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)


def owners(stage: Stage) -> dict[str, dict[UUID, str]]:
    """Which account each record belongs to, by kind and the hub's id: asked of WHMCS and Salesforce themselves."""
    found: dict[str, dict[UUID, str]] = {
        "invoice": _owned(stage, "GetInvoices", "invoices", "invoice", "userid"),
        "subscription": _owned(stage, "GetClientsProducts", "products", "product", "clientid"),
    }
    with psycopg.connect(stage.database.owner) as connection:
        promised = dict(connection.execute(PROMISED).fetchall())
    for kind, name in (("order", "Order"), ("case", "Case")):
        rows = rows_of_salesforce(stage, name)
        found[kind] = {
            promised.get(row.get("Hub_Command_Id__c"), hub_id("salesforce", kind, row["Id"])): str(row["AccountId"])
            for row in rows
        }
    return found


def shown_by_the_api(stage: Stage) -> Shown:
    """Every customer's lists with a token of their own, and one thing of each kind that is somebody else's."""
    truth, shown = owners(stage), Shown()
    numbers = claims(stage)
    quarantined = _quarantined(stage)
    with psycopg.connect(stage.database.owner) as connection:
        customers = connection.execute(CUSTOMERS).fetchall()
    with httpx.Client(base_url=stage.api, timeout=30, trust_env=False) as client:
        for customer, account, billing in customers:
            headers = {"Authorization": f"Bearer {mint(ApiSettings(jwt_key=KEY), customer)}"}
            # The CRM's account says which client is its own, and nothing else makes a link (decision 0023).
            if account and billing and billing not in numbers.get(account, ()):
                shown.foreign.append(f"customer {customer}")
            for kind, path in LISTS.items():
                mine = account if kind in {"order", "case"} else billing
                theirs = {each for each, owner in truth[kind].items() if owner == mine}
                ids = list(_listed(client, path, headers))
                shown.twice += [f"{kind} {each}" for each in set(ids) if ids.count(each) > 1]
                shown.foreign += [f"{kind} {each}" for each in set(ids) - theirs]
                shown.lacking += [f"{kind} {each}" for each in theirs - quarantined - set(ids)]
                another = next((each for each, owner in truth[kind].items() if owner != mine), None)
                if another and client.get(f"{path}/{another}", headers=headers).status_code != 404:
                    shown.foreign.append(f"{kind} {another}")
    return shown


def claims(stage: Stage) -> dict[str, list[str]]:
    """The numbers in what each account of the CRM says of its client."""
    rows = rows_of_salesforce(stage, "Account")
    return {row["Id"]: re.findall(r"\d+", row["WH_Account__c"] or "") for row in rows}


def _quarantined(stage: Stage) -> set[UUID]:
    """Records that the hub says it cannot represent, or not all of: whether it shows them is left to it."""
    with psycopg.connect(stage.database.owner) as connection:
        rows = connection.execute("SELECT source_id FROM sync.quarantine WHERE resolved_at IS NULL").fetchall()
    systems = {"invoice": "whmcs", "subscription": "whmcs", "order": "salesforce", "case": "salesforce"}
    return {hub_id(system, kind, row[0]) for row in rows for kind, system in systems.items()}  # type: ignore[arg-type]


def _listed(client: httpx.Client, path: str, headers: Mapping[str, str]) -> Iterator[UUID]:
    query: dict[str, str] = {"limit": "100"}
    while True:
        answer = client.get(path, headers=headers, params=query)
        answer.raise_for_status()
        body = answer.json()
        yield from (UUID(each["id"]) for each in body["data"])
        if not body["page"]["next"]:
            return
        query["cursor"] = body["page"]["next"]


def rows_of_invoices(stage: Stage) -> dict[str, dict[str, Any]]:
    """Each invoice as billing lists it, by its id."""
    return {str(row["id"]): row for row in rows_of_whmcs(stage, "GetInvoices", "invoices", "invoice")}


def _owned(stage: Stage, action: str, plural: str, singular: str, owner: str) -> dict[UUID, str]:
    kind = {"GetInvoices": "invoice", "GetClientsProducts": "subscription"}[action]
    return {hub_id("whmcs", kind, row["id"]): str(row[owner]) for row in rows_of_whmcs(stage, action, plural, singular)}


def rows_of_whmcs(stage: Stage, action: str, plural: str, singular: str, **of: str) -> list[dict[str, Any]]:
    """Every row of a list, as the emulator gives it to somebody whom no fault and no switch meets."""
    fields: dict[str, Any] = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}
    body = urlencode(fields | {"action": action, "limitnum": 10_000, **of}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    sandbox = stage.sandbox
    endpoint = Endpoint(Install(sandbox.world, _honest(stage), sandbox.config))
    answer = endpoint.answer(Request("POST", "/includes/api.php", "", headers, body, "127.0.0.1"))
    assert isinstance(answer.body, bytes)
    content = json.loads(answer.body)
    rows: list[dict[str, Any]] = content[plural][singular] if content.get(plural) else []
    return rows


def rows_of_salesforce(stage: Stage, kind: str) -> list[dict[str, Any]]:
    """Every record of an object that is not deleted."""
    table = Org(stage.sandbox.world, _honest(stage)).table(kind)
    return [dict(row) for row in table.by_id() if not row["IsDeleted"]]


def _honest(stage: Stage) -> State:
    """What the sandbox holds, without what it plays on callers."""
    state = State()
    state.clock, state.overlay = stage.sandbox.state.clock, stage.sandbox.state.overlay
    return state
