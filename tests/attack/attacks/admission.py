"""One customer who asks for more than his share."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx

from tests.attack.suite import Seen, attack
from tests.attack.target import Target

TRIES = 120
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe"
    "0def46b80000000049454e44ae426082"
)
"""One white pixel: a whole PNG."""


def _limited(answers: list[httpx.Response], what: str, calls: int) -> Seen:
    refused = [answer for answer in answers if answer.status_code == 429]
    say_when = all(answer.headers.get("retry-after", "").isdigit() for answer in refused)
    said = "with Retry-After" if say_when else "not all with Retry-After"
    return Seen(
        bool(refused) and say_when,
        f"{len(answers)} {what}: {len(refused)} answered 429 {said}; {calls} source calls",
    )


@attack("5")
def pay_links_without_end(target: Target) -> Seen:
    """Pay links of one customer are limited: each is a call to the billing system."""
    (row,) = target.rows(
        "SELECT i.id, a.customer_id FROM hub.invoices i JOIN hub.customer_accounts a ON a.id = i.account_id"
        " WHERE i.status = 'unpaid' ORDER BY i.id LIMIT 1"
    )
    before, headers = target.calls(), target.headers(row["customer_id"])
    answers = [target.http.post(f"/api/invoices/{row['id']}/pay-links", headers=headers) for _ in range(TRIES)]
    return _limited(answers, "pay links", target.calls() - before)


@attack("5")
def commands_without_end(target: Target) -> Seen:
    """Commands of one customer are limited by time, not only by how many are open."""
    customer, answers, before = target.customers()[0], list[httpx.Response](), target.calls()
    for round_ in range(TRIES // 15):
        for number in range(15):
            body = {"subject": f"case {round_}.{number}", "description": "again"}
            answers.append(target.http.post("/api/support/cases", json=body, headers=target.keyed(customer)))
        target.forward()
    return _limited(answers, "cases, all carried out at once", target.calls() - before)


@attack("5")
def waiting_without_end(target: Target) -> Seen:
    """Reads that wait for a source are limited at a time."""
    customer = target.customers()[0]
    (row,) = target.rows(
        "SELECT i.id FROM hub.invoices i JOIN hub.customer_accounts a ON a.id = i.account_id"
        " WHERE a.customer_id = %s LIMIT 1",
        customer,
    )
    target.rows("UPDATE hub.invoices SET items_as_of = NULL")
    headers = target.headers(customer, Prefer="wait=3")

    def ask(_: int) -> httpx.Response:
        return target.http.get(f"/api/invoices/{row['id']}", headers=headers)

    with ThreadPoolExecutor(TRIES) as pool:
        answers = list(pool.map(ask, range(TRIES)))
    return _limited(answers, "reads that wait, at once", 0)


@attack("6", quick=True)
def documents_before_acceptance(target: Target) -> Seen:
    """An identity document reaches Salesforce only once its command is accepted, one at a time."""
    customer = target.customers()[0]
    target.rows("UPDATE hub.customers SET identity_status = NULL WHERE id = %s", customer)

    def send(_: int) -> httpx.Response:
        headers = target.headers(customer, **{"Idempotency-Key": uuid4().hex, "Content-Type": "image/png"})
        return target.http.post("/api/identity-documents", content=PNG, headers=headers)

    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(send, range(30)))
    accepted = sum(answer.status_code == 202 for answer in answers)
    stored = sum("document" in each["kind"] or "contentversion" in each["kind"].lower() for each in target.ledger())
    statuses = sorted({answer.status_code for answer in answers})
    held = accepted > 0 and stored <= accepted < len(answers)
    return Seen(held, f"30 keys at once: {accepted} accepted, {stored} files stored, answers {statuses}")


@attack("6")
def document_that_is_none(target: Target) -> Seen:
    """A file is what it says by its structure, not by its first bytes."""
    customer = target.customers()[0]
    target.rows("UPDATE hub.customers SET identity_status = NULL WHERE id = %s", customer)
    tried = {
        "html as png": (b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script>", "image/png"),
        "script as pdf": (b"%PDF-1.7\n<script>alert(1)</script>", "application/pdf"),
        "rest as jpeg": (b"\xff\xd8\xff" + b"MZ" * 100, "image/jpeg"),
    }
    found = {}
    for name, (content, kind) in tried.items():
        headers = target.headers(customer, **{"Idempotency-Key": uuid4().hex, "Content-Type": kind})
        answer = target.http.post("/api/identity-documents", content=content, headers=headers)
        found[name] = answer.status_code
    return Seen(all(status in {400, 415, 422} for status in found.values()), f"answered {found}")
