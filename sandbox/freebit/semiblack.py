"""Semi-black SIMs, whose line is written but not open: PA05-18 queues one, PA05-19 opens it, PA05-20 gives it back."""

from collections.abc import Callable

from sandbox.freebit.activation import Activation
from sandbox.freebit.errors import FreebitError
from sandbox.freebit.lines import Lines
from sandbox.freebit.plans import ALLOWANCE_KB, has_voice, plan_of
from sandbox.freebit.requests import (
    OK,
    PHONE,
    PRODUCT_NUMBER,
    RESERVATION,
    Asked,
    account_of,
    flag,
    inner,
    matching,
    one_of,
    require,
)

_SEMI_BLACK, _OTA = "10", "20"  # mnp.method
_CANCELLED = "60"
_STATES = ("50", _CANCELLED, "70")  # returned, cancelled, lost


class SemiBlack:
    """The three APIs. What is queued is kept in the overlay (object "sim") by its product number."""

    def __init__(self, lines: Lines, activation: Activation) -> None:
        self.lines = lines
        self._activation = activation

    def apis(self) -> dict[str, Callable[[Asked], Asked]]:
        return {
            "mvno/semiblack/addTempAcnt/": self.queue,
            "mvno/semiblack/addAcnt/": self.open,
            "mvno/semiblack/changeState/": self.change_state,
        }

    def queue(self, asked: Asked) -> Asked:
        method, product = self._method(asked), self._product(asked)
        needed = "tempAccount" if method == _OTA and not asked.get("account") else "account"
        require(asked, needed)
        account = matching(asked, needed, PHONE)
        overwrites = flag(asked, "overwriteFlag")
        queued = self._queued(product)
        if queued is not None and not (overwrites and queued["state"] == _CANCELLED):
            raise FreebitError("400-211", product)
        self._activation.check_free(account)
        self._put(product, account=account, state="")
        self.lines.note("sim_queued", account, product)
        return OK

    def open(self, asked: Asked) -> Asked:
        """At once, unlike every other way to open a line."""
        product = self._product(asked)
        require(asked, "account", "planCode")
        account, plan = account_of(asked), plan_of(asked)
        flag(asked, "aladinOperated")
        queued = self._queued(product)
        if queued is None or queued["account"] != account or queued["state"]:
            raise FreebitError("400-210", product)
        self._activation.check_free(account)
        talk = "10" if has_voice(plan) else "20"
        sim: dict[str, object] = {"planCode": plan, "quota": str(ALLOWANCE_KB[plan]), "size": "nano"}
        started = f"{self.lines.timing.today():%Y%m%d}"
        self.lines.put(account, state="active", startDate=started, talk=talk, sms=talk, **sim)
        self._put(product, state="open")
        self.lines.note("sim_activation", account, product, plan=plan)
        return OK

    def change_state(self, asked: Asked) -> Asked:
        product = self._product(asked)
        require(asked, "mnp", "state")
        if self._method(asked) != _OTA:
            require(asked, "account")
        number = inner(asked, "mnp").get("reserveNumber")
        if number and not RESERVATION.fullmatch(str(number)):
            raise FreebitError("400-270", "reserveNumber")
        state = one_of(asked, "state", _STATES)
        queued = self._queued(product)
        if queued is None:
            raise FreebitError("400-210", product)
        if queued["state"] == "open":
            raise FreebitError("400-211", product)
        self._put(product, state=state)
        self.lines.note("sim_state", queued["account"], product, state=state)
        return OK

    @staticmethod
    def _method(asked: Asked) -> str:
        return one_of(inner(asked, "mnp"), "method", (_SEMI_BLACK, _OTA), _SEMI_BLACK)

    @staticmethod
    def _product(asked: Asked) -> str:
        require(asked, "productNumber")
        return matching(asked, "productNumber", PRODUCT_NUMBER)

    def _queued(self, product: str) -> dict[str, str] | None:
        change = self.lines.state.overlay.get("freebit", "sim", product)
        return None if change is None else {name: str(value) for name, value in change.fields.items()}

    def _put(self, product: str, **fields: object) -> None:
        self.lines.state.overlay.put("freebit", "sim", product, fields)
