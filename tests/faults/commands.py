"""The commands that customers send in a seed, and what each must have done once, by the sandbox's own ledger."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import psycopg

from core.settings import ApiSettings
from read_api.auth.tokens import mint
from tests.faults.truth import rows_of_salesforce
from tests.pipelines.commands.examples import ADDRESS, VPN, sim
from tests.serving import KEY

if TYPE_CHECKING:
    from tests.faults.campaign import Play

Facts = dict[str, Any]

FAULTS = {
    "not applied": ("status:503", "status:503+0", "429", "status:408", "timeout", "html500", "html200"),
    "applied, answer lost": ("after:503", "after:502+none", "timeout_after", "drop", "cut"),
    "applied, answer spoilt": ("malformed", "empty200", "doubled"),
}
"""What may come of a call that changes something: the three must be told apart, or the effect searched for."""
MEETING_SECONDS = 10.0
"""At most, for a call of a command to come by that a fault waits for; the fault stays."""
PLACING_SECONDS = 6.0
"""At most, for an order to arrive in Salesforce, so that it can be approved."""

CUSTOMERS = """
SELECT c.id, c.id FROM hub.customers c WHERE c.salesforce_account_id IS NOT NULL AND c.whmcs_account_id IS NOT NULL
   AND EXISTS (SELECT FROM hub.payment_methods p WHERE p.account_id = c.whmcs_account_id AND p.deleted_at IS NULL)
   AND c.deleted_at IS NULL AND c.identity_status = 'verified' ORDER BY c.id
"""
NOT_CHECKED_YET = CUSTOMERS.replace(
    "ORDER BY", "AND coalesce(c.internet_eligibility_status, '') NOT IN ('pending', 'eligible') ORDER BY"
)
IS_THERE = "SELECT FROM hub.customers WHERE id = %s AND deleted_at IS NULL"
"""Tokens of a customer who has left are no longer good."""
LINES = """
SELECT s.id, a.customer_id FROM hub.sims s JOIN hub.customer_accounts a ON a.id = s.account_id
  JOIN hub.customers c ON c.id = a.customer_id AND c.salesforce_account_id IS NOT NULL
 WHERE s.is_open AND s.status = 'active' AND s.msisdn IS NOT NULL AND s.deleted_at IS NULL AND {} ORDER BY s.id
"""
SUBSCRIPTIONS = """
SELECT s.id, a.customer_id FROM hub.subscriptions s JOIN hub.customer_accounts a ON a.id = s.account_id
 WHERE s.status = 'active' AND s.service_type <> 'sim' AND s.deleted_at IS NULL ORDER BY s.id
"""
CASES = """
SELECT s.id, a.customer_id FROM hub.support_cases s JOIN hub.customer_accounts a ON a.id = s.account_id
 WHERE NOT s.is_closed AND s.deleted_at IS NULL ORDER BY s.id
"""
OPEN = """
    SELECT kind FROM command.commands c WHERE status IN ('accepted', 'running', 'waiting') AND NOT EXISTS (
        SELECT FROM hub.customer_accounts a JOIN hub.customer_accounts b ON b.customer_id = a.customer_id
          JOIN (SELECT account_id, source_id FROM hub.subscriptions
                UNION ALL SELECT account_id, source_id FROM hub.invoices) r ON r.account_id = b.id
         WHERE a.id = c.account_id AND r.source_id = ANY(%s))
       AND NOT EXISTS (SELECT FROM command.commands dead
                        WHERE dead.lane = c.lane AND dead.seq < c.seq AND dead.status = 'dead')
"""
"""Commands that should come to an end by themselves.

