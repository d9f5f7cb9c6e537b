"""SIM lines and what they used."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get
from litestar.params import HeaderParameter, Parameter

from read_api.answers import ApiRequest, JsonAnswer, Listing
from read_api.problems.catalogue import NOT_FOUND
from read_api.questions import Question
from read_api.responses import answers
from read_api.sim.models import SimAnswer, SimList, UsageAnswer
from read_api.sim.on_demand import looked_at
from read_api.wire import Cursor, Limit

LINES = ("whmcs.services", "freebit.line_details")

SIMS = Listing(Question("sim/sims", LINES))
SIM = Question("sim/sim", LINES)
USAGE = Question("sim/usage", ("freebit.line_usage",))

Id = Annotated[UUID, Parameter(description="The SIM line's id")]
Prefer = Annotated[
    str | None,
    HeaderParameter(name="Prefer", description="`wait=2`: wait up to 2 seconds for what the network says now"),
]


class SimController(Controller):
    """SIM lines."""

    path = "/api/sims"
    tags = ("sim",)

    @get(operation_id="listSims", responses=answers(SimList))
    async def sims(self, request: ApiRequest, limit: Limit = 25, cursor: Cursor = None) -> JsonAnswer:
        """The customer's SIM lines."""
        return await SIMS.page(request, limit, cursor)

    @get("/{sim_id:str}", operation_id="getSim", responses=answers(SimAnswer, NOT_FOUND))
    async def sim(self, request: ApiRequest, sim_id: Id, prefer: Prefer = None) -> JsonAnswer:  # noqa: ARG002 - documented
        """One SIM line; what is old is read again soon, or at once for a caller that waits."""
        return await looked_at(request, SIM, str(sim_id))

    @get("/{sim_id:str}/usage", operation_id="getSimUsage", responses=answers(UsageAnswer, NOT_FOUND))
    async def usage(self, request: ApiRequest, sim_id: Id, prefer: Prefer = None) -> JsonAnswer:  # noqa: ARG002 - documented
        """Data that a SIM line used, today and recently."""
        return await looked_at(request, USAGE, str(sim_id))
