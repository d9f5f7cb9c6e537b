"""Other customers' things."""

import re
from typing import Any
from uuid import UUID

from tests.attack.suite import Seen, attack
from tests.attack.target import Target

KINDS = ("invoices", "subscriptions", "sims", "orders", "support_cases", "payments", "payment_methods")
PLACE = re.compile(r"\{[^}]+\}")


@attack("held", quick=True)
def foreign_reads(target: Target) -> Seen:
    """Every route that takes an id answers 404 for another customer's, of whatever kind."""
    mine, others = target.customers()[0], target.customers()[1:]
    theirs: list[UUID] = [*others[:1], *_things(target, others[0]), *_commands(target, others[0])]
    paths = [
        path
        for path, methods in _document(target)["paths"].items()
        if "get" in methods and PLACE.search(path) and path.startswith("/api/")
    ]

    headers, seen, reads = target.headers(mine), [], 0
    for path in paths:
        for each in theirs:
            answer = target.http.get(PLACE.sub(str(each), path), headers=headers)
            reads += 1
            if answer.status_code != 404:
                seen.append(f"{path} {answer.status_code}")
    return Seen(not seen and reads > 20, f"{reads} reads of {len(paths)} routes; {seen[:3] or 'all 404'}")


@attack("held", quick=True)
def foreign_changes(target: Target) -> Seen:
    """Nothing of another customer's is changed through the API."""
    mine, other = target.customers()[:2]
    line = target.rows(
        "SELECT s.id FROM hub.sims s JOIN hub.customer_accounts a ON a.id = s.account_id"
        " WHERE a.customer_id = %s AND s.is_open LIMIT 1",
        other,
    )
    case = target.rows(
        "SELECT c.id FROM hub.support_cases c JOIN hub.customer_accounts a ON a.id = c.account_id"
        " WHERE a.customer_id <> %s LIMIT 1",
        mine,
    )
    requests: list[tuple[str, Any]] = [(f"/api/sims/{row['id']}/top-ups", {"megabytes": 1000}) for row in line]
    requests += [(f"/api/support/cases/{row['id']}/comments", {"body": "mine now"}) for row in case]

    found = [target.http.post(path, json=body, headers=target.keyed(mine)).status_code for path, body in requests]
    stored = target.rows("SELECT count(*) AS n FROM command.commands")[0]["n"]
    return Seen(bool(found) and set(found) == {404} and stored == 0, f"answered {found}; {stored} commands stored")


@attack("held", quick=True, reads=True)
def unspoken_session(target: Target) -> Seen:
    """The API's role sees no row while it speaks for nobody."""
    tables = [f"hub.{kind}" for kind in (*KINDS, "customers", "customer_accounts")]
    found = {table: target.rows(f"SELECT count(*) AS n FROM {table}", role="api")[0]["n"] for table in tables}  # noqa: S608
    return Seen(not any(found.values()), f"{sum(found.values())} rows of {len(found)} tables")


def _things(target: Target, customer: UUID) -> list[UUID]:
    found: list[UUID] = []
    for kind in KINDS:
        rows = target.rows(
            f"SELECT t.id FROM hub.{kind} t JOIN hub.customer_accounts a ON a.id = t.account_id"  # noqa: S608
            " WHERE a.customer_id = %s LIMIT 2",
            customer,
        )
        found += [row["id"] for row in rows]
    return found


def _commands(target: Target, customer: UUID) -> list[UUID]:
    body = {"subject": "mine", "description": "mine alone"}
    answer = target.http.post("/api/support/cases", json=body, headers=target.keyed(customer))
    return [UUID(answer.json()["data"]["id"])] if answer.status_code == 202 else []


def _document(target: Target) -> dict[str, Any]:
    document: dict[str, Any] = target.http.get("/schema/openapi.json").json()
    return document
