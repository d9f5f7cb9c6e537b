"""For every kind of command, one that can be accepted again and again: what the crash test plays."""

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

from tests.pipelines.commands.conftest import Customer, Hub
from tests.pipelines.commands.signing_up import link_whmcs, sign_up

VPN = {
    "type": "vpn",
    "items": [
        {"sku": "VPN-REMOTE-ACCESS-USA-SF", "quantity": 1},
        {"sku": "VPN-ACTIVATION-FEE", "quantity": 1},
    ],
}

numbers = count(1)


def chip() -> str:
    return f"{next(numbers):032d}"


def sim(plan: str, **choices: Any) -> dict[str, Any]:
    return {
        "type": "sim",
        "items": [{"sku": plan, "quantity": 1}, {"sku": "SIM-ACTIVATION-FEE", "quantity": 1}],
        "sim": choices,
    }


Example = Callable[[Hub, Customer], UUID]
"""Makes one more command of a kind, everything before it being done; its id."""


def place_order(hub: Hub, customer: Customer) -> UUID:
    return hub.ask("place_order", customer, VPN)


def provisioning(cart: Callable[[], dict[str, Any]]) -> Example:
    """An order that was placed and approved."""

    def ask(hub: Hub, customer: Customer) -> UUID:
        return _provision(hub, customer, cart())

    return ask


def _provision(hub: Hub, customer: Customer, cart: dict[str, Any]) -> UUID:
    placed = hub.ask("place_order", customer, cart)
    hub.forward()
    order = hub.command(placed)["result"]["salesforceOrderId"]
    hub.sync_records("salesforce.orders", order)
    return hub.provision(order)


def line(hub: Hub, *, has_voice: bool = True, esim: bool = False) -> tuple[UUID, UUID]:
    """A line in service and its customer, by the hub's ids."""
    (found,) = hub.rows(
        "SELECT s.id, a.customer_id FROM hub.sims s JOIN hub.customer_accounts a ON a.id = s.account_id"
        " JOIN hub.customers c ON c.id = a.customer_id AND c.salesforce_account_id IS NOT NULL"
        " WHERE EXISTS (SELECT FROM hub.payment_methods p WHERE p.account_id = s.account_id"
        "               AND p.type = 'credit_card' AND p.card_last_four <> '0002')"
        " AND s.is_open AND s.status = 'active' AND s.has_voice = %s AND (s.sim_type = 'esim') = %s"
        " ORDER BY s.id LIMIT 1",
        has_voice,
        esim,
    )
    return found[0], found[1]


def of_line(kind: str, input_of: Callable[[Hub], dict[str, Any]], *, esim: bool = False) -> Example:
    """An example on a line in service. `input_of` says its input, which may differ each time."""

    def ask(hub: Hub, _: Customer) -> UUID:
        sim, customer = line(hub, esim=esim)
        who = Customer(customer, "", "")
        return hub.ask(kind, who, input_of(hub), subject=("sims", sim), system="whmcs")

    return ask


def another_plan(hub: Hub) -> dict[str, Any]:
    """None of those chosen before is waiting at the network, and none is what the line has."""
    sim, _ = line(hub)
    ((account, has),) = hub.rows("SELECT msisdn, plan_code FROM hub.sims WHERE id = %s", sim)
    hub.control("mutate", system="freebit", object="line", id=account, fields={"_jobs": []})
    return {"planCode": next(plan for plan in ("SIM_10G", "SIM_25G") if plan != has)}


def another_end(hub: Hub) -> dict[str, Any]:
    """As if nothing had been cancelled before."""
    for made in hub.ledger(kind="cancel_request"):
        hub.control("mutate", system="whmcs", object="cancellation", id=made["id"], fields={"relid": 0})
    return {"month": f"20{30 + next(numbers) % 60}-06"}


def of_client(kind: str, what: dict[str, Any]) -> Example:
    """An example that changes what WHMCS has of the customer."""
    return lambda hub, customer: hub.ask(kind, customer, what, subject=("customers", customer.id), system="whmcs")


