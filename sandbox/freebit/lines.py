"""What Freebit says of a line today: details, traffic, quota history. Flags are "10"/"20", numbers are strings."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sandbox.freebit.errors import FreebitError
from sandbox.state import State
from sandbox.world import Line, World
from sandbox.world.mixing import mixed

_ZONE = ZoneInfo("Asia/Tokyo")
_DAYS = 30


class Lines:
    """Lines by phone number, with the overlay's changes (system "freebit", object "line", id the number)."""

    def __init__(self, world: World, state: State) -> None:
        self.world = world
        self.state = state

    def today(self) -> date:
        return self.state.clock.now().astimezone(_ZONE).date()

    def find(self, account: str) -> Line:
        """The line with this number.

        Raises:
            FreebitError: there is none.
        """
        change = self.state.overlay.get("freebit", "line", account)
        line = self.world.line_by_phone(account)
        if line is None or (change is not None and change.deleted):
            raise FreebitError("400-210", account)
        return line

    def detail(self, line: Line) -> dict[str, object]:
        """PA03-02's item for a service account; absent keys are unknown, not off."""
        row: dict[str, object] = {
            "kind": "MVNO",
            "account": line.msisdn,
            "state": line.state,
            "startDate": f"{line.started_on:%Y%m%d}",
            "relationCode": f"REL{line.number:08d}",
            "planCode": line.plan.plan_code,
            "iccid": line.iccid,
            "imsi": line.imsi,
            "contractLine": line.contract_line,
            "size": line.size,
            "sms": _flag(line.sms),
            "talk": _flag(line.talk),
            "quota": str(line.remaining_kb),
        }
        if line.eid:
            row["eid"] = line.eid
        options = {"voicemail": line.voicemail, "callwaiting": line.callwaiting, "worldwing": line.worldwing}
        row |= {name: _flag(value) for name, value in options.items() if value is not None}
        if line.state == "waiting":
            row["async"] = {"func": "regist", "date": f"{line.started_on:%Y%m%d}"}
        changes = self._changes(line.msisdn)
        return row | {name: value for name, value in changes.items() if name not in {"traffic", "usage"}}

    def traffic(self, line: Line) -> dict[str, object]:
        """PA05-01's `traffic`: KB as strings, yesterday first; quiet lines have an empty list."""
        today, changes = self.today(), self._changes(line.msisdn)
        used = [self.used_kb(line, today - timedelta(days=back)) for back in range(1, self._days(line) + 1)]
        injected = changes.get("traffic")
        traffic: dict[str, object] = {
            "today": str(self.used_kb(line, today)),
            "inRecentDays": ",".join(map(str, used)),
            "blackList": _flag(not line.remaining_kb),
        }
        return traffic | injected if isinstance(injected, dict) else traffic

    def used_kb(self, line: Line, day: date) -> int:
        """What the line used on a day, KB; what was injected through /_emu/ counts on top."""
        injected = self._changes(line.msisdn).get("usage")
        extra = int(injected.get(day.isoformat(), 0)) if isinstance(injected, dict) else 0
        if line.state != "active":
            return extra
        bits = mixed(self.world.seed, 30 + line.number, day.toordinal())
        return bits % max(line.plan.quota_kb // 20, 1) + extra

    def _days(self, line: Line) -> int:
        """How many past days are known: none for lines that never opened, fewer for some."""
        return 0 if line.state == "waiting" else _DAYS - (line.number % 4)

    def quotas(self, line: Line, start: date, end: date) -> list[dict[str, str]]:
        """PA05-02's history, newest first: at most one addition a month, by chance."""
        today = self.today()
        rows = []
        for back in range(6):
            month = (today.replace(day=1) - timedelta(days=28 * back)).replace(day=1)
            bits = mixed(self.world.seed, 31, line.number * 100_000 + month.toordinal() // 28)
            added = month + timedelta(days=bits % 28)
            if bits % 3 == 0 and start <= added <= min(end, today):
                rows.append(
                    {
                        "quota": str((bits >> 8) % 5 * 1_000_000 + 1_000_000),
                        "date": f"{added:%Y%m%d}",
                        "expire": f"{added + timedelta(days=90):%Y%m%d}" if bits & 8 else "",
                        "quotaCode": f"TOPUP-{bits % 10**8:08d}",
                    }
                )
        return sorted(rows, key=lambda row: row["date"], reverse=True)

    def _changes(self, msisdn: str) -> dict[str, object]:
        change = self.state.overlay.get("freebit", "line", msisdn)
        return dict(change.fields) if change else {}


def _flag(value: bool) -> str:
    return "10" if value else "20"
