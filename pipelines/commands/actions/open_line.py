"""Opening a line at Freebit, as part of provisioning an order for a SIM (portal reference, section 6.4, step 6).

A card: PA02-01, then PA05-05 where the plan has voice. An eSIM: PA05-41, then the same. The number comes from the org's
stock of SIM cards, or from another carrier. A line that was opened is never cancelled by itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from core.clock import now_in, utc_now
from core.errors import RejectedError
from domain.common.text import digits
from domain.orders.provisioning import ProvisionOrder
from pipelines.commands.actions.accounts import account_of
from pipelines.commands.actions.lines import details
from pipelines.commands.actions.provisioning import (
    ChosenLine,
    OpenedLine,
    Order,
    Provisioning,
    card_of,
    order_of,
    plan_of,
)
from pipelines.commands.saga import AlertError, Done, LaterError, RefusalError, Step
from pipelines.sources.freebit import assumptions

FAILED = ("SIM_ACTIVATION_FAILED", "The line could not be opened.")
ACTIVE_AGAIN_IN_SECONDS = 5.0
CARD = "SELECT Id, Phone_Number__c, PT_Number__c FROM SIM_Inventory__c WHERE "


def is_sim(work: Provisioning) -> bool:
    return order_of(work).type == "SIM"


def is_esim(work: Provisioning) -> bool:
    return order_of(work).sim_type == "eSIM"


def _has_voice(work: Provisioning) -> bool:
    return plan_of(work).plan_type != "DataOnly"


# -- the number ------------------------------------------------------------------------------------------------------


def choose_line(work: Provisioning) -> ChosenLine:
    """The line's number and card: brought along, given by the agent, or reserved from the stock."""
    order, words = order_of(work), work.clients.salesforce_settings.vocabulary
    if order.is_ported:
        if not is_esim(work):
            raise RefusalError(FAILED[0], "Only an eSIM can take a number along; an agent must open it.")
        return ChosenLine(account=_digits(order.ported_number), eid=order.eid, stock=None)
    if order.given_card:
        given = work.clients.salesforce.find(CARD + "Id = {}", order.given_card)
        if not given:
            raise RefusalError(FAILED[0], "The SIM card that was assigned to the order does not exist.")
        return _card(work, given[0])
    with _one_at_a_time(work):
        free = work.clients.salesforce.find(
            CARD + "Status__c = {} AND SIM_Type__c = {} ORDER BY Id LIMIT 1", words.card_available, order.sim_type
        )
        if not free:
            raise RefusalError("SIM_OUT_OF_STOCK", "No SIM of this kind is in stock.")
        reserved = {"Status__c": words.card_reserved, "Assigned_Order__c": work.input.order}
        work.clients.salesforce.update("SIM_Inventory__c", free[0]["Id"], reserved)
    return _card(work, free[0])


def find_reserved(work: Provisioning) -> ChosenLine | None:
    """The card that was reserved for the order before."""
    found = work.clients.salesforce.find(CARD + "Assigned_Order__c = {} ORDER BY Id LIMIT 1", work.input.order)
    return _card(work, found[0]) if found else None


def _card(work: Provisioning, card: Mapping[str, Any]) -> ChosenLine:
    return ChosenLine(
        account=_digits(card["Phone_Number__c"]),
        serial=card["PT_Number__c"],
        eid=order_of(work).eid,
        stock=card["Id"],
    )


@contextmanager
def _one_at_a_time(work: Provisioning) -> Iterator[None]:
    """Two commands must not reserve the same card: Salesforce has no way to update only what is still free."""
    work.row("actions/lock", name="sim stock")
    try:
        yield
    finally:
        work.row("actions/unlock", name="sim stock")


def _digits(number: str | None) -> str:
    return digits(number or "")


# -- the line --------------------------------------------------------------------------------------------------------


def open_line(work: Provisioning) -> OpenedLine:
    line, plan = work.result(ChosenLine), _plan(work)
    if is_esim(work):
        work.clients.freebit.change(assumptions.ESIM, _esim(work, line, plan))
    else:
        wanted = [{"kind": assumptions.LINE_KIND, "account": line.account, "planCode": plan}]
        registration = {"createType": "new", "relationCode": work.input.order, "requestDatas": wanted}
        work.clients.freebit.change(assumptions.REGISTER_LINE, registration)
    return OpenedLine(utc_now())


def _esim(work: Provisioning, line: ChosenLine, plan: str) -> dict[str, Any]:
    profile = {
        "eid": line.eid,
        "account": line.account,
        "simKind": assumptions.SIM_KINDS["voice" if _has_voice(work) else "data"],
        "planCode": plan,
    }
    order = order_of(work)
    if not order.is_ported:
        ships = now_in(work.clients.freebit_settings.vocabulary.zone).strftime(assumptions.DATE)
        return profile | {"addKind": "N", "aladinOperated": assumptions.YES, "shipDate": ships}
    mnp = {
        "reserveNumber": order.reservation_number,
        "reserveExpireDate": (order.reserved_until or "").replace("-", ""),
    }
    return profile | {"addKind": "M", "mnp": mnp | _subscriber(order)}


