"""Words that mean something to a database."""

from uuid import UUID

from pipelines.sources.clients import Clients
from tests.attack.suite import Seen, attack
from tests.attack.target import Target
from tests.faults.stage import given

SQL = (
    "' OR '1'='1",
    "1; DROP TABLE hub.customers; --",
    "') UNION SELECT id FROM hub.customers --",
    "%27%20OR%201%3D1",
    "$$;SELECT 1;$$",
    "\\'; SELECT pg_sleep(5); --",
    "-issueDate; SELECT 1",
    "*",
)
SOQL = ("' OR Name != '", "\\' OR Id != \\'", "' LIMIT 1 OFFSET 1 --", "x') OR (Name LIKE '%")


@attack("held", quick=True, needs_stack=False, reads=True)
def sql_injection(target: Target) -> Seen:
    """A value is a value: every answer to one that is none is a 4xx, or shows what it would have shown."""
    headers, odd, sent = target.headers(target.customers()[0]), [], 0
    places = (
        "/api/invoices?status={}",
        "/api/invoices?sort={}",
        "/api/invoices?limit={}",
        "/api/invoices?from={}",
        "/api/commands?status={}",
        "/api/invoices/{}",
        "/api/sims/{}",
        "/api/products?category={}",
    )
    for place in places:
        path, _, query = place.partition("?")
        for word in SQL:
            params = {query.partition("=")[0]: word} if query else None
            answer = target.http.get(path.replace("{}", word.replace("/", "%2F")), params=params, headers=headers)
            sent += 1
            if answer.status_code >= 500 or answer.elapsed.total_seconds() > 4:
                odd.append(f"{place} {word!r}: {answer.status_code}")
    return Seen(not odd, f"{sent} requests; {odd[:3] or 'none failed or was slow'}")


@attack("held", quick=True, reads=True)
def soql_injection(target: Target) -> Seen:
    """A text in a SOQL condition finds what it says and no more."""
    with given(target.hub.environment):
        clients = Clients()
        found = {word: len(clients.salesforce.find("SELECT Id FROM Account WHERE Name = {}", word)) for word in SOQL}
        clients.close()
    return Seen(not any(found.values()), f"{sum(found.values())} accounts found by {len(found)} texts")


@attack("held", quick=True)
def injected_text_is_kept_as_text(target: Target) -> Seen:
    """What customers write is stored and sent on as they wrote it."""
    customer = target.customers()[0]
    body = {"subject": SQL[1], "description": " ".join((*SQL, *SOQL))}
    answer = target.http.post("/api/support/cases", json=body, headers=target.keyed(customer))
    stored = target.rows("SELECT input FROM command.commands WHERE id = %s", UUID(answer.json()["data"]["id"]))
    kept = {name: stored[0]["input"][name] for name in body}
    left = target.forward()
    return Seen(kept == body and left == ["succeeded"], f"stored as sent: {kept == body}; carried out: {left}")
