"""The emulator's own helpers under /_emu/: clock, faults, usage, log, the files that tell of completed activations."""

import csv
import io
import json
import re
from datetime import date

from sandbox.asgi import Request, Response, json_response
from sandbox.freebit.errors import FreebitError
from sandbox.freebit.lines import Lines
from sandbox.freebit.sessions import Sessions
from sandbox.state import State

_FILES = {"esim-complete.csv": "esim", "ota-complete.csv": "ota"}
_COLUMNS = ("account", "eid", "iccid", "addKind", "result", "completedAt", "activationCode")
_MODES = {"http500": "status:500", "timeout": "timeout", "malformed": "malformed", "drop_after_apply": "drop"}


class Helpers:
    """Answers what is asked under /_emu/."""

    def __init__(self, state: State, lines: Lines, sessions: Sessions) -> None:
        self.state = state
        self._lines, self._sessions = lines, sessions

    def answer(self, request: Request) -> Response:
        content = json.loads(request.body or b"{}")
        name = request.path.removeprefix("/_emu/")
        if request.method == "GET":
            return self._told(name)
        usage = re.fullmatch(r"accounts/(\d+)/usage", name)
        if usage:
            return self._inject(usage.group(1), str(content["date"]), int(content["kb"]))
        return self._done(name, content)

    def _done(self, name: str, content: dict[str, str]) -> Response:
        match name:
            case "clock":
                self.state.clock.advance(float(content["advanceSeconds"]))
            case "reset":
                self.state.reset()
            case "expire":
                self._sessions.end_all()
            case "faults":
                mode = str(content["mode"])
                self.state.faults.add(str(content["path"]), _MODES.get(mode, mode), int(content.get("times", 1)))
            case _:
                return json_response({"error": "no such helper"}, 404)
        return json_response({"now": self.state.clock.now().isoformat(), "faults": len(self.state.faults.waiting)})

    def _told(self, name: str) -> Response:
        if name == "log":
            calls = [call._asdict() for call in self.state.calls.latest(1000) if call.system == "freebit"]
            return json_response(calls)
        medium = _FILES.get(name.removeprefix("files/"))
        if medium is None or not name.startswith("files/"):
            return json_response({"error": "no such helper"}, 404)
        written = io.StringIO()
        writer = csv.DictWriter(written, _COLUMNS, extrasaction="ignore", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(row for row in self._lines.completions() if row["medium"] == medium)
        return Response(written.getvalue().encode(), 200, "text/csv")

    def _inject(self, account: str, day: str, kb: int) -> Response:
        """Use up data: what remains falls with it, never below nothing."""
        earlier = self._lines.changes(account).get("usage")
        usage = dict(earlier) if isinstance(earlier, dict) else {}
        key = date.fromisoformat(day).isoformat()
        more, usage[key] = kb - int(usage.get(key, 0)), kb
        try:
            remaining = self._lines.find(account).remaining_kb
        except FreebitError as error:
            return json_response(error.envelope(), 404)
        self._lines.put(account, usage=usage, quota=str(max(0, remaining - more)))
        return json_response({"account": account, "usage": usage})
