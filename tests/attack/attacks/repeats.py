"""The same thing again: replayed webhooks, raced keys."""

import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx

from tests.attack.suite import Seen, attack
from tests.attack.target import Target
from tests.faults.stage import SECRET

AT_ONCE = 20


@attack("held", quick=True)
def webhook_replay(target: Target) -> Seen:
    """A notification counts once, only within its time, and only as it was signed."""
    now = int(time.time())
    notification = {
        "id": uuid4().hex,
        "event": "InvoicePaid",
        "entity": "invoice",
        "entityId": "10042",
        "clientId": "1001",
        "occurredAt": now,
    }
    body = json.dumps(notification).encode()

    def sent(content: bytes = body, at: int = now, signed: bytes = body, secret: str = SECRET) -> int:
        digest = hmac.new(secret.encode(), f"{at}.".encode() + signed, "sha256").hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Timestamp": str(at), "X-Hub-Signature": f"v1={digest}"}
        return target.http.post("/webhooks/whmcs", content=content, headers=headers).status_code

    def stored() -> int:
        found: int = target.rows("SELECT count(*) AS n FROM sync.inbox WHERE event_id = %s", notification["id"])[0]["n"]
        return found

    good = [sent(), sent(), sent()]
    bad = [sent(at=now - 3600), sent(content=body.replace(b"10042", b"10043")), sent(secret="w" * 31 + "x")]
    unsigned = target.http.post("/webhooks/whmcs", content=body).status_code
    refused = all(400 <= status < 500 for status in (*bad, unsigned))
    held = all(status < 300 for status in good) and refused and stored() == 1
    return Seen(held, f"three times sent: stored {stored()}; old, altered, forged, unsigned: {[*bad, unsigned]}")


@attack("held", quick=True)
def idempotency_race(target: Target) -> Seen:
    """One key is one command, however many ask at once."""
    customer = target.customers()[0]
    headers = target.keyed(customer, f"raced-{uuid4().hex}")
    body = {"subject": "raced", "description": "one and the same"}

    def ask(_: int) -> httpx.Response:
        return target.http.post("/api/support/cases", json=body, headers=headers)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(ask, range(AT_ONCE)))
    statuses = sorted({answer.status_code for answer in answers})
    commands = {answer.json()["data"]["id"] for answer in answers if answer.status_code == 202}
    stored = target.rows("SELECT count(*) AS n FROM command.commands")[0]["n"]
    target.forward()
    cases = len(target.ledger(kind="case"))
    held = len(commands) == stored == cases == 1 and set(statuses) <= {202, 429}
    return Seen(held, f"{AT_ONCE} at once: answers {statuses}, {stored} commands, {cases} cases")


@attack("held", quick=True)
def key_of_another_request(target: Target) -> Seen:
    """A key that stands for one request is refused for another, and is nobody else's."""
    mine, other = target.customers()[:2]
    key, path = f"shared-{uuid4().hex}", "/api/support/cases"
    body = {"subject": "mine", "description": "mine"}
    first = target.http.post(path, json=body, headers=target.keyed(mine, key))
    second = target.http.post(path, json=body | {"subject": "other"}, headers=target.keyed(mine, key))
    theirs = target.http.post(path, json=body, headers=target.keyed(other, key))
    apart = theirs.status_code == 202 and theirs.json()["data"]["id"] != first.json()["data"]["id"]
    statuses = [first.status_code, second.status_code, theirs.status_code]
    return Seen(statuses[:2] == [202, 422] and apart, f"answers {statuses}")
