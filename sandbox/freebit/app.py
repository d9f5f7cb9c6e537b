"""The API under /emptool/api and the emulator's own helpers under /_emu: one form field `json`, envelopes, codes."""

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from urllib.parse import unquote

from sandbox.asgi import App, Receive, Request, Response, Scope, Send, form, json_response, read_request, send_response
from sandbox.config import Config
from sandbox.freebit.errors import FreebitError
from sandbox.freebit.lines import Lines
from sandbox.freebit.sessions import Sessions
from sandbox.state import State
from sandbox.world import World

BASE = "/emptool/api/"
Asked = dict[str, object]
_OK: Asked = {"resultCode": "100", "status": {"message": "OK", "statusCode": "200"}}
_ACCOUNT = re.compile(r"\d{11,14}|[A-Z]{3}\d_\d{11}")
_PHONE = re.compile(r"\d{11,14}")


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
    found = re.search(r'"account"\s*:\s*"([^"]*)"', unquote(request.body.decode("utf-8", "replace")))
    return f"account={found.group(1)}" if found else ""


class Emulator:
    """Freebit's read APIs."""

    def __init__(self, world: World, state: State, config: Config) -> None:
        self.config = config
        self.state = state
        self.lines = Lines(world, state)
        self.sessions = Sessions(state)
        self._apis: dict[str, Callable[[Asked], Asked]] = {
            "master/getDetail/": self._detail,
            "mvno/getDetail/": self._detail,
            "mvno/getTrafficInfo/": self._traffic,
            "mvno/getQuotaHistory/": self._quota_history,
        }

    def answer(self, request: Request, fault: str = "") -> Response:
        if request.path.startswith("/_emu/"):
            return self._helper(request)
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
        _require(asked, "oemId", "oemKey")
        if (asked["oemId"], asked["oemKey"]) != (self.config.freebit_oem_id, self.config.freebit_oem_key):
            raise FreebitError("401-002")
        return {**_OK, "authKey": self.sessions.issue()}

    def _called(self, name: str, asked: Asked) -> Asked:
        if not self.sessions.is_good(asked.get("authKey")):
            raise FreebitError("401-001")
        return self._apis[name](asked)

    def _detail(self, asked: Asked) -> Asked:
        items = asked.get("requestDatas")
        if items is None:
            raise FreebitError("400-201", "requestDatas")
        if not isinstance(items, list) or not items or not isinstance(items[0], dict):
            raise FreebitError("400-202", "requestDatas")
        wanted: Asked = items[0]  # only one is recognised
        _require(wanted, "kind", "account")
        if wanted["kind"] not in {"MVNO", "MASTER"}:
            raise FreebitError("400-202", "kind")
        if wanted["kind"] == "MASTER":
            raise FreebitError("400-210", "account")
        line = self.lines.find(_account(wanted, _PHONE))
        return {**_OK, "masterAccount": None, "responseDatas": [self.lines.detail(line)]}

    def _traffic(self, asked: Asked) -> Asked:
        _require(asked, "account")
        account = _account(asked, _ACCOUNT)
        line = self.lines.find(account)
        if line.state == "obsolete":
            raise FreebitError("400-212", account)
        return {**_OK, "account": account, "traffic": self.lines.traffic(line)}

    def _quota_history(self, asked: Asked) -> Asked:
        _require(asked, "account", "fromDate", "toDate")
        account = _account(asked, _PHONE)
        start, end = _day(asked, "fromDate"), _day(asked, "toDate")
        if end < start:
            raise FreebitError("400-202", "toDate")
        rows = self.lines.quotas(self.lines.find(account), start, end)
        total = str(sum(int(row["quota"]) for row in rows))
        return {**_OK, "account": account, "total": total, "count": str(len(rows)), "quotaHistory": rows}

    # -- /_emu/: the emulator's own ----------------------------------------------------------------------------------

    def _helper(self, request: Request) -> Response:
        content = json.loads(request.body or b"{}")
        usage = re.fullmatch(r"/_emu/accounts/(\d+)/usage", request.path)
        if request.method == "GET" and request.path == "/_emu/log":
            calls = [call._asdict() for call in self.state.calls.latest(1000) if call.system == "freebit"]
            return json_response(calls)
        if request.method == "POST" and request.path == "/_emu/clock":
            self.state.clock.advance(float(content["advanceSeconds"]))
            return json_response({"now": self.state.clock.now().isoformat()})
        if request.method == "POST" and request.path == "/_emu/reset":
            self.state.reset()
            return json_response({"reset": True})
        if request.method == "POST" and request.path == "/_emu/expire":
            self.sessions.end_all()
            return json_response({"expired": True})
        if request.method == "POST" and usage:
            return self._inject(usage.group(1), str(content["date"]), int(content["kb"]))
        return json_response({"error": "no such helper"}, 404)

    def _inject(self, account: str, day: str, kb: int) -> Response:
        change = self.state.overlay.get("freebit", "line", account)
        earlier = change.fields.get("usage", {}) if change else {}
        usage = {**earlier, date.fromisoformat(day).isoformat(): kb} if isinstance(earlier, dict) else {}
        self.state.overlay.put("freebit", "line", account, {"usage": usage})
        return json_response({"account": account, "usage": usage})


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


def _require(asked: Asked, *names: str) -> None:
    for name in names:
        if asked.get(name) in (None, ""):
            raise FreebitError("400-201", name)


def _account(asked: Asked, form_of: re.Pattern[str]) -> str:
    account = asked["account"]
    if not isinstance(account, str) or not form_of.fullmatch(account):
        raise FreebitError("400-202", "account")
    return account


def _day(asked: Asked, name: str) -> date:
    try:
        return datetime.strptime(str(asked[name]), "%Y%m%d").date()  # noqa: DTZ007 - a bare date
    except ValueError:
        raise FreebitError("400-202", name) from None