def _subscriber(order: Order) -> dict[str, Any]:
    """Who the line is for, as the network writes a person: known of orders that bring a number along."""
    return {
        "lastnameKanji": order.last_name,
        "firstnameKanji": order.first_name,
        "lastnameZenKana": order.last_name_katakana,
        "firstnameZenKana": order.first_name_katakana,
        "gender": order.gender,
        "birthday": (order.birth_date or "").replace("-", ""),
    }


def _plan(work: Provisioning) -> str:
    service = plan_of(work)
    return work.clients.freebit_settings.vocabulary.plan_code(service.data_size or "", service.plan_type or "")


def find_line(work: Provisioning) -> OpenedLine | None:
    """The line, if it is there already and is this order's."""
    try:
        said = details(work, work.result(ChosenLine).account)
    except RejectedError as error:
        if error.code == assumptions.UNKNOWN_LINE:
            return None
        raise
    is_ours = (
        said.get("eid") == work.result(ChosenLine).eid
        if is_esim(work)
        else (said.get("relationCode") == work.input.order)
    )
    return OpenedLine(utc_now()) if is_ours else None


def wait_until_active(work: Provisioning) -> Done | None:
    """A registration is accepted at once and done within minutes.

    Raises:
        LaterError: it is not done yet.
        AlertError: it should have been done long ago.
    """
    said = details(work, work.result(ChosenLine).account)
    if said.get("state") == "active":
        return None
    waited = (utc_now() - work.result(OpenedLine).at).total_seconds()
    if waited > assumptions.OPENING_GIVEN_UP_AFTER_SECONDS:
        raise AlertError(*FAILED)
    raise LaterError(ACTIVE_AGAIN_IN_SECONDS, "The line is being opened.")


def register_voice(work: Provisioning) -> Done | None:
    """Options that were not ordered are off; registering them again changes nothing."""
    order = order_of(work)
    options = {
        "voiceMail": assumptions.YES if order.voice_mail else assumptions.NO,
        "callWaiting": assumptions.YES if order.call_waiting else assumptions.NO,
    }
    account = work.result(ChosenLine).account
    voice = {"account": account, "userConfirmed": assumptions.YES, "talkOption": options}
    if order.is_ported:
        voice[assumptions.IDENTITY] = _subscriber(order)
    work.clients.freebit.change(assumptions.REGISTER_VOICE, voice)
    return None


# -- the stock -------------------------------------------------------------------------------------------------------


def assign_card(work: Provisioning) -> Done | None:
    status = work.clients.salesforce_settings.vocabulary.card_assigned
    fields = {"Status__c": status, "Assigned_Order__c": work.input.order, "Assigned_Account__c": account_of(work)}
    work.clients.salesforce.update("SIM_Inventory__c", card_of(work) or "", fields)
    return None


def release_card(work: Provisioning) -> Done | None:
    free = {"Status__c": work.clients.salesforce_settings.vocabulary.card_available, "Assigned_Order__c": None}
    work.clients.salesforce.update("SIM_Inventory__c", card_of(work) or "", free)
    return None


def leave_open(_: Provisioning) -> None:
    raise AlertError("SIM_LINE_LEFT_OPEN", "The line was opened, but the order could not be completed.")


LINE_STEPS: tuple[Step[ProvisionOrder], ...] = (
    Step(
        "choose_line",
        choose_line,
        brings=ChosenLine,
        find_existing=find_reserved,
        find_existing_first=True,
        when=is_sim,
        refused=FAILED,
    ),
    Step(
        "open_line",
        open_line,
        brings=OpenedLine,
        find_existing=find_line,
        find_existing_first=True,
        when=is_sim,
        refused=FAILED,
    ),
    Step("wait_until_active", wait_until_active, reads=True, when=is_sim),
    Step(
        "register_voice",
        register_voice,
        repeatable=True,
        when=lambda work: is_sim(work) and _has_voice(work),
        refused=("VOICE_NOT_REGISTERED", "The line was opened, but its voice options were refused."),
    ),
)
LINE_WRITE_BACK: tuple[Step[ProvisionOrder], ...] = (
    Step("assign_card", assign_card, repeatable=True, when=lambda work: card_of(work) is not None),
)
LINE_FAILING: tuple[Step[ProvisionOrder], ...] = (
    Step(
        "release_card",
        release_card,
        repeatable=True,
        when=lambda work: card_of(work) is not None and not work.has("open_line") and not order_of(work).given_card,
    ),
)
LINE_LEFT_OPEN: Step[ProvisionOrder] = Step(
    "leave_open", leave_open, repeatable=True, when=lambda work: work.has("open_line")
)
