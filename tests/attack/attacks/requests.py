"""Requests that are well-formed enough to hurt."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from json import dumps, loads
from uuid import UUID

from tests.attack.suite import Seen, attack
from tests.attack.target import Target

WIDE = str.maketrans("0123456789", "".join(map(chr, range(0xFF10, 0xFF1A))))


@attack("12", quick=True, needs_stack=False)
def odd_values(target: Target) -> Seen:
    """What cannot be read is a 400 problem, never a 500."""
    customer = target.customers()[0]
    headers, json = target.headers(customer), {"Content-Type": "application/json"}
    cursors = ("{urn:uuid:" + str(customer) + "}", "2026-W01-1", "x" * 5000, "\x00")
    today = datetime.now(UTC).date().isoformat()
    found = {
        f"cursor {each[:24]!r}": target.http.get("/api/invoices", params={"cursor": each}, headers=headers)
        for each in cursors
    }
    found |= {
        f"from {day}": target.http.get("/api/invoices", params={"from": day}, headers=headers)
        for day in ("2026-W01-1", today.translate(WIDE))
    }
    for moment in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        found[f"asOf {moment}"] = target.http.get("/api/invoices", params={"asOf": moment}, headers=headers)
    for name, body in (
        ("not UTF-8", b'{"subject":"\xff","description":"d"}'),
        ("20,000 [", b"[" * 20_000),
        ("surrogate", b'{"subject":"\\ud800","description":"d"}'),
        ("1e999", b'{"subject":1e999}'),
    ):
        found[name] = target.http.post("/api/support/cases", content=body, headers=target.keyed(customer) | json)
    odd = {
        name: answer.status_code
        for name, answer in found.items()
        if answer.status_code != 400 or "problem+json" not in answer.headers.get("content-type", "")
    }
    # A cursor of ours with another spelling of its values may be read as what it says.
    for cursor in _respelt(target, headers):
        answer = target.http.get("/api/invoices", params={"cursor": cursor}, headers=headers)
        if answer.status_code >= 500:
            odd[f"cursor {cursor[:12]}"] = answer.status_code
    return Seen(not odd, f"{len(found) + 3} odd values; {odd or 'all answered as such'}")


def _respelt(target: Target, headers: dict[str, str]) -> list[str]:
    """A cursor that the list of invoices gave out, its values written as only Python reads them."""
    given = target.http.get("/api/invoices", params={"limit": 1}, headers=headers).json()["page"]["next"]
    name, day, last = loads(urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    spelt = ((day, "{urn:uuid:" + last + "}"), ("2026-W01-1", last), (day, last.translate(WIDE)))
    return [urlsafe_b64encode(dumps([name, *each]).encode()).rstrip(b"=").decode() for each in spelt]


@attack("11", quick=True)
def accepted_dead_later(target: Target) -> Seen:
    """What is accepted can be done: what a worker could not derive or a system refuses is refused at once."""
    customer, line = _line(target)
    line_path, chip = f"/api/sims/{line}", "1" * 32
    requests = [
        (f"{line_path}/cancellations", {"month": "9999-12"}),
        (f"{line_path}/cancellations", {"month": "0000-01"}),
        (f"{line_path}/cancellations", {"month": "2099-12"}),
        (f"{line_path}/cancellations", {"month": "2027-01".translate(WIDE)}),
        (f"{line_path}/reissues", {"eid": chip.translate(WIDE)}),
        (f"{line_path}/plan-changes", {"planCode": "SIM_0G"}),
        (f"{line_path}/top-ups", {"megabytes": 10**9}),
        ("/api/support/cases", {"subject": "s" * 256, "description": "d"}),
        ("/api/support/cases", {"subject": "a\x1bb", "description": "d"}),
        ("/api/support/cases", {"subject": "s", "description": "d" * 32_001}),
        ("/api/me", {"email": "a..b@example.com"}),
        ("/api/me/address", {"address1": "1", "city": "c", "state": "s", "postcode": "1", "country": "ZZ"}),
    ]
    found = []
    for path, body in requests:
        send = target.http.patch if path.startswith("/api/me") else target.http.post
        answer = send(path, json=body, headers=target.keyed(customer))
        if answer.status_code not in {400, 422}:
            found.append(f"{path} {body} {answer.status_code}"[:120])
    return Seen(not found, f"{len(requests)} requests; accepted: {found[:3] or 'none'}")


@attack("11", quick=True)
def lane_blocked_for_ever(target: Target) -> Seen:
    """A command that an earlier release accepted and nobody can do holds up nothing behind it."""
    customer, line = _line(target)
    ids = []
    for kind, input in (("cancel_sim", '{"month": "9999-12"}'), ("change_network", '{"network": "5G"}')):
        (row,) = target.rows(
            "INSERT INTO command.commands (id, kind, customer_id, account_id, subject_kind, subject_id, lane,"
            " idempotency_key, request_hash, input, request_id, deadline_at)"
            " SELECT gen_random_uuid(), %s, %s, account_id,"
            " 'sims', id, 'sims:' || id, gen_random_uuid()::text, 'h', %s::jsonb, 'attack', now() + interval '1 day'"
            " FROM hub.sims WHERE id = %s RETURNING id",
            kind,
            customer,
            input,
            line,
        )
        ids.append(row["id"])
    target.forward()
    states = [target.rows("SELECT status FROM command.commands WHERE id = %s", each)[0]["status"] for each in ids]
    return Seen(
        states[0] == "failed" and states[1] != "accepted", f"the first {states[0]}, the one behind it {states[1]}"
    )


def _line(target: Target) -> tuple[UUID, UUID]:
    rows = target.rows(
        "SELECT a.customer_id, s.id FROM hub.sims s JOIN hub.customer_accounts a ON a.id = s.account_id"
        " JOIN hub.customers c ON c.id = a.customer_id AND c.salesforce_account_id IS NOT NULL"
        " WHERE s.is_open AND s.msisdn IS NOT NULL AND s.number_claim <> 'disputed' ORDER BY s.id LIMIT 1"
    )
    return rows[0]["customer_id"], rows[0]["id"]
