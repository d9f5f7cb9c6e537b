"""How lines come to be: PA02-01 registration, PA05-41 eSIM, PA05-33 OTA, PA05-42 the older reissue."""

from collections.abc import Callable
from datetime import date

from sandbox.freebit.changes import Changes
from sandbox.freebit.errors import FreebitError
from sandbox.freebit.lines import Job, Lines
from sandbox.freebit.plans import ALLOWANCE_KB, has_voice, plan_of
from sandbox.freebit.requests import (
    EID,
    OK,
    PHONE,
    PRODUCT_NUMBER,
    RESERVATION,
    Asked,
    account_of,
    day,
    flag,
    inner,
    matching,
    one_of,
    only_item,
    require,
)
from sandbox.world.mixing import mixed
from sandbox.world.world import phone_of, sim_of_phone

_SIM_KINDS = {"E0": ("10", "10"), "E2": ("20", "20"), "E3": ("20", "10")}  # (talk, sms)
_NUMBERS = 10**8
_SERVER = "smdp.example"


class Activation:
    """The APIs that open lines and give them new profiles."""

    def __init__(self, lines: Lines, changes: Changes) -> None:
        self.lines = lines
        self.timing = lines.timing
        self._changes = changes

    def apis(self) -> dict[str, Callable[[Asked], Asked]]:
        return {
            "master/addAcnt/": self.register,
            "mvno/esim/addAcnt/": self.esim,
            "mvno/ota/addAcnt/": self.ota,
            "mvno/esim/reissueProfile/": self.reissue_profile,
        }

    # -- PA02-01 -----------------------------------------------------------------------------------------------------

    def register(self, asked: Asked) -> Asked:
        require(asked, "createType")
        item = only_item(asked)
        require(item, "kind", "account", "planCode")
        if one_of(asked, "createType", ("new", "add")) == "add":
            raise FreebitError("400-202", "createType")  # needs the user-management service, which nobody has here
        one_of(item, "kind", ("MVNO",))
        account, plan = account_of(item), plan_of(item)
        start = self._start(asked)
        self.check_free(account)
        relation = str(asked.get("relationCode") or "")
        talk = "10" if has_voice(plan) else "20"
        self.open(
            account,
            start,
            planCode=plan,
            quota=str(ALLOWANCE_KB[plan]),
            relationCode=relation or None,
            size="nano",
            talk=talk,
            sms=talk,
        )
        self.lines.note("line", account, relation, plan=plan, start=None if start is None else start.isoformat())
        return {**OK, "responseDatas": [{"kind": "MVNO", "account": account, "resultCode": "100"}]}

    def _start(self, asked: Asked) -> date | None:
        start = day(asked, "startDate") if asked.get("startDate") else None
        if start is not None and start < self.timing.today():
            raise FreebitError("400-202", "startDate")
        return start

    def check_free(self, account: str) -> None:
        if self.lines.is_known(account):
            raise FreebitError("400-211", account)

    def open(self, account: str, start: date | None, notice: dict[str, str] | None = None, **fields: object) -> None:
        """A line that waits until it is opened."""
        begins = self.timing.from_day(start)
        job = Job("regist", begins + self.timing.opening, {"state": "active"}, locks=True, notice=notice)
        started = f"{start or self.timing.today():%Y%m%d}"
        self.lines.schedule(account, job, state="waiting", startDate=started, **fields)

    # -- PA05-41, PA05-33 --------------------------------------------------------------------------------------------

    def esim(self, asked: Asked) -> Asked:
        return self._activated(asked, "esim")

    def ota(self, asked: Asked) -> Asked:
        """As an eSIM, but for a card with a product number."""
        return self._activated(asked, "ota")

    def _activated(self, asked: Asked, medium: str) -> Asked:
        carrier_done, kind = self._pattern(asked, medium)
        serial = self._serial(asked, medium)
        if kind == "R":
            self._reissue(account_of(asked), serial, medium, inner(asked, "reissue"))
            return OK
        assigned = kind == "N" and not carrier_done
        account = self._next_number() if assigned else account_of(asked)
        talk, sms = _SIM_KINDS[one_of(asked, "simKind", tuple(_SIM_KINDS))]
        generation = one_of(asked, "contractLine", ("4G", "5G"), "4G")
        plan = plan_of(asked) if asked.get("planCode") else None
        if kind == "M":
            self._check_reservation(inner(asked, "mnp"))
        self.check_free(account)
        self._check_serial(serial, medium, account)
        quota = str(ALLOWANCE_KB[plan]) if plan else "0"
        sim = self._profile(serial, medium, account)
        notice = self._notice(account, sim, kind, medium)
        self.open(account, None, notice, planCode=plan, quota=quota, talk=talk, sms=sms, contractLine=generation, **sim)
        self.lines.note(f"{medium}_{'mnp' if kind == 'M' else 'activation'}", account, serial, plan=plan)
        return OK

    @staticmethod
    def _pattern(asked: Asked, medium: str) -> tuple[bool, str]:
        """(whether the carrier's side is done already, addKind) of a pattern that the documents allow."""
        require(asked, "addKind")
        kind = one_of(asked, "addKind", ("N", "M", "R"))
        done = flag(asked, "aladinOperated")
        needed = ["eid" if medium == "esim" else "productNumber"]
        needed += [] if kind == "N" and not done else ["account"]
        needed += [] if kind == "R" else ["simKind"]
        require(asked, *needed, *(["mnp"] if kind == "M" else []))
        if done and (kind == "R" or (medium == "esim" and kind != "N")):
            raise FreebitError("400-356", "aladinOperated")
        return done, kind

    @staticmethod
    def _serial(asked: Asked, medium: str) -> str:
        if medium == "esim":
            return matching(asked, "eid", EID, "400-260")
        return matching(asked, "productNumber", PRODUCT_NUMBER)

    def _check_serial(self, serial: str, medium: str, account: str) -> None:
        """Raises FreebitError: 400-260 when another account that is not cancelled has this EID."""
        known = self.lines.state.overlay.changed("freebit", "line") if medium == "esim" else {}
        for other, change in known.items():
            taken = change.fields.get("eid") == serial and change.fields.get("state") != "obsolete"
            if taken and other != account and not change.deleted:
                raise FreebitError("400-260", "eid")

    def _check_reservation(self, mnp: Asked) -> None:
        if not RESERVATION.fullmatch(str(mnp.get("reserveNumber", ""))):
            raise FreebitError("400-270", "reserveNumber")
        if not mnp.get("reserveExpireDate") or day(mnp, "reserveExpireDate") < self.timing.today():
            raise FreebitError("400-270", "reserveExpireDate")
        require(mnp, "lastnameKanji", "firstnameKanji", "lastnameZenKana", "firstnameZenKana", "gender", "birthday")
        one_of(mnp, "gender", ("M", "W", "C"))
        day(mnp, "birthday")

    def _next_number(self) -> str:
        """A number for a new line: from the far end of the numbers that the world counts up."""
        at = _NUMBERS - 1 - len(self.lines.state.overlay.changed("freebit", "line"))
        while self.lines.is_known(phone_of(at)):
            at -= 1
        return phone_of(at)

    def _profile(self, serial: str, medium: str, account: str) -> dict[str, object]:
        number = sim_of_phone(account) or int(account)
        bits = mixed(self.lines.world.seed, 42 + number, len(self.lines.state.ledger))
        sim: dict[str, object] = {"iccid": f"8981{bits % 10**15:015d}"}
        return {**sim, "eid": serial, "size": "esim"} if medium == "esim" else {**sim, "size": "nano"}

    @staticmethod
    def _notice(account: str, sim: dict[str, object], kind: str, medium: str) -> dict[str, str]:
        code = f"LPA:1${_SERVER}${sim['iccid']}" if medium == "esim" else ""
        serials = {"eid": str(sim.get("eid", "")), "iccid": str(sim["iccid"])}
        return {
            "medium": medium,
            "account": account,
            **serials,
            "addKind": kind,
            "result": "OK",
            "activationCode": code,
        }

    def _reissue(self, account: str, serial: str, medium: str, old: Asked) -> None:
        """Same number, same plan, another profile; the old one is void when it is done."""
        line = self.lines.find(account)
        if medium == "esim" and line.size != "esim":
            raise FreebitError("400-261", account)
        line = self._changes.changeable(account)
        if old.get("oldEid") and old["oldEid"] != line.eid:
            raise FreebitError("400-202", "oldEid")
        self._check_serial(serial, medium, account)
        sim = self._profile(serial, medium, account)
        due = self.timing.now() + self.timing.opening
        notice = self._notice(account, sim, "R", medium)
        self.lines.schedule(
            account, Job("change", due, {**sim, "state": "active"}, locks=True, notice=notice), state="waiting"
        )
        self.lines.note(f"{medium}_reissue", account, serial)

    # -- PA05-42 -----------------------------------------------------------------------------------------------------

    def reissue_profile(self, asked: Asked) -> Asked:
        """The older reissue: at once, for the same EID unless another one is named."""
        require(asked, "account")
        account = matching(asked, "account", PHONE)
        line = self.lines.find(account)
        if line.size != "esim":
            raise FreebitError("400-261", account)
        eid = matching(asked, "eid", EID, "400-260") if asked.get("eid") else line.eid or ""
        self._changes.changeable(account)
        self._check_serial(eid, "esim", account)
        self.lines.put(account, **self._profile(eid, "esim", account))
        self.lines.note("esim_reissue", account, eid)
        return OK
