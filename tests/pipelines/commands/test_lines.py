"""Changes of SIM lines: paid before they are given, at a distance from each other, and never twice."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from core.settings import CommandSettings
from domain.sim.changing import PlanChange
from pipelines.commands.actions.change_line import ChosenDay, choose_day
from pipelines.commands.claims import Claims
from pipelines.commands.pool import RunnerPool
from pipelines.commands.saga import Work
from pipelines.sources.clients import Clients
from tests.pipelines.commands.conftest import Customer, Hub
from tests.pipelines.commands.examples import EXAMPLES, another_plan, chip, line, sim


def command_on_line(hub: Hub, kind: str, input: dict[str, Any], **of: bool) -> UUID:
    number, customer = line(hub, **of)
    return hub.ask(kind, Customer(customer, "", ""), input, subject=("sims", number), system="whmcs")


def effects(hub: Hub, *kinds: str) -> list[tuple[str, str]]:
    return [(each["kind"], each["marker"]) for each in hub.ledger() if each["kind"] in kinds]


def test_data_is_invoiced_charged_and_added(hub: Hub) -> None:
    command = command_on_line(hub, "top_up", {"megabytes": 1500})

    assert hub.forward() == ["succeeded"]

    marker = str(command)
    assert effects(hub, "invoice", "charge", "quota") == [("invoice", marker), ("charge", marker), ("quota", marker)]
    (quota,) = hub.ledger(kind="quota")
    (charge,) = hub.ledger(kind="charge")
    assert (quota["detail"]["megabytes"], float(charge["detail"]["amount"])) == (1500, 1000.0)
    assert hub.command(command)["result"]["yen"] == 1000


def test_without_payment_there_is_no_data_and_no_open_invoice(hub: Hub) -> None:
    hub.control("quirks", capture="decline")
    command = command_on_line(hub, "top_up", {"megabytes": 1000})

    assert hub.forward() == ["failed"]

    found = hub.command(command)
    assert (found["failure_code"], effects(hub, "quota", "charge")) == ("PAYMENT_FAILED", [])
    invoices = hub.clients.whmcs.call("GetInvoices", orderby="id", order="desc", limitnum=1)["invoices"]["invoice"]
    assert (invoices[0]["notes"], invoices[0]["status"]) == (str(command), "Cancelled")


def test_an_account_that_is_billed_in_dollars_is_not_charged_the_price_in_yen(hub: Hub) -> None:
    # It was in yen when the command was accepted, or nobody knew.
    number, customer = line(hub)
    (client,) = hub.rows(
        "SELECT source_id FROM hub.customer_accounts WHERE customer_id = %s AND source = 'whmcs'", customer
    )
    hub.control("mutate", system="whmcs", object="client", id=client[0], fields={"currency_code": "USD"})
    command = hub.ask(
        "top_up", Customer(customer, "", ""), {"megabytes": 1000}, subject=("sims", number), system="whmcs"
    )

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "NOT_IN_YEN"
    assert effects(hub, "invoice", "charge", "quota") == []


def test_money_taken_without_data_waits_for_an_operator_who_lets_it_go_on(hub: Hub) -> None:
    hub.control("faults", match="addSpec", mode="code:400-220", times=1)
    command = command_on_line(hub, "top_up", {"megabytes": 1000})
    assert hub.forward() == ["dead"]
    assert (hub.command(command)["failure_code"], effects(hub, "quota")) == ("PAID_WITHOUT_QUOTA", [])

    hub.retry(command)

    assert hub.forward() == ["succeeded"]
    assert len(effects(hub, "charge")) == len(effects(hub, "quota")) == 1
    assert hub.command(command)["failure_code"] is None


def test_a_dead_command_holds_up_what_comes_after_it_on_the_same_line(hub: Hub) -> None:
    hub.control("faults", match="addSpec", mode="code:400-220", times=1)
    command_on_line(hub, "top_up", {"megabytes": 1000})
    command_on_line(hub, "top_up", {"megabytes": 2000})

    assert hub.forward() == ["dead"]
    assert hub.forward() == []


@pytest.mark.parametrize("how", ["drop", "after:502", "after:503", "after:504", "after:403", "after:408"])
@pytest.mark.parametrize("lost", ["CreateInvoice", "CapturePayment", "addSpec"])
def test_an_answer_that_never_came_charges_once_and_adds_once(hub: Hub, lost: str, how: str) -> None:
    """Proxies answer 502, 503 and 504 with Retry-After after the source has finished (openSUSE/osc#1860)."""
    hub.control("faults", match=lost, mode=how, times=1)
    command_on_line(hub, "top_up", {"megabytes": 1000})
    assert hub.forward() == ["waiting"]
    hub.now_due()

    assert hub.forward() == ["succeeded"]

    assert [kind for kind, _ in effects(hub, "invoice", "charge", "quota")] == ["invoice", "charge", "quota"]


def test_what_may_still_be_at_work_is_waited_for_before_it_is_repeated(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FREEBIT_TIMEOUT_MS", "200")
    hub.control("faults", match="addSpec", mode="timeout", times=1)
    command = command_on_line(hub, "top_up", {"megabytes": 1000})
    assert hub.forward(settle_seconds=30.0) == ["waiting"]
    hub.now_due()

    assert hub.forward(settle_seconds=30.0) == ["waiting"]

    assert hub.command(command)["waits_for"] == "The outcome of an earlier try is not known."
    assert effects(hub, "quota") == []


@pytest.mark.parametrize("first", ["change_voice", "change_plan"])
def test_a_second_change_within_half_an_hour_waits_and_does_not_fail(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    monkeypatch.setenv("FREEBIT_CHANGE_SPACING_SECONDS", "1800")
    # The network would take the second one at once: the distance is the hub's to keep.
    hub.control("quirks", **{"freebit.async_seconds": "0", "freebit.spacing_seconds": "0"})
    command_on_line(hub, first, {"voiceMail": True} if first == "change_voice" else another_plan(hub))
    second = command_on_line(hub, "change_network", {"network": "5G"})

    assert hub.forward() == ["succeeded", "waiting"]

    waits = hub.rows("SELECT extract(epoch FROM due_at - now()) FROM command.commands WHERE id = %s", second)
    assert 1700 < float(waits[0][0]) <= 1800
    assert effects(hub, "line_change") == []


# 10 is on and 20 is off (Freebit reference, PA05-06); the ledger names the options as a line's details do.
@pytest.mark.parametrize(
    ("kind", "what", "effect", "said"),
    [
        ("change_voice", {"voiceMail": True}, "voice_change", {"voicemail": "10"}),
        ("change_voice", {"callWaiting": False}, "voice_change", {"callwaiting": "20"}),
        ("change_voice", {"internationalRoaming": True}, "voice_change", {"worldwing": "10"}),
        ("change_network", {"network": "5G"}, "line_change", {"line": "5G"}),
    ],
)
def test_the_network_is_told_what_was_chosen_and_nothing_else(
    hub: Hub, kind: str, what: dict[str, Any], effect: str, said: dict[str, str]
) -> None:
    command_on_line(hub, kind, what)

    assert hub.forward() == ["succeeded"]

    (made,) = hub.ledger(kind=effect)
    assert made["detail"] == said


@pytest.mark.parametrize(
    ("now", "on"),
    [
        ("2026-01-31T14:59:59+00:00", "20260201"),
        ("2026-01-31T15:00:00+00:00", "20260301"),  # February has begun in Japan
        ("2026-12-31T15:00:00+00:00", "20270201"),
    ],
)
def test_a_plan_changes_with_the_month_that_is_next_in_japan(
    monkeypatch: pytest.MonkeyPatch, now: str, on: str
) -> None:
    monkeypatch.setattr("pipelines.commands.actions.change_line.now_in", datetime.fromisoformat(now).astimezone)
    for name in ("BASE_URL", "OEM_ID", "OEM_KEY"):
        monkeypatch.setenv(f"FREEBIT_{name}", "http://localhost")
    command: Any = SimpleNamespace(accepted_at=datetime.fromisoformat(now))
    work = Work[PlanChange](command, PlanChange(plan_code="SIM_10G"), Clients(), Any)  # type: ignore[arg-type]

    assert choose_day(work) == ChosenDay(on)


def test_a_plan_that_was_chosen_for_a_day_keeps_it_however_long_the_command_waits(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.control("faults", match="changePlan", mode="status:503", times=1)
    command = command_on_line(hub, "change_plan", another_plan(hub))
    assert hub.forward() == ["waiting"]
    monkeypatch.setattr("pipelines.commands.actions.change_line.first_of_next_month", lambda _: date(2090, 1, 1))
    hub.now_due()

    assert hub.forward() == ["succeeded"]

    (made,) = hub.ledger(kind="plan_change")
    chosen = hub.command(command)["result"]["from"]
    assert made["detail"]["run_time"] == f"{chosen[:4]}-{chosen[4:6]}-{chosen[6:]}" < "2090"


def test_a_network_change_that_came_to_nothing_is_asked_for_again(hub: Hub) -> None:
    hub.control("faults", match="contractline/change", mode="html500", times=1)
    command_on_line(hub, "change_network", {"network": "5G"})
    assert hub.forward() == ["waiting"]
    hub.now_due()

    assert hub.forward() == ["succeeded"]

    assert len(effects(hub, "line_change")) == 1


def test_a_new_chip_is_on_the_service_in_billing_too(hub: Hub) -> None:
    new = chip()
    command = command_on_line(hub, "reissue_esim", {"eid": new}, esim=True)

    assert hub.forward() == ["succeeded"]

    (made,) = hub.ledger(kind="esim_reissue")
    ((service,),) = hub.rows(
        "SELECT s.source_id FROM hub.sims s JOIN command.commands c ON c.subject_id = s.id WHERE c.id = %s", command
    )
    assert made["marker"] == new
    assert field_of(hub, service, "EID") == new


def test_a_new_chip_names_the_one_that_it_replaces(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[dict[str, Any]]()
    change = hub.clients.freebit.change

    def noted(name: str, values: dict[str, Any]) -> Any:
        told.append(values)
        return change(name, values)

    monkeypatch.setattr(hub.clients.freebit, "change", noted)
    command_on_line(hub, "reissue_esim", {"eid": chip()}, esim=True)
    ((number,),) = hub.rows("SELECT msisdn FROM hub.sims s JOIN command.commands c ON c.subject_id = s.id")
    before = hub.clients.freebit.account_detail(number)["responseDatas"][0]["eid"]

    assert hub.forward() == ["succeeded"]

    assert [each["reissue"] for each in told] == [{"oldEid": before}]


def field_of(hub: Hub, service: str, name: str) -> str | None:
    """A custom field of a service, as WHMCS has it."""
    rows = hub.clients.whmcs.call("GetClientsProducts", serviceid=service)["products"]["product"]
    fields = rows[0]["customfields"]["customfield"]
    return next((field["value"] for field in fields if field["name"] == name), None)


def test_an_invoice_of_something_else_is_not_charged_for_the_data(hub: Hub) -> None:
    hub.control("quirks", capture="decline")
    command_on_line(hub, "top_up", {"megabytes": 3000})
    assert hub.forward() == ["failed"]
    hub.control("quirks", capture="approve")
    hub.control("faults", match="CreateInvoice", mode="html500", times=1)  # nothing is made, and nobody can tell
    command = command_on_line(hub, "top_up", {"megabytes": 1000})
    assert hub.forward() == ["waiting"]
    hub.now_due()

    assert hub.forward() == ["succeeded"]

    (charge,) = hub.ledger(kind="charge")
    assert (charge["marker"], float(charge["detail"]["amount"])) == (str(command), 500.0)


def test_data_that_was_added_before_is_not_taken_for_that_which_was_paid_now(hub: Hub) -> None:
    first = command_on_line(hub, "top_up", {"megabytes": 1000})
    assert hub.forward() == ["succeeded"]
    hub.control("faults", match="addSpec", mode="html500", times=1)
    second = command_on_line(hub, "top_up", {"megabytes": 1000})
    assert hub.forward() == ["waiting"]
    hub.now_due()

    assert hub.forward() == ["succeeded"]

    assert [marker for _, marker in effects(hub, "quota")] == [str(first), str(second)]


def test_an_invoice_that_was_taken_back_meanwhile_brings_no_data(hub: Hub) -> None:
    hub.control("faults", match="CapturePayment", mode="html500", times=1)
    command = command_on_line(hub, "top_up", {"megabytes": 1000})
    assert hub.forward() == ["waiting"]
    (invoice,) = hub.ledger(kind="invoice")
    hub.control("mutate", system="whmcs", object="invoice", id=invoice["id"], fields={"status": "Cancelled"})
    hub.now_due()

    assert hub.forward() == ["failed"]

    assert hub.command(command)["failure_code"] == "PAYMENT_FAILED"
    assert effects(hub, "charge", "quota") == []


def test_a_line_that_the_network_is_at_waits(hub: Hub) -> None:
    hub.control("quirks", **{"freebit.async_seconds": "600", "freebit.spacing_seconds": "0"})
    command_on_line(hub, "change_voice", {"voiceMail": True})
    second = command_on_line(hub, "change_network", {"network": "5G"})

    assert hub.forward() == ["succeeded", "waiting"]

    assert hub.command(second)["attempts"] == 1
    assert effects(hub, "line_change") == []


def test_a_change_of_a_line_that_is_going_to_end_is_refused(hub: Hub) -> None:
    hub.control("quirks", **{"freebit.async_seconds": "0", "freebit.spacing_seconds": "0"})
    command_on_line(hub, "cancel_sim", {"month": "2030-06"})
    change = command_on_line(hub, "change_voice", {"voiceMail": True})

    assert hub.forward() == ["succeeded", "failed"]

    assert hub.command(change)["failure_code"] == "ALREADY_ENDING"
    assert len(effects(hub, "cancel", "voice_change")) == 1


@pytest.mark.parametrize(
    "cart", [sim("SIM-DATA-VOICE-10GB", simType="physical"), sim("SIM-DATA-ONLY-5GB", simType="esim", eid=chip())]
)
def test_an_order_for_a_sim_opens_a_line_that_the_customer_sees(
    hub: Hub, customer: Customer, cart: dict[str, Any]
) -> None:
    hub.control("quirks", **{"freebit.async_seconds": "0"})
    placed = hub.ask("place_order", customer, cart)
    hub.forward()
    order = hub.command(placed)["result"]["salesforceOrderId"]
    hub.sync_records("salesforce.orders", order)
    hub.provision(order)

    assert hub.forward() == ["succeeded"]

    hub.apply()
    shown = hub.rows(
        "SELECT l.msisdn, l.status, s.status FROM hub.order_items i JOIN hub.orders o ON o.id = i.order_id"
        " JOIN hub.subscriptions s ON s.id = i.subscription_id JOIN hub.sims l ON l.subscription_id = s.id"
        " WHERE o.source_id = %s AND l.msisdn IS NOT NULL",
        order,
    )
    cards = hub.clients.salesforce.find(
        "SELECT Phone_Number__c, Status__c, SIM_Type__c FROM SIM_Inventory__c WHERE Assigned_Order__c = {}", order
    )
    assert shown == [(cards[0]["Phone_Number__c"], "active", "active")]
    assert [card["Status__c"] for card in cards] == ["Assigned"]
    assert cards[0]["SIM_Type__c"] == ("eSIM" if cart["sim"]["simType"] == "esim" else "Physical SIM")


def test_two_orders_at_once_get_a_card_each(hub: Hub, customer: Customer) -> None:
    hub.control("quirks", **{"freebit.async_seconds": "0"})
    commands = [hub.ask("place_order", customer, sim("SIM-DATA-VOICE-10GB", simType="physical")) for _ in range(2)]
    hub.forward()
    orders = [hub.command(each)["result"]["salesforceOrderId"] for each in commands]
    hub.sync_records("salesforce.orders", *orders)
    for order in orders:
        hub.provision(order)
    # Whoever is the first to reserve a card takes longer than the other needs to look for a free one.
    hub.control("faults", match="sobjects/SIM_Inventory__c", mode="slow:1500", times=1)

    settings = CommandSettings(settle_seconds=0, at_once=2)
    with psycopg.connect(hub.database.sync, autocommit=True) as connection:
        claimed = Claims(connection, 60.0).take(10)
    with RunnerPool(hub.database.sync, hub.clients, settings) as runners:
        left = [outcome.status for outcome in runners.run(claimed)]

    cards = hub.clients.salesforce.find(
        "SELECT Id, Assigned_Order__c FROM SIM_Inventory__c WHERE Assigned_Order__c IN {}", orders
    )
    assert left == ["succeeded", "succeeded"]
    assert sorted(card["Assigned_Order__c"] for card in cards) == sorted(orders)
    assert len({each["id"] for each in hub.ledger(kind="line")}) == 2


def test_a_line_that_another_order_opened_is_not_taken_for_this_ones(hub: Hub, customer: Customer) -> None:
    hub.control("quirks", **{"freebit.async_seconds": "0"})
    first = EXAMPLES["provision_order of a card"](hub, customer)
    assert hub.forward() == ["succeeded"]
    (card,) = hub.clients.salesforce.find(
        "SELECT Id FROM SIM_Inventory__c WHERE Assigned_Order__c = {}", hub.command(first)["input"]["order"]
    )
    again = {"Status__c": "Available", "Assigned_Order__c": None}  # put back into the stock by mistake
    hub.clients.salesforce.update("SIM_Inventory__c", card["Id"], again)
    second = EXAMPLES["provision_order of a card"](hub, customer)

    assert hub.forward() == ["failed"]

    assert hub.command(second)["failure_code"] == "SIM_ACTIVATION_FAILED"


def test_voice_options_that_were_ordered_are_on_and_others_off(hub: Hub, customer: Customer) -> None:
    hub.control("quirks", **{"freebit.async_seconds": "0"})
    EXAMPLES["provision_order of a card"](hub, customer)  # with voice mail

    assert hub.forward() == ["succeeded"]

    (registered,) = hub.ledger(kind="voice_registration")
    assert (registered["detail"]["voicemail"], registered["detail"]["callwaiting"]) == ("10", "20")


def test_a_card_that_an_agent_chose_is_the_lines_and_stays_the_orders_if_it_fails(hub: Hub, customer: Customer) -> None:
    hub.control("quirks", **{"freebit.async_seconds": "0"})
    command = EXAMPLES["provision_order of a card"](hub, customer)
    order = hub.command(command)["input"]["order"]
    free = hub.clients.salesforce.find(
        "SELECT Id, Phone_Number__c FROM SIM_Inventory__c WHERE Status__c = {} AND SIM_Type__c = {} ORDER BY Id DESC",
        *("Available", "Physical SIM"),
    )
    chosen = free[0]
    card = {"Status__c": "Reserved", "Assigned_Order__c": None}
    hub.clients.salesforce.update("SIM_Inventory__c", chosen["Id"], card)
    hub.clients.salesforce.update("Order", order, {"Assign_Physical_SIM__c": chosen["Id"]})
    hub.control("faults", match="addAcnt", mode="code:400-202", times=1)

    assert hub.forward() == ["failed"]

    assert hub.salesforce_record("SIM_Inventory__c", chosen["Id"])["Status__c"] == "Reserved"


def test_a_line_that_does_not_open_in_time_waits_for_an_operator(hub: Hub, customer: Customer) -> None:
    hub.control("quirks", **{"freebit.async_seconds": "600"})
    command = EXAMPLES["provision_order of a card"](hub, customer)
    assert hub.forward() == ["waiting"]
    assert hub.command(command)["waits_for"] == "The line is being opened."
    long_ago = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    hub.rows(
        "UPDATE command.steps SET result = jsonb_build_object('at', %s::text) WHERE name = 'open_line' RETURNING 1",
        long_ago,
    )
    hub.now_due()

    assert hub.forward() == ["dead"]

    assert hub.command(command)["failure_code"] == "SIM_ACTIVATION_FAILED"
    assert effects(hub, "cancel") == []


def test_a_number_that_comes_along_keeps_its_owner_for_the_network(hub: Hub, customer: Customer) -> None:
    hub.control("quirks", **{"freebit.async_seconds": "0"})
    porting = {
        "reservationNumber": "1234567890", "expiresOn": "2099-01-01", "phoneNumber": "09077665544", "lastName": "山田",
        "firstName": "花子", "lastNameKatakana": "ヤマダ", "firstNameKatakana": "ハナコ", "gender": "female",
        "birthDate": "1990-01-02",
    }  # fmt: skip
    placed = hub.ask("place_order", customer, sim("SIM-DATA-VOICE-10GB", simType="esim", eid=chip(), porting=porting))
    hub.forward()
    order = hub.command(placed)["result"]["salesforceOrderId"]
    hub.sync_records("salesforce.orders", order)
    hub.provision(order)

    assert hub.forward() == ["succeeded"]

    assert hub.salesforce_record("Order", order)["MNP_Application__c"] is True
    (registered,) = hub.ledger(kind="voice_registration")
    assert registered["detail"]["identity"] == {
        "lastnameKanji": "山田", "firstnameKanji": "花子", "lastnameZenKana": "ヤマダ", "firstnameZenKana": "ハナコ",
        "gender": "W", "birthday": "19900102",
    }  # fmt: skip


def test_a_line_that_was_opened_is_never_closed_by_itself(hub: Hub, customer: Customer) -> None:
    hub.control("quirks", **{"freebit.async_seconds": "0"})
    command = EXAMPLES["provision_order of a card"](hub, customer)
    hub.control("mutate", system="whmcs", object="client", id=customer.whmcs, fields={"status": "Closed"})

    assert hub.forward() == ["dead"]

    assert hub.command(command)["failure_code"] == "SIM_LINE_LEFT_OPEN"
    assert effects(hub, "cancel") == []


def test_a_card_that_was_reserved_for_nothing_is_free_again(hub: Hub, customer: Customer) -> None:
    EXAMPLES["provision_order of a card"](hub, customer)
    hub.control("faults", match="addAcnt", mode="code:400-202", times=1)

    assert hub.forward() == ["failed"]

    reserved = hub.clients.salesforce.find("SELECT Id FROM SIM_Inventory__c WHERE Status__c = {}", "Reserved")
    assert reserved == []


def test_what_cannot_be_done_at_all_ends_and_holds_up_nothing_behind_it(hub: Hub) -> None:
    # Accepted by an earlier release: there is no day after 9999-12 (issue 14, 11).
    never = command_on_line(hub, "cancel_sim", {"month": "9999-12"})
    behind = command_on_line(hub, "change_network", {"network": "5G"})

    assert sorted(hub.forward()) == ["failed", "succeeded"]

    found = hub.command(never)
    assert (found["failure_code"], found["finished_at"] is not None) == ("UNREADABLE", True)
    assert hub.command(behind)["status"] == "succeeded"


def test_a_mistake_of_the_hub_before_anything_was_done_fails_the_command_and_frees_the_line(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: object) -> str:
        raise OverflowError("date value out of range")

    monkeypatch.setattr("pipelines.commands.actions.change_line.first_of_next_month", mistaken)
    monkeypatch.setattr("pipelines.commands.runner.FIRST_WAIT_SECONDS", 0.0)
    (plan,) = hub.rows("SELECT plan_code FROM hub.sims WHERE id = %s", line(hub)[0])[0]
    broken = command_on_line(hub, "change_plan", {"planCode": "SIM_50G" if plan != "SIM_50G" else "SIM_10G"})
    behind = command_on_line(hub, "top_up", {"megabytes": 1000})

    left = hub.forward()

    assert left[-1] == "succeeded"
    assert hub.command(broken)["status"] == "failed"
    assert hub.command(broken)["failure_code"] == "DEFECT"
    assert hub.command(behind)["status"] == "succeeded"