Where a service or an invoice of a customer makes every list fail, nothing can be looked for: those go on waiting. So do
those behind a dead command in its lane, which is judged itself.
"""


@dataclass(frozen=True)
class CommandRequest:
    """A request that customers make.

    path: of the API; {} stands for the subject. who: a query for the subjects it may be about, each with its
    customer. body: for a number that was drawn. calls: the calls of its steps that change something, by a text of their
    labels. approved: it is an order, and an agent approves it, whose provisioning is meant.
    """

    path: str
    who: str
    body: Callable[[int], Facts]
    calls: Mapping[str, str]
    method: str = "POST"
    approved: bool = False


def _eid(number: int) -> str:
    return f"{number:032d}"


TELL_OPPORTUNITY = "PATCH /services/data/v62.0/sobjects/Opportunity/006"
SALESFORCE_ENDS = {
    "write_back": "PATCH /services/data/v62.0/composite/sobjects",
    "update_opportunity": TELL_OPPORTUNITY,
    "finish_order": "PATCH /services/data/v62.0/sobjects/Order/801",
}
BILLED = {"add_order": "AddOrder", "accept_order": "AcceptOrder", "mark_service": "UpdateClientProduct"}
COMMANDS: dict[str, CommandRequest] = {
    "place_order": CommandRequest(
        "/api/orders", CUSTOMERS, lambda _: VPN,
        {"keep_opportunity": "Opportunity/Hub_Command_Id__c", "create_order": "composite/tree/Order"},
    ),
    "provision_order": CommandRequest("/api/orders", CUSTOMERS, lambda _: VPN, BILLED | SALESFORCE_ENDS, approved=True),
    "provision_order of a card": CommandRequest(
        "/api/orders", CUSTOMERS, lambda _: sim("SIM-DATA-VOICE-10GB", simType="physical", voiceMail=True),
        {
            "choose_line": "sobjects/SIM_Inventory__c/", "open_line": "master/addAcnt",
            "register_voice": "talkoption/addOrder",
        },
        approved=True,
    ),
    "provision_order of an eSIM": CommandRequest(
        "/api/orders", CUSTOMERS, lambda number: sim("SIM-DATA-ONLY-5GB", simType="esim", eid=_eid(number)),
        {"open_line": "esim/addAcnt"}, approved=True,
    ),
    "top_up": CommandRequest(
        "/api/sims/{}/top-ups", LINES.format("true"), lambda _: {"megabytes": 1500},
        {"create_invoice": "CreateInvoice", "capture": "CapturePayment", "add_quota": "master/addSpec"},
    ),
    "change_plan": CommandRequest(
        "/api/sims/{}/plan-changes", LINES.format("true"),
        lambda number: {"planCode": ("SIM_10G", "SIM_25G", "SIM_5G")[number % 3]}, {"set_plan": "changePlan"},
    ),
    "change_voice": CommandRequest(
        "/api/sims/{}/voice-options", LINES.format("s.has_voice"), lambda number: {"voiceMail": number % 2 == 0},
        {"set_voice": "talkoption/changeOrder"},
    ),
    "change_network": CommandRequest(
        "/api/sims/{}/network-changes", LINES.format("true"), lambda number: {"network": ("4G", "5G")[number % 2]},
        {"set_network": "contractline/change"},
    ),
    "reissue_esim": CommandRequest(
        "/api/sims/{}/reissues", LINES.format("s.sim_type = 'esim'"), lambda number: {"eid": _eid(number)},
        {"reissue": "esim/addAcnt", "write_eid": "UpdateClientProduct"},
    ),
    "cancel_sim": CommandRequest(
        "/api/sims/{}/cancellations", LINES.format("true"), lambda number: {"month": f"2027-{number % 12 + 1:02d}"},
        {"cancel_line": "cnclAcnt", "cancel_service": "AddCancelRequest", "open_case": "Case/Hub_Command_Id__c"},
    ),
    "open_case": CommandRequest(
        "/api/support/cases", CUSTOMERS,
        lambda number: {"subject": f"No signal {number}", "description": "Since this morning."},
        {"create_case": "Case/Hub_Command_Id__c"},
    ),
    "add_comment": CommandRequest(
        "/api/support/cases/{}/comments", CASES, lambda number: {"body": f"Word {number}"},
        {"write_comment": "sobjects/CaseComment"},
    ),
    "close_case": CommandRequest("/api/support/cases/{}/closings", CASES, lambda _: {}, {"close": "sobjects/Case/500"}),
    "update_profile": CommandRequest(
        "/api/me", CUSTOMERS, lambda number: {"phone": f"090-{number:08d}"[:13]}, {"update_client": "UpdateClient "},
        method="PATCH",
    ),
    "update_address": CommandRequest(
        "/api/me/address", CUSTOMERS, lambda number: ADDRESS | {"address1": f"{number} Shiba"},
        {"update_address": "UpdateClient "}, method="PATCH",
    ),
    "request_eligibility": CommandRequest(
        "/api/eligibility-requests", NOT_CHECKED_YET, lambda _: {},
        {"open_case": "Case/Hub_Command_Id__c", "mark_account": "sobjects/Account/001"},
    ),
    "cancel_subscription": CommandRequest(
        "/api/subscriptions/{}/cancellations", SUBSCRIPTIONS, lambda _: {},
        {"request_cancellation": "AddCancelRequest", "tell_opportunity": TELL_OPPORTUNITY},
    ),
}  # fmt: skip
"""All commands that customers may send, but for identity documents: those go to a process that a campaign has not."""


@dataclass
class Customers:
    """Customers who send commands. `accepted`: the commands that the API took, and their kinds."""

    play: "Play"
    accepted: dict[str, str] = field(default_factory=dict)

    def send(self, name: str, number: int, fault: tuple[str, str] | None = None, *, again: bool = False) -> None:
        """Send a command. fault: a step, and the mode of the fault that waits for its call; counted when it met it.

        again: the customer's own answer is lost, and the same is sent again with the same key.
        """
        request = COMMANDS[name]
        try:
            subjects = self.play.ask(request.who)
        except psycopg.OperationalError:  # it is down just now
            return
        if not subjects:
            return
        subject, customer = subjects[number % len(subjects)]
        if fault and not request.approved:
            self._prepare(request, *fault)
        command = self._accepted(request, name, number, subject, customer, again=again)
        if command is None or (request.approved and not self._approved(request, command, fault)):
            return
        if fault and self._was_met(request, *fault):
            step, mode = fault
            family = next(family for family, modes in FAULTS.items() if mode in modes)
            self.play.did("command", family, f"{name}: {step}")

    def _accepted(
        self, request: CommandRequest, name: str, number: int, subject: UUID, customer: UUID, *, again: bool
    ) -> str | None:
        """The id of the command; none: rules forbid it now, or the API is away."""
        headers = {
            "Authorization": f"Bearer {mint(ApiSettings(jwt_key=KEY), customer)}", "Idempotency-Key": uuid4().hex,
        }  # fmt: skip
        answers = list[httpx.Response]()
        for _ in range(2 if again else 1):
            try:
                url = f"{self.play.stage.api}{request.path.format(subject)}"
                answers.append(
                    httpx.request(request.method, url, json=request.body(number), headers=headers, timeout=10)
                )
            except httpx.TransportError:
                continue  # it is dead just now; what it had accepted is judged all the same
        taken = [answer.json()["data"]["id"] for answer in answers if answer.status_code == 202]
        if len(set(taken)) > 1:
            self.play.verdict.safety["doubled"] += 1
            self.play.found(f"doubled: {name} sent again with its key became another command")
        self.accepted.update(dict.fromkeys(taken, name))
        for answer in answers:
            if answer.status_code == 401 and not self.play.ask(IS_THERE, customer):
                continue
            if answer.status_code not in {202, 422, 409, 429, 404, 503}:
                self.play.verdict.safety["foreign"] += 1
                self.play.found(f"{name} was answered with {answer.status_code}: {answer.text[:200]}")
        return taken[0] if taken else None

    def _approved(self, request: CommandRequest, command: str, fault: tuple[str, str] | None) -> bool:
        """An agent approves the order, as soon as it is in Salesforce."""
        ends = time.monotonic() + PLACING_SECONDS
        while time.monotonic() < ends:
            for row in rows_of_salesforce(self.play.stage, "Order"):
                # Not within the second in which it was placed: stamps of whole seconds would go back.
                if row.get("Hub_Command_Id__c") == command and self.play.may_be_stamped(row["Id"], self.play.now()):
                    if fault:
                        self._prepare(request, *fault)
                    return self.play.change("Order", row["Id"], {"Status": "Approved"})
            time.sleep(0.05)
        return False

    def _prepare(self, request: CommandRequest, step: str, mode: str) -> None:
        self.play.stage.control("faults", {"match": request.calls[step], "mode": mode, "times": 1})

    def _was_met(self, request: CommandRequest, step: str, mode: str) -> bool:
        waiting = self.play.stage.sandbox.state.faults.waiting
        ends = time.monotonic() + MEETING_SECONDS
        while time.monotonic() < ends:
            if not any(each.match == request.calls[step] and each.mode == mode for each in list(waiting)):
                return True
            time.sleep(0.02)
        return False


# -- the verdict -----------------------------------------------------------------------------------------------------

Effect = tuple[str, str]
ONCE: dict[str, dict[str, Effect]] = {
    "place_order": {"create_order": ("salesforce", "order"), "keep_opportunity": ("salesforce", "opportunity")},
    "top_up": {
        "create_invoice": ("whmcs", "invoice"), "capture": ("whmcs", "charge"), "add_quota": ("freebit", "quota"),
    },
    "cancel_sim": {"open_case": ("salesforce", "case")},
    "open_case": {"create_case": ("salesforce", "case")},
    "request_eligibility": {"open_case": ("salesforce", "case")},
    "provision_order": {"add_order": ("whmcs", "order"), "accept_order": ("whmcs", "order_accept")},
}  # fmt: skip
"""What a step makes, once: marked with the command's id, or the order's where it provisions."""
MAY_BE_THERE = {("place_order", "keep_opportunity")}
MAY_BE_SKIPPED = {("cancel_sim", "open_case")}
"""For those who are not in the CRM."""
IN_ALL: dict[Effect, tuple[str, ...]] = {
    ("salesforce", "casecomment"): ("add_comment",),
    ("whmcs", "cancel_request"): ("cancel_sim", "cancel_subscription"),
    ("freebit", "cancel"): ("cancel_sim",),
    ("freebit", "plan_change"): ("change_plan",),
    ("freebit", "voice_change"): ("change_voice",),
    ("freebit", "line_change"): ("change_network",),
    ("freebit", "esim_reissue"): ("reissue_esim",),
}
"""What has no marker: as many as there are commands that succeeded; what failed may have come so far or not."""
MAY_BE_SO_ALREADY = {"voice_change", "line_change", "cancel_request"}


def wrongs(play: "Play") -> Iterator[tuple[str, str]]:
    """What commands did twice, or did not do and say that they did: the kind of wrong, and the words."""
    effects = Counter((each.system, each.kind, each.marker) for each in play.stage.sandbox.state.ledger.effects())
    rows = play.ask(
        "SELECT c.id::text, c.kind, c.status, c.failure_code, o.source_id,"
        " ARRAY(SELECT s.name FROM command.steps s WHERE s.command_id = c.id AND s.status = 'done')"
        " FROM command.commands c LEFT JOIN hub.orders o ON o.id = c.subject_id"
    )
    known, statuses = {row[0] for row in rows}, Counter((row[1], row[2]) for row in rows)
    for command in play.customers.accepted.keys() - known:
        yield "lost", f"command {command} was accepted and is not there"
    for command, kind, status, code, order, done in rows:
        marker = f"sfOrderId={order}" if kind == "provision_order" else command
        for step, effect in ONCE.get(kind, {}).items():
            times = effects[(*effect, marker)]
            if times > 1:
                yield "doubled", f"{kind} made {times} times {' '.join(effect)} ({status})"
            must = step in done or (status == "succeeded" and (kind, step) not in MAY_BE_SKIPPED)
            if times == 0 and must and (kind, step) not in MAY_BE_THERE:
                yield "lost", f"{kind} {status} without {' '.join(effect)}"
        if status in {"failed", "dead"} and not code:
            yield "lost", f"{kind} failed without a word"
    totals = Counter((system, kind) for system, kind, _ in effects.elements())
    for effect, kinds in IN_ALL.items():
        at_least = sum(statuses[kind, "succeeded"] for kind in kinds)
        at_most = at_least + sum(statuses[kind, status] for kind in kinds for status in ("failed", "dead"))
        if totals[effect] > at_most:
            yield "doubled", f"{totals[effect]} times {' '.join(effect)} by {at_most} commands"
        if totals[effect] < at_least and effect[1] not in MAY_BE_SO_ALREADY:
            yield "lost", f"{totals[effect]} times {' '.join(effect)} by {at_least} commands that succeeded"


def ended(play: "Play") -> Counter[str]:
    """How the commands ended, by kind and status, with the reason of those that failed."""
    rows = play.ask("SELECT concat_ws(' ', kind, status, failure_code), count(*) FROM command.commands GROUP BY 1")
    return Counter(dict(rows))
