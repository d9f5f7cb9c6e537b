"""change_plan, change_voice, change_network, reissue_esim: changes of a line at the network, one after the other."""

from typing import Any

from core.clock import now_in
from domain.commands import kinds
from domain.common.text import unescaped
from domain.common.times import first_of_next_month
from domain.sim.changing import NetworkChange, PlanChange, Reissue, VoiceOptions
from pipelines.commands.actions.lines import (
    details,
    line_affected,
    line_of,
    number_of,
    pending,
    today_there,
    wait_for_spacing,
)
from pipelines.commands.saga import Action, Done, Result, Step, Work
from pipelines.sources.freebit import assumptions
from pipelines.sources.whmcs.lists import rows_at
from pipelines.sources.whmcs.php import custom_fields

REFUSED = ("NETWORK_REFUSED", "The network refused the change.")
# Our options, the network's item for each and where a line's details show it.
OPTIONS = {
    "voice_mail": ("voiceMail", "voicemail"),
    "call_waiting": ("callWaiting", "callwaiting"),
    "international_roaming": ("worldWing", "worldwing"),
}


def _is_at_it(said: Any, day: str) -> bool:
    """Whether the network is at a change of that day: ours, because changes of a line come one after the other."""
    func, on = pending(said)
    return func == assumptions.VOICE_PENDING and on == day


# -- plan ------------------------------------------------------------------------------------------------------------


class ChosenDay(Result, frozen=True):
    """The network's day (YYYYMMDD) from which the new plan is."""

    on: str


def choose_day(work: Work[PlanChange]) -> ChosenDay:
    """Chosen once, so that a try in the next month means the same day."""
    today = now_in(work.clients.freebit_settings.vocabulary.zone).date()
    return ChosenDay(first_of_next_month(today).strftime(assumptions.DATE))


def set_plan(work: Work[PlanChange]) -> Done | None:
    changed = {
        "account": number_of(work),
        "planCode": work.input.plan_code,
        "runTime": work.result(ChosenDay).on,
    }
    work.clients.freebit.change(assumptions.CHANGE_PLAN, changed)
    return None


def find_plan(work: Work[PlanChange]) -> Done | None:
    said = details(work, number_of(work))
    done = said.get("planCode") == work.input.plan_code or _is_at_it(said, work.result(ChosenDay).on)
    return Done() if done else None


# -- voice -----------------------------------------------------------------------------------------------------------


def _wanted(work: Work[VoiceOptions]) -> dict[str, str]:
    """The options to be set, by our names, as the network writes them."""
    chosen = work.input.model_dump(exclude_none=True, by_alias=False)
    return {name: assumptions.YES if on else assumptions.NO for name, on in chosen.items()}


def set_voice(work: Work[VoiceOptions]) -> Done | None:
    options = {OPTIONS[name][0]: value for name, value in _wanted(work).items()}
    changed = {"account": number_of(work), "userConfirmed": assumptions.YES, "talkOption": options}
    work.clients.freebit.change(assumptions.CHANGE_VOICE, changed)
    return None


def find_voice(work: Work[VoiceOptions]) -> Done | None:
    said = details(work, number_of(work))
    shown = all(str(said.get(OPTIONS[name][1])) == value for name, value in _wanted(work).items())
    return Done() if shown or _is_at_it(said, today_there(work)) else None


# -- network ---------------------------------------------------------------------------------------------------------


def set_network(work: Work[NetworkChange]) -> Done | None:
    changed = {"account": number_of(work), "contractLine": work.input.network}
    work.clients.freebit.change(assumptions.CHANGE_NETWORK, changed)
    return None


def find_network(work: Work[NetworkChange]) -> Done | None:
    said = details(work, number_of(work))
    done = said.get("contractLine") == work.input.network or _is_at_it(said, today_there(work))
    return Done() if done else None


# -- eSIM ------------------------------------------------------------------------------------------------------------


class CurrentChip(Result, frozen=True):
    """The chip that has the profile until it is issued anew."""

    eid: str | None


def remember_chip(work: Work[Reissue]) -> CurrentChip:
    return CurrentChip(details(work, number_of(work)).get("eid"))


def reissue(work: Work[Reissue]) -> Done | None:
    old = work.result(CurrentChip).eid
    changed = {
        "addKind": "R",
        "account": number_of(work),
        "eid": work.input.eid,
        "reissue": {"oldEid": old} if old else {},
    }
    work.clients.freebit.change(assumptions.ESIM, changed)
    return None


def find_reissued(work: Work[Reissue]) -> Done | None:
    said = details(work, number_of(work))
    return Done() if said.get("eid") == work.input.eid or _is_at_it(said, today_there(work)) else None


def write_eid(work: Work[Reissue]) -> Done | None:
    """The service in WHMCS knows its chip."""
    line, name = line_of(work), work.clients.whmcs_settings.vocabulary.eid_field
    rows = rows_at(work.clients.whmcs.call("GetClientsProducts", serviceid=line.service), "products.product")
    fields = rows_at(rows[0], "customfields.customfield") if rows else []
    number = next((int(row["id"]) for row in fields if unescaped(row.get("name")) == name), None)
    if number is not None:
        value = custom_fields({number: work.input.eid})
        work.clients.whmcs.change("UpdateClientProduct", serviceid=line.service, customfields=value)
    return None


WAIT_FOR_SPACING = Step[Any]("wait_for_spacing", wait_for_spacing, reads=True)

CHANGE_PLAN = Action(
    kind=kinds.CHANGE_PLAN,
    steps=(
        WAIT_FOR_SPACING,
        Step("choose_day", choose_day, brings=ChosenDay, reads=True),
        Step("set_plan", set_plan, find_existing=find_plan, refused=REFUSED),
    ),
    affects=line_affected,
    result=lambda work: {"from": work.result(ChosenDay).on},
)
CHANGE_VOICE = Action(
    kind=kinds.CHANGE_VOICE,
    steps=(WAIT_FOR_SPACING, Step("set_voice", set_voice, find_existing=find_voice, refused=REFUSED)),
    affects=line_affected,
)
CHANGE_NETWORK = Action(
    kind=kinds.CHANGE_NETWORK,
    steps=(WAIT_FOR_SPACING, Step("set_network", set_network, find_existing=find_network, refused=REFUSED)),
    affects=line_affected,
)
REISSUE_ESIM = Action(
    kind=kinds.REISSUE_ESIM,
    steps=(
        Step("remember_chip", remember_chip, brings=CurrentChip, reads=True),
        Step("reissue", reissue, find_existing=find_reissued, refused=REFUSED),
        Step("write_eid", write_eid, repeatable=True),
    ),
    affects=line_affected,
)