def open_case(hub: Hub, customer: Customer) -> UUID:
    input = {"subject": "No signal", "description": "Since this morning.", "priority": "high"}
    return hub.ask("open_case", customer, input, subject=("support_cases", None))


def of_case(kind: str, what: Callable[[], dict[str, Any]]) -> Example:
    """An example on an open case of somebody's."""

    def ask(hub: Hub, customer: Customer) -> UUID:
        command = open_case(hub, customer)
        hub.forward()
        hub.sync_records("salesforce.cases", hub.command(command)["result"]["salesforceCaseId"])
        ((case,),) = hub.rows("SELECT id FROM hub.support_cases ORDER BY first_seen_at DESC, id LIMIT 1")
        return hub.ask(kind, customer, what(), subject=("support_cases", case))

    return ask


def request_eligibility(hub: Hub, customer: Customer) -> UUID:
    """As if nobody had requested one before."""
    begun = hub.clients.salesforce.find(
        "SELECT Id FROM Opportunity WHERE AccountId = {} AND StageName = {}", customer.salesforce, "Introduction"
    )
    for opportunity in begun:
        hub.clients.salesforce.update("Opportunity", opportunity["Id"], {"StageName": "Void"})
    return hub.ask("request_eligibility", customer, {}, subject=("customers", customer.id))


def submit_identity_document(hub: Hub, customer: Customer) -> UUID:
    name = f"document-{next(numbers)}.png"
    content = {"PathOnClient": name, "VersionData": "aGVsbG8=", "FirstPublishLocationId": customer.salesforce}
    hub.clients.salesforce.create("ContentVersion", content)
    input = {"name": name, "sha256": "0" * 64, "mediaType": "image/png"}
    return hub.ask("submit_identity_document", customer, input, subject=("customers", customer.id))


def cancel_subscription(hub: Hub, customer: Customer) -> UUID:
    another_end(hub)
    ((subscription, owner),) = hub.rows(
        "SELECT s.id, a.customer_id FROM hub.subscriptions s JOIN hub.customer_accounts a ON a.id = s.account_id"
        " JOIN hub.customers c ON c.id = a.customer_id AND c.salesforce_account_id IS NOT NULL"
        " WHERE s.status = 'active' AND s.service_type <> 'sim' ORDER BY s.opportunity_id NULLS LAST, s.id LIMIT 1"
    )
    who = Customer(owner, "", "")
    return hub.ask("cancel_subscription", who, {}, subject=("subscriptions", subscription), system="whmcs")


ADDRESS = {"address1": "1-2-3 Shiba", "city": "Minato-ku", "state": "Tokyo", "postcode": "105-0014", "country": "JP"}

EXAMPLES: dict[str, Example] = {
    "place_order": place_order,
    "provision_order": provisioning(lambda: VPN),
    "provision_order of a card": provisioning(lambda: sim("SIM-DATA-VOICE-10GB", simType="physical", voiceMail=True)),
    "provision_order of an eSIM": provisioning(lambda: sim("SIM-DATA-ONLY-5GB", simType="esim", eid=chip())),
    "top_up": of_line("top_up", lambda _: {"megabytes": 1500}),
    "change_plan": of_line("change_plan", another_plan),
    "change_voice": of_line("change_voice", lambda _: {"voiceMail": next(numbers) % 2 == 0}),
    "change_network": of_line("change_network", lambda _: {"network": ("4G", "5G")[next(numbers) % 2]}),
    "reissue_esim": of_line("reissue_esim", lambda _: {"eid": chip()}, esim=True),
    "cancel_sim": of_line("cancel_sim", another_end),
    "open_case": open_case,
    "add_comment": of_case("add_comment", lambda: {"body": f"It works again, said {next(numbers)}."}),
    "close_case": of_case("close_case", dict),
    "update_profile": of_client("update_profile", {"phone": "090-1234-5678"}),
    "update_address": of_client("update_address", ADDRESS),
    "request_eligibility": request_eligibility,
    "cancel_subscription": cancel_subscription,
    "submit_identity_document": submit_identity_document,
    "sign_up": lambda hub, _: sign_up(hub).command,
    "link_whmcs": lambda hub, _: link_whmcs(hub),
}
