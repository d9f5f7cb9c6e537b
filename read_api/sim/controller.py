"""SIM lines and what they used."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import JSONBody, Parameter

from domain.commands import kinds
from domain.commands.kind import Input, Kind
from domain.sim.changing import (
    LineCancellation,
    LineFacts,
    NetworkChange,
    PlanChange,
    Reissue,
    RuleCode,
    TopUp,
    VoiceOptions,
)
from read_api.commands.accepting import Change, IdempotencyKey
from read_api.http.answers import ApiRequest, JsonAnswer
from read_api.http.lists import Listing
from read_api.http.problems.catalogue import NOT_FOUND, NUMBER_DISPUTED, TOO_MANY_REQUESTS
from read_api.http.problems.errors import NumberDisputedError
from read_api.http.responses import answers, change
from read_api.http.services import services_of
from read_api.http.wire import Cursor, Limit
from read_api.live.tags import UNTAGGED
from read_api.on_demand import OnDemand, Prefer
from read_api.sim.models import SimAnswer, SimList, UsageAnswer
from read_api.store.questions import Question

LINES = ("whmcs.services", "freebit.line_details")

SIMS = Listing(Question("sim/sims", LINES))
SIM = Question("sim/sim", LINES)
USAGE = Question("sim/usage", ("freebit.line_usage",))
# Freebit forbids sweeping, so a line is read when somebody looks at it.
LINE_ON_DEMAND = OnDemand(Question("sim/request_line"), Question("sim/read_at"))

Id = Annotated[UUID, Parameter(description="The SIM line's id")]

FACTS = Question("sim/change_facts")


def _complete(request: ApiRequest, line: LineFacts) -> LineFacts:
    if line.is_disputed:
        raise NumberDisputedError("several open services have the number")
    return line.model_copy(update={"offered_plans": services_of(request).plans})


def _change(kind: Kind[Input, LineFacts]) -> Change[Input, LineFacts]:
    return Change(kind, "/api/sims/{id}", FACTS, _complete)


def _handled(accepting: Change[Any, LineFacts]) -> dict[str, Any]:
    return change(NOT_FOUND, NUMBER_DISPUTED, rules=RuleCode, fresh=accepting.kind.fresh) | {"opt": accepting.opt}


TOP_UP = _change(kinds.TOP_UP)
CHANGE_PLAN = _change(kinds.CHANGE_PLAN)
CHANGE_VOICE = _change(kinds.CHANGE_VOICE)
CHANGE_NETWORK = _change(kinds.CHANGE_NETWORK)
REISSUE = _change(kinds.REISSUE_ESIM)
CANCEL = _change(kinds.CANCEL_SIM)


class SimController(Controller):
    """SIM lines."""

    path = "/api/sims"
    tags = ("sim",)

    @get(operation_id="listSims", responses=answers(SimList))
    async def sims(self, request: ApiRequest, limit: Limit = 25, cursor: Cursor = None) -> JsonAnswer:
        """The customer's SIM lines."""
        return await SIMS.page(request, limit, cursor)

    @get(
        "/{sim_id:str}",
        operation_id="getSim",
        responses=answers(SimAnswer, NOT_FOUND, TOO_MANY_REQUESTS),
        opt={UNTAGGED: True},
    )
    async def sim(self, request: ApiRequest, sim_id: Id, prefer: Prefer = None) -> JsonAnswer:  # noqa: ARG002 - documented
        """One SIM line; what is old is read again soon, or at once for a caller that waits."""
        return await _on_demand(request, SIM, sim_id)

    @post("/{sim_id:str}/top-ups", operation_id="topUpSim", **_handled(TOP_UP))
    async def top_up(self, request: ApiRequest, sim_id: Id, data: JSONBody[TopUp], key: IdempotencyKey) -> JsonAnswer:
        """More data for a line: invoiced, charged to the card on file, then added. ¥500 per whole gigabyte."""
        return await TOP_UP.accept(request, key, data, str(sim_id))

    @post("/{sim_id:str}/plan-changes", operation_id="changeSimPlan", **_handled(CHANGE_PLAN))
    async def change_plan(
        self, request: ApiRequest, sim_id: Id, data: JSONBody[PlanChange], key: IdempotencyKey
    ) -> JsonAnswer:
        """Another plan from the first of next month on; one such change may wait."""
        return await CHANGE_PLAN.accept(request, key, data, str(sim_id))

    @post("/{sim_id:str}/voice-options", operation_id="changeSimVoiceOptions", **_handled(CHANGE_VOICE))
    async def change_voice(
        self, request: ApiRequest, sim_id: Id, data: JSONBody[VoiceOptions], key: IdempotencyKey
    ) -> JsonAnswer:
        """Switch voice options; changes of a line wait for half an hour after the one before."""
        return await CHANGE_VOICE.accept(request, key, data, str(sim_id))

    @post("/{sim_id:str}/network-changes", operation_id="changeSimNetwork", **_handled(CHANGE_NETWORK))
    async def change_network(
        self, request: ApiRequest, sim_id: Id, data: JSONBody[NetworkChange], key: IdempotencyKey
    ) -> JsonAnswer:
        """Change between 4G and 5G; takes about half an hour, in which the line takes no other change."""
        return await CHANGE_NETWORK.accept(request, key, data, str(sim_id))

    @post("/{sim_id:str}/reissues", operation_id="reissueEsim", **_handled(REISSUE))
    async def reissue(
        self, request: ApiRequest, sim_id: Id, data: JSONBody[Reissue], key: IdempotencyKey
    ) -> JsonAnswer:
        """A new profile for an eSIM on another chip; the old one is void when it is done."""
        return await REISSUE.accept(request, key, data, str(sim_id))

    @post("/{sim_id:str}/cancellations", operation_id="cancelSim", **_handled(CANCEL))
    async def cancel(
        self, request: ApiRequest, sim_id: Id, data: JSONBody[LineCancellation], key: IdempotencyKey
    ) -> JsonAnswer:
        """End a line with the end of a month; the running one can be chosen until the 24th."""
        return await CANCEL.accept(request, key, data, str(sim_id))

    @get(
        "/{sim_id:str}/usage",
        operation_id="getSimUsage",
        responses=answers(UsageAnswer, NOT_FOUND, TOO_MANY_REQUESTS),
        opt={UNTAGGED: True},
    )
    async def usage(self, request: ApiRequest, sim_id: Id, prefer: Prefer = None) -> JsonAnswer:  # noqa: ARG002 - documented
        """Data that a SIM line used, today and recently."""
        return await _on_demand(request, USAGE, sim_id)


async def _on_demand(request: ApiRequest, question: Question, line: UUID) -> JsonAnswer:
    stale_after = services_of(request).settings.sim_stale_seconds
    return await LINE_ON_DEMAND.single(request, question, id=str(line), stale_seconds=str(stale_after))
