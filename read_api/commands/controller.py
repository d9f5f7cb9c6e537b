"""What became of what the customer asked for."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get
from litestar.params import Parameter, QueryParameter

from read_api.commands.models import CommandAnswer, CommandList, Status
from read_api.http.answers import ApiRequest, JsonAnswer, single
from read_api.http.lists import EARLIER, Listing
from read_api.http.problems.catalogue import NOT_FOUND
from read_api.http.responses import answers
from read_api.http.wire import Cursor, Limit
from read_api.store.questions import Question

COMMANDS = Listing(Question("commands/commands"), EARLIER)
COMMAND = Question("commands/command")


class CommandController(Controller):
    """Commands."""

    path = "/api/commands"
    tags = ("commands",)

    @get(operation_id="listCommands", responses=answers(CommandList))
    async def commands(
        self,
        request: ApiRequest,
        status: Annotated[Status | None, QueryParameter(description="Only those that stand so")] = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> JsonAnswer:
        """What the customer asked for, newest first."""
        return await COMMANDS.page(request, limit, cursor, status=status)

    @get("/{command_id:str}", operation_id="getCommand", responses=answers(CommandAnswer, NOT_FOUND))
    async def command(
        self, request: ApiRequest, command_id: Annotated[UUID, Parameter(description="The command's id")]
    ) -> JsonAnswer:
        """One command: where it stands, or what came of it."""
        return await single(request, COMMAND, id=str(command_id))
