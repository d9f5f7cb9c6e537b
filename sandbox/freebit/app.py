"""The API under /emptool/api and the emulator's own helpers under /_emu: one form field `json`, envelopes, codes."""

import json
import re
from collections.abc import Callable
from urllib.parse import unquote_plus

from sandbox.asgi import App, Receive, Request, Response, Scope, Send, form, json_response, read_request, send_response
from sandbox.config import Config
from sandbox.freebit.activation import Activation
from sandbox.freebit.changes import Changes
from sandbox.freebit.errors import FreebitError
from sandbox.freebit.helpers import Helpers
from sandbox.freebit.lines import Lines
from sandbox.freebit.requests import ACCOUNT, OK, Asked, account_of, day, one_of, only_item, require
from sandbox.freebit.semiblack import SemiBlack
from sandbox.freebit.sessions import Sessions
from sandbox.freebit.timing import Timing
from sandbox.state import State
from sandbox.world import World

BASE = "/emptool/api/"


def create_app(world: World, state: State, config: Config | None = None) -> App:
    """Freebit as an ASGI app. A fault `code:A-B` set by the control plane takes the place of the true answer."""
    emulator = Emulator(world, state, config or Config())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            fault = str(scope.get("sandbox.fault", ""))
            pair = fault.removeprefix("code:") if fault.startswith("code:") else ""
            await send_response(emulator.answer(await read_request(scope, receive), pair), send)

    return app


def label(request: Request) -> str:
    """The account asked for, for the log of calls and the matching of faults."""
    found = re.search(r'"account"\s*:\s*"([^"]*)"', unquote_plus(request.body.decode("utf-8", "replace")))
    return f"account={found.group(1)}" if found else ""


class Emulator:
    """Freebit's APIs."""

    def __init__(self, world: World, state: State, config: Config) -> None:
        self.config = config
        self.lines = Lines(world, state, Timing(state))
        self.sessions = Sessions(state)
        self.helpers = Helpers(state, self.lines, self.sessions)
        changes = Changes(self.lines)
        activation = Activation(self.lines, changes)
        self._apis: dict[str, Callable[[Asked], Asked]] = {
            "master/getDetail/": self._detail,
            "mvno/getDetail/": self._detail,
            "mvno/getTrafficInfo/": self._traffic,
            "mvno/getQuotaHistory/": self._quota_history,
            **changes.apis(),
            **activation.apis(),
            **SemiBlack(self.lines, activation).apis(),
        }

    def answer(self, request: Request, fault: str = "") -> Response:
        if request.path.startswith("/_emu/"):
            return self.helpers.answer(request)
        name = request.path.removeprefix(BASE)
        if not request.path.startswith(BASE) or (name != "authOem/" and name not in self._apis):
            return Response(b"Not Found", 404, "text/plain")
        if request.method != "POST":
            return Response(b"Method Not Allowed", 405, "text/plain")
        if fault:
            return json_response(FreebitError(fault).envelope())
        try:
            asked = _document(request)
            return json_response(self._authenticate(asked) if name == "authOem/" else self._called(name, asked))
        except FreebitError as error:
            return json_response(error.envelope())

    def _authenticate(self, asked: Asked) -> Asked:
        require(asked, "oemId", "oemKey")
        if (asked["oemId"], asked["oemKey"]) != (self.config.freebit_oem_id, self.config.freebit_oem_key):
            raise FreebitError("401-002")
        return {**OK, "authKey": self.sessions.issue()}

    def _called(self, name: str, asked: Asked) -> Asked:
        if not self.sessions.is_good(asked.get("authKey")):
            raise FreebitError("401-001")
        return self._apis[name](asked)

    def _detail(self, asked: Asked) -> Asked:
        wanted = only_item(asked)
        require(wanted, "kind", "account")
        if one_of(wanted, "kind", ("MVNO", "MASTER")) == "MASTER":
            raise FreebitError("400-210", "account")
        line = self.lines.find(account_of(wanted))
        return {**OK, "masterAccount": None, "responseDatas": [self.lines.detail(line)]}

    def _traffic(self, asked: Asked) -> Asked:
        require(asked, "account")
        account = account_of(asked, ACCOUNT)
        line = self.lines.find(account)
        if line.state == "obsolete":
            raise FreebitError("400-212", account)
        if line.plan.plan_code is None:
            raise FreebitError("400-220", account)
        return {**OK, "account": account, "traffic": self.lines.traffic(line)}

    def _quota_history(self, asked: Asked) -> Asked:
        require(asked, "account", "fromDate", "toDate")
        account = account_of(asked)
        start, end = day(asked, "fromDate"), day(asked, "toDate")
        if end < start:
            raise FreebitError("400-202", "toDate")
        rows = self.lines.quotas(self.lines.find(account), start, end)
        total = str(sum(int(row["quota"]) for row in rows))
        return {**OK, "account": account, "total": total, "count": str(len(rows)), "quotaHistory": rows}


def _document(request: Request) -> Asked:
    """The JSON object in the form field `json`.

    Raises:
        FreebitError: there is no such field, or it holds none.
    """
    kind = request.headers.get("content-type", "")
    if "application/json" in kind:
        raise FreebitError("400-101")
    text = dict(form(request)).get("json")
    try:
        document = json.loads(text or "")
    except ValueError:
        raise FreebitError("400-101") from None
    if not isinstance(document, dict):
        raise FreebitError("400-101")
    return document
