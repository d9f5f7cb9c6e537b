"""What Freebit says of a line today: details, traffic, quota history. Flags are "10"/"20", numbers are strings.

Changes live in the overlay (system "freebit", object "line", id the number) under the names of the details; names that
begin with "_" are the emulator's own: `_jobs` that are yet to be done, `_quotas` that were added, …
"""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, cast

from sandbox.freebit.errors import FreebitError
from sandbox.freebit.plans import ALLOWANCE_KB
from sandbox.freebit.timing import ZONE, Timing
from sandbox.state import State
from sandbox.world import Line, Product, World
from sandbox.world.catalogue import PLANS
from sandbox.world.mixing import mixed

_DAYS = 30
_APART = ("traffic", "usage")  # what may be changed of a line that its details do not tell


class Job(NamedTuple):
    """Something accepted that takes effect at `due` (UTC). `locks`: meanwhile other requests are refused."""

    func: str  # regist, cancel, change
    due: datetime
    fields: dict[str, object]
    locks: bool
    notice: dict[str, str] | None = None  # a row of the file that tells of its completion


class Lines:
    """Lines by phone number, as they are now: jobs that are due are done before anybody looks."""

    def __init__(self, world: World, state: State, timing: Timing) -> None:
        self.world = world
        self.state = state
        self.timing = timing

    def today(self) -> date:
        return self.timing.today()

    def find(self, account: str) -> Line:
        """The line with this number.

        Raises:
            FreebitError: there is none.
        """
        self._settle(account)
        change = self.state.overlay.get("freebit", "line", account)
        line = self.world.line_by_phone(account)
        if change is not None and change.deleted:
            line = None
        elif change is not None:
            line = _current(line or _blank(account), change.fields) if line or "state" in change.fields else None
        if line is None:
            raise FreebitError("400-210", account)
        return line

    def is_known(self, account: str) -> bool:
        try:
            self.find(account)
        except FreebitError:
            return False
        return True

    def put(self, account: str, **fields: object) -> None:
        self.state.overlay.put("freebit", "line", account, fields)

    def note(self, kind: str, account: str, marker: str | None = None, **detail: object) -> None:
        """Write an effect into the ledger; its id is the account, as Freebit numbers nothing."""
        self.state.ledger.add("freebit", kind, account, marker, **detail)

    # -- jobs --------------------------------------------------------------------------------------------------------

    def jobs(self, account: str) -> list[Job]:
        return list(cast(list[Job], self.changes(account).get("_jobs", [])))

    def schedule(self, account: str, job: Job, *, instead_of: str = "", **fields: Any) -> None:
        """Have the job done when it is due; it takes the place of waiting ones of the kind `instead_of`."""
        kept = [waiting for waiting in self.jobs(account) if waiting.func != instead_of]
        self.put(account, _jobs=[*kept, job], **fields)

    def drop(self, account: str, func: str) -> None:
        """Forget what waits to be done of this kind."""
        kept = [waiting for waiting in self.jobs(account) if waiting.func != func]
        if len(kept) != len(self.jobs(account)):
            self.put(account, _jobs=kept)

    def _settle(self, account: str) -> None:
        due = [job for job in self.jobs(account) if job.due <= self.timing.now()]
        if not due:
            return
        kept = [job for job in self.jobs(account) if job not in due]
        fields: dict[str, object] = {}
        for job in sorted(due, key=lambda job: job.due):
            fields |= job.fields
            if job.notice is not None:
                self._announce(job)
        self.put(account, **fields, _jobs=kept)

    def _announce(self, job: Job) -> None:
        number = len(self.state.overlay.changed("freebit", "completion")) + 1
        done_at = f"{job.due.astimezone(ZONE):%Y%m%d%H%M%S}"
        self.state.overlay.put("freebit", "completion", str(number), {**(job.notice or {}), "completedAt": done_at})

    def completions(self) -> list[dict[str, object]]:
        """Rows of the completion files so far."""
        for account in list(self.state.overlay.changed("freebit", "line")):
            self._settle(account)
        return [change.fields for change in self.state.overlay.changed("freebit", "completion").values()]

    # -- answers ----------------------------------------------------------------------------------------------------

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
        row |= self._pending(line)
        changes = {n: v for n, v in self.changes(line.msisdn).items() if n not in _APART and not n.startswith("_")}
        return {name: value for name, value in (row | changes).items() if value is not None}

    def _pending(self, line: Line) -> dict[str, object]:
        jobs = self.jobs(line.msisdn)
        if jobs:
            return {"async": {"func": jobs[0].func, "date": f"{jobs[0].due.astimezone(ZONE):%Y%m%d}"}}
        if line.state == "waiting":
            return {"async": {"func": "regist", "date": f"{line.started_on:%Y%m%d}"}}
        return {}

    def traffic(self, line: Line) -> dict[str, object]:
        """PA05-01's `traffic`: KB as strings, yesterday first; quiet lines have an empty list."""
        today, changes = self.today(), self.changes(line.msisdn)
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
        injected = self.changes(line.msisdn).get("usage")
        extra = int(injected.get(day.isoformat(), 0)) if isinstance(injected, dict) else 0
        if line.state != "active":
            return extra
        bits = mixed(self.world.seed, 30 + line.number, day.toordinal())
        return bits % max(line.plan.quota_kb // 20, 1) + extra

    def _days(self, line: Line) -> int:
        """How many past days are known: none for lines that never opened, fewer for some and for new ones."""
        age = (self.today() - line.started_on).days
        return 0 if line.state == "waiting" else max(0, min(age, _DAYS - (line.number % 4)))

    def quotas(self, line: Line, start: date, end: date) -> list[dict[str, str]]:
        """PA05-02's history, newest first: what was added here, and at most one addition a month by chance."""
        rows = cast(list[dict[str, str]], self.changes(line.msisdn).get("_quotas", []))
        added = [row for row in reversed(rows) if f"{start:%Y%m%d}" <= row["date"] <= f"{end:%Y%m%d}"]
        # Of one day, the one that was added last comes first.
        return sorted(added + self._old_quotas(line, start, end), key=lambda row: row["date"], reverse=True)

    def _old_quotas(self, line: Line, start: date, end: date) -> list[dict[str, str]]:
        today = self.today()
        rows = []
        for back in range(6):
            month = (today.replace(day=1) - timedelta(days=28 * back)).replace(day=1)
            bits = mixed(self.world.seed, 31, line.number * 100_000 + month.toordinal() // 28)
            added = month + timedelta(days=bits % 28)
            if bits % 3 == 0 and max(start, line.started_on) <= added <= min(end, today):
                rows.append(
                    {
                        "quota": str((bits >> 8) % 5 * 1_000_000 + 1_000_000),
                        "date": f"{added:%Y%m%d}",
                        "expire": f"{added + timedelta(days=90):%Y%m%d}" if bits & 8 else "",
                        "quotaCode": f"TOPUP-{bits % 10**8:08d}",
                    }
                )
        return rows

    def changes(self, msisdn: str) -> dict[str, object]:
        change = self.state.overlay.get("freebit", "line", msisdn)
        return dict(change.fields) if change else {}


def _flag(value: bool) -> str:
    return "10" if value else "20"


def _current(line: Line, fields: dict[str, object]) -> Line:
    """The line with those changes that more than its details depend on."""
    plan = line.plan
    if "planCode" in fields:
        code = cast("str | None", fields["planCode"])
        plan = plan._replace(plan_code=code, quota_kb=ALLOWANCE_KB.get(code or "", plan.quota_kb if code else 0))
    return line._replace(
        plan=plan,
        state=str(fields.get("state", line.state)),
        size=str(fields.get("size", line.size)),
        eid=cast("str | None", fields.get("eid", line.eid)),
        iccid=str(fields.get("iccid", line.iccid)),
        contract_line=str(fields.get("contractLine", line.contract_line)),
        talk=fields.get("talk", _flag(line.talk)) == "10",
        sms=fields.get("sms", _flag(line.sms)) == "10",
        remaining_kb=_kilobytes(fields.get("quota"), line.remaining_kb),
        started_on=_day(fields.get("startDate"), line.started_on),
    )


def _kilobytes(value: object, default: int) -> int:
    """What a detail says, which may have been made nonsense on purpose."""
    try:
        return int(float(str(value)))
    except ValueError:
        return default


def _day(value: object, default: date) -> date:
    try:
        return datetime.strptime(str(value), "%Y%m%d").date()  # noqa: DTZ007 - a bare date
    except ValueError:
        return default


def _blank(account: str) -> Line:
    """A line that the world lacks, before what its creator says of it."""
    plan: Product = PLANS["SIM"][0]._replace(plan_code=None, quota_kb=0)
    return Line(
        number=int(account) % 10**8,
        msisdn=account,
        state="waiting",
        started_on=date(2026, 1, 1),
        plan=plan,
        iccid=f"8981{int(account):015d}",
        imsi=f"44010{int(account) % 10**10:010d}",
        eid=None,
        size="nano",
        contract_line="4G",
        sms=True,
        talk=True,
        voicemail=None,
        callwaiting=None,
        worldwing=None,
        remaining_kb=0,
        in_freebit=True,
    )
