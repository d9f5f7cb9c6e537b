"""What is done to a line in service: quota, plan, voice options, 4G/5G, cancellation. Nothing here is idempotent."""

import re
from collections.abc import Callable
from datetime import date

from sandbox.freebit.errors import FreebitError
from sandbox.freebit.lines import Job, Lines
from sandbox.freebit.plans import ALLOWANCE_KB, plan_of
from sandbox.freebit.requests import (
    ACCOUNT,
    OK,
    PRODUCT_NUMBER,
    YES,
    Asked,
    account_of,
    day,
    flag,
    inner,
    matching,
    one_of,
    require,
)
from sandbox.world import Line

_MEGABYTES = re.compile(r"\d{1,6}")
_MOST_MEGABYTES = 512_000
_LONGEST_CODE = 512
# The documents' items of talkOption and where the details show them; nothing shows those of "_".
_OPTIONS = {
    "voiceMail": "voicemail",
    "callWaiting": "callwaiting",
    "worldWing": "worldwing",
    "callTransfer": "_callTransfer",
    "worldCall": "_worldCall",
}
_OFF_WHEN_ABSENT = ("voiceMail", "callWaiting", "callTransfer")
_LIMITS = ("worldWingCreditLimit", "worldCallCreditLimit")


class Changes:
    """The APIs that change lines."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.timing = lines.timing

    def apis(self) -> dict[str, Callable[[Asked], Asked]]:
        return {
            "master/addSpec/": self.add_quota,
            "master/cnclAcnt/": self.cancel,
            "mvno/changePlan/": self.change_plan,
            "mvno/talkoption/addOrder/": self.register_voice,
            "mvno/talkoption/changeOrder/": self.change_voice,
            "mvno/contractline/change/": self.change_line,
        }

    # -- PA04-04 -----------------------------------------------------------------------------------------------------

    def add_quota(self, asked: Asked) -> Asked:
        """Every accepted call adds: `quotaCode` only tells later which ones were."""
        require(asked, "kind", "account", "quota")
        one_of(asked, "kind", ("MVNO",))
        account = account_of(asked, ACCOUNT)
        megabytes, code = _megabytes(asked), str(asked.get("quotaCode") or "")
        if len(code) > _LONGEST_CODE:
            raise FreebitError("400-202", "quotaCode")
        expire = f"{day(asked, 'expire'):%Y%m%d}" if asked.get("expire") else ""
        line = self.in_service(account)
        kilobytes = megabytes * 1000
        row = {"quota": str(kilobytes), "date": f"{self.timing.today():%Y%m%d}", "expire": expire, "quotaCode": code}
        earlier = self.lines.changes(account).get("_quotas", [])
        self.lines.put(account, quota=str(line.remaining_kb + kilobytes), _quotas=[*earlier, row])  # type: ignore[misc]
        self.lines.note("quota", account, code, megabytes=megabytes)
        return OK

    # -- PA02-04 -----------------------------------------------------------------------------------------------------

    def cancel(self, asked: Asked) -> Asked:
        """At once or on a day; a second call moves the day."""
        require(asked, "kind", "account")
        one_of(asked, "kind", ("MVNO",))
        account = account_of(asked)
        on = day(asked, "runDate", "%Y%m%d", "%Y/%m/%d", "%Y-%m-%d") if asked.get("runDate") else None
        self._check_future(on, "runDate")
        if self.lines.find(account).state == "obsolete":
            raise FreebitError("400-212", account)
        due = self.timing.from_day(on) + self.timing.opening
        self.lines.schedule(account, Job("cancel", due, {"state": "obsolete"}, locks=False), instead_of="cancel")
        self.lines.note("cancel", account, run_date=None if on is None else on.isoformat())
        return OK

    # -- PA05-21 -----------------------------------------------------------------------------------------------------

    def change_plan(self, asked: Asked) -> Asked:
        """At once, with the new plan's whole allowance, or from a day on; a newer request replaces one that waits."""
        require(asked, "account", "planCode")
        account, code = account_of(asked), plan_of(asked)
        on = day(asked, "runTime") if asked.get("runTime") else None
        self._check_future(on, "runTime")
        line = self.changeable(account)
        if line.plan.plan_code is None:
            raise FreebitError("400-220", account)
        if code == line.plan.plan_code:
            raise FreebitError("400-202", "planCode")
        self._check_spacing(account)
        self._begin(account)
        fields: dict[str, object] = {"planCode": code, "quota": str(ALLOWANCE_KB[code])}
        if on is None:
            self.lines.drop(account, "change")
            self.lines.put(account, **fields)
        else:
            job = Job("change", self.timing.from_day(on), fields, locks=False)
            self.lines.schedule(account, job, instead_of="change")
        self.lines.note("plan_change", account, plan=code, run_time=None if on is None else on.isoformat())
        return OK

    # -- PA05-05, PA05-06 --------------------------------------------------------------------------------------------

    def register_voice(self, asked: Asked) -> Asked:
        """Options that are not named are off."""
        account = self._confirmed(asked)
        options = self._options(asked)
        identity = _identity(asked)
        line = self._voice_line(account)
        absent = {_OPTIONS[name]: "20" for name in _OFF_WHEN_ABSENT}
        self._change_voice(line, {**absent, **options}, "voice_registration", **identity)
        return OK

    def change_voice(self, asked: Asked) -> Asked:
        """Options that are not named stay as they are."""
        account = self._confirmed(asked)
        if "talkOption" not in asked:
            raise FreebitError("400-201", "talkOption")
        options = self._options(asked)
        if not options:
            raise FreebitError("400-241", "talkOption")
        line = self._voice_line(account)
        self._check_spacing(account)
        self._begin(account)
        self._change_voice(line, options, "voice_change")
        return OK

    @staticmethod
    def _confirmed(asked: Asked) -> str:
        require(asked, "account", "userConfirmed")
        if asked["userConfirmed"] != YES:
            raise FreebitError("400-240", "userConfirmed")
        flag(asked, "aladinOperated")
        return account_of(asked)

    @staticmethod
    def _options(asked: Asked) -> dict[str, str]:
        given = inner(asked, "talkOption")
        for name in _LIMITS:
            if given.get(name) and not str(given[name]).isdecimal():
                raise FreebitError("400-202", name)
        return {_OPTIONS[name]: one_of(given, name, ("10", "20")) for name in _OPTIONS if name in given}

    def _voice_line(self, account: str) -> Line:
        line = self.changeable(account)
        if not line.talk:
            raise FreebitError("400-356", account)
        return line

    def _change_voice(self, line: Line, options: dict[str, str], kind: str, **more: object) -> None:
        job = Job("change", self.timing.now() + self.timing.changing, dict(options), locks=True)
        self.lines.schedule(line.msisdn, job)
        self.lines.note(kind, line.msisdn, **options, **more)

    # -- PA05-38 -----------------------------------------------------------------------------------------------------

    def change_line(self, asked: Asked) -> Asked:
        require(asked, "account", "contractLine")
        account, generation = account_of(asked), one_of(asked, "contractLine", ("4G", "5G"))
        if asked.get("productNumber"):
            matching(asked, "productNumber", PRODUCT_NUMBER)
        self.changeable(account)
        self._check_spacing(account)
        self._begin(account)
        due = self.timing.now() + self.timing.changing
        self.lines.schedule(account, Job("change", due, {"contractLine": generation}, locks=True))
        self.lines.note("line_change", account, line=generation)
        return OK

    # -- what they share ---------------------------------------------------------------------------------------------

    def in_service(self, account: str) -> Line:
        """The line. Raises FreebitError: 400-210 unless there is one, 400-212 unless it is open."""
        line = self.lines.find(account)
        if line.state != "active":
            raise FreebitError("400-212", account)
        return line

    def changeable(self, account: str) -> Line:
        """The line in service. Raises FreebitError: 400-230 while an earlier request is being worked on."""
        self.lines.find(account)
        if any(job.locks for job in self.lines.jobs(account)):
            raise FreebitError("400-230", account)
        return self.in_service(account)

    def _check_spacing(self, account: str) -> None:
        last = self.lines.changes(account).get("_changed_at")
        if last is not None and self.timing.now() < last + self.timing.spacing:  # type: ignore[operator]
            raise FreebitError("400-231", account)

    def _begin(self, account: str) -> None:
        """A change was accepted: the next must keep its distance, and a cancellation that waits is lost."""
        self.lines.drop(account, "cancel")
        self.lines.put(account, _changed_at=self.timing.now())

    def _check_future(self, on: date | None, name: str) -> None:
        if on is not None and on < self.timing.today():
            raise FreebitError("400-202", name)


def _megabytes(asked: Asked) -> int:
    text = str(asked["quota"])
    if not _MEGABYTES.fullmatch(text) or not 1 <= int(text) <= _MOST_MEGABYTES:
        raise FreebitError("400-250", "quota")
    return int(text)


def _identity(asked: Asked) -> dict[str, object]:
    """Who the line is for, if that is said: then all of it."""
    block = inner(asked, "identificationData")
    if block:
        require(block, "lastnameKanji", "firstnameKanji", "lastnameZenKana", "firstnameZenKana", "gender", "birthday")
        one_of(block, "gender", ("M", "W", "C"))
        day(block, "birthday")
    return {"identity": dict(block)} if block else {}
