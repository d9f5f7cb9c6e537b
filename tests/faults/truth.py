"""What the sandbox says is whose, in its systems' own words, and what the API shows to whom."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import psycopg

from core.settings import ApiSettings
from domain.common.identifiers import hub_id
from read_api.auth.tokens import mint
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


@dataclass
class Shown:
    """Things shown to a customer who does not own them, owned ones not shown, and ones shown twice."""

    foreign: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)


def owners(stage: Stage) -> dict[str, dict[UUID, str]]:
    """Which account each record belongs to, by kind and the hub's id: asked of WHMCS and Salesforce themselves."""
    found: dict[str, dict[UUID, str]] = {
        "invoice": _whmcs(stage, "GetInvoices", "invoices", "invoice", "userid"),
        "subscription": _whmcs(stage, "GetClientsProducts", "products", "product", "clientid"),
    }
    for kind, name in (("order", "Order"), ("case", "Case")):
        rows = _salesforce(stage, f"SELECT Id, AccountId FROM {name}")  # noqa: S608 - our own words
        found[kind] = {hub_id("salesforce", kind, row["Id"]): str(row["AccountId"]) for row in rows}
    return found


def asked_of_the_api(stage: Stage) -> Shown:
    """Every customer's lists with a token of their own, and one thing of each kind that is somebody else's."""
    truth, shown = owners(stage), Shown()
    quarantined = _quarantined(stage)
    with psycopg.connect(stage.database.owner) as connection:
        customers = connection.execute(CUSTOMERS).fetchall()
    with httpx.Client(base_url=stage.api, timeout=30, trust_env=False) as client:
        for customer, account, billing in customers:
            headers = {"Authorization": f"Bearer {mint(ApiSettings(jwt_key=KEY), customer)}"}
            if not _is_one_person(stage, account, billing):
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


def _is_one_person(stage: Stage, account: str | None, client: str | None) -> bool:
    """Whether both accounts belong to one customer of the made-up business; one alone is nobody else's."""
    if account is None or client is None:
        return True
    world = stage.sandbox.world
    return world.account_number(account) == world.client_number(int(client))


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


def _whmcs(stage: Stage, action: str, plural: str, singular: str, owner: str) -> dict[UUID, str]:
    fields: dict[str, Any] = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}
    fields |= {"action": action, "limitnum": 10_000}
    body = httpx.post(f"{stage.sandbox.whmcs_url}/includes/api.php", data=fields, timeout=30).json()
    rows = body[plural][singular] if body[plural] else []
    kind = {"GetInvoices": "invoice", "GetClientsProducts": "subscription"}[action]
    return {hub_id("whmcs", kind, row["id"]): str(row[owner]) for row in rows}


def _salesforce(stage: Stage, soql: str) -> Iterator[dict[str, Any]]:
    url = stage.sandbox.salesforce_url
    login = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    token = httpx.post(f"{url}/services/oauth2/token", data=login, timeout=30).json()["access_token"]
    headers, path = {"Authorization": f"Bearer {token}"}, "/services/data/v62.0/query"
    page = httpx.get(f"{url}{path}", params={"q": soql}, headers=headers, timeout=30).json()
    while True:
        yield from page["records"]
        if page["done"]:
            return
        page = httpx.get(f"{url}{page['nextRecordsUrl']}", headers=headers, timeout=30).json()
