"""What commands that change a SIM line share: the line, what the network says of it, the time between its changes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.clock import now_in
from core.errors import UnavailableError
from pipelines.commands.saga import Done, LaterError, RefreshRequest, RefusalError, Work
from pipelines.sources.freebit import assumptions


@dataclass(frozen=True)
class Line:
    """A line: its service's id at WHMCS, and the opportunity of that service."""

    service: str
    opportunity: str | None


def line_of(work: Work[Any]) -> Line:
    """The line that the command changes.

    Raises:
        RefusalError: it is gone, or another customer's by now.
    """
    row = _row(work)
    return Line(row["service"], row["opportunity_id"])


def number_of(work: Work[Any]) -> str:
    """The number under which the network knows the line, digits only: asked for anew before every call there.

    What was accepted was accepted of a line that may have ended since, or whose number was given out again.

    Raises:
        RefusalError: the line is gone, another customer's by now, or closed; or the number may be another line's.
    """
    row = _row(work)
    if not row["msisdn"] or not row["is_open"]:
        raise RefusalError("SIM_ACCOUNT_NOT_FOUND", "The line has no phone number.")
    if row["number_claim"] == "disputed":
        raise RefusalError("NUMBER_DISPUTED", "It is not certain whose number this is.")
    number: str = row["msisdn"]
    return number


def _row(work: Work[Any]) -> dict[str, Any]:
    row = work.row("actions/line", id=work.command.subject_id, account=work.command.account_id)
    if row is None:
        raise RefusalError("SIM_ACCOUNT_NOT_FOUND", "The line does not exist any more.")
    return row


def details(work: Work[Any], account: str) -> Mapping[str, Any]:
    """What the network says of a line just now (PA03-02).

    Raises:
        UnavailableError: the answer is about another line.
    """
    rows = work.clients.freebit.account_detail(account).get("responseDatas") or [{}]
    found: Mapping[str, Any] = rows[0]
    if str(found.get("account")) != account:
        raise UnavailableError("freebit", "the answer is about another line")
    return found


def pending(said: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The change that the network is at, or will make: what and on which day (YYYYMMDD)."""
    waiting = said.get("async") or {}
    return waiting.get("func"), waiting.get("date")


def today_there(work: Work[Any]) -> str:
    """The network's day, as its dates are written."""
    return now_in(work.clients.freebit_settings.vocabulary.zone).strftime(assumptions.DATE)


def wait_for_spacing(work: Work[Any]) -> Done | None:
    """Changes of one line keep their distance: what comes too soon waits, it does not fail.

    Raises:
        LaterError: the last change is too recent.
        RefusalError: the line is going to end, and a change would undo that.
    """
    last = work.row("actions/last_line_change", line=work.command.subject_id, command=work.command.id)
    left = work.clients.freebit_settings.change_spacing_seconds - last["seconds"] if last else 0.0
    if left > 0:
        raise LaterError(left, "Changes of a line need half an hour between them.")
    if pending(details(work, number_of(work)))[0] == assumptions.CANCEL_PENDING:
        raise RefusalError("ALREADY_ENDING", "The line is going to end.")
    return None


def line_affected(work: Work[Any]) -> Iterator[RefreshRequest]:
    row = work.row("actions/line", id=work.command.subject_id, account=work.command.account_id)
    if row is not None:
        yield RefreshRequest("freebit.line_details", record=row["service"])
