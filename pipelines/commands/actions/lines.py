"""What commands that change a SIM line share: the line, what the network says of it, its turn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.commands.saga import LaterError, RefusalError, Result, Wish, Work
from pipelines.sources.freebit import assumptions


@dataclass(frozen=True)
class Line:
    """A line: its number, digits only, and its service's id at WHMCS."""

    account: str
    service: str
    eid: str | None
    opportunity: str | None


def line_of(work: Work[Any]) -> Line:
    """The line that the command changes.

    Raises:
        RefusalError: it is gone, or has no number.
    """
    row = work.row("commands/line", id=work.command.subject_id)
    if row is None or not row["msisdn"]:
        raise RefusalError("SIM_ACCOUNT_NOT_FOUND", "The line has no phone number.")
    return Line(row["msisdn"], row["service"], row["eid"], row["opportunity_id"])


def details(work: Work[Any], account: str) -> Mapping[str, Any]:
    """What the network says of a line just now (PA03-02)."""
    rows = work.clients.freebit.account_detail(account).get("responseDatas") or [{}]
    found: Mapping[str, Any] = rows[0]
    return found


def pending(said: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The change that the network is at, or will make: what and on which day (YYYYMMDD)."""
    waiting = said.get("async") or {}
    return waiting.get("func"), waiting.get("date")


def today_there(work: Work[Any]) -> str:
    """The network's day, as its dates are written."""
    return datetime.now(work.clients.freebit_settings.vocabulary.zone).strftime(assumptions.DATE)


def wait_for_turn(work: Work[Any]) -> Result | None:
    """Changes of one line keep their distance: what comes too soon waits, it does not fail.

    Raises:
        LaterError: the last change is too recent.
        RefusalError: the line is going to end, and a change would undo that.
    """
    last = work.row("commands/last_line_change", line=work.command.subject_id, command=work.command.id)
    left = work.clients.freebit_settings.change_spacing_seconds - last["seconds"] if last else 0.0
    if left > 0:
        raise LaterError(left, "Changes of a line need half an hour between them.")
    if pending(details(work, line_of(work).account))[0] == assumptions.CANCEL_PENDING:
        raise RefusalError("ALREADY_ENDING", "The line is going to end.")
    return None


def line_affected(work: Work[Any]) -> Iterator[Wish]:
    row = work.row("commands/line", id=work.command.subject_id)
    if row is not None:
        yield Wish("freebit.line_details", record=row["service"])
