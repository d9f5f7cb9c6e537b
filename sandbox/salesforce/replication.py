"""getUpdated and getDeleted (salesforce.md, section 2.6)."""

from datetime import UTC, datetime, timedelta

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.rows import instant

MOST_IDS = 600_000
_MINUTE = timedelta(minutes=1)


def updated(org: Org, kind: str, start: str | None, end: str | None) -> dict[str, object]:
    """Ids of the records written in the window, at most 30 days back."""
    low, high = _window(org, start, end, back=timedelta(days=30))
    rows = org.readable(kind).by_stamp(instant(low), instant(high))
    ids = [row["Id"] for row in rows if not row["IsDeleted"]]
    if len(ids) > MOST_IDS:
        raise SalesforceError(400, "EXCEEDED_ID_LIMIT", "Limit of 600,000 ids exceeded")
    return {"ids": ids, "latestDateCovered": instant(high)}


def deleted(org: Org, kind: str, start: str | None, end: str | None) -> dict[str, object]:
    """Records deleted in the window, at most 15 days back, purged ones too."""
    back = timedelta(days=15)
    low, high = _window(org, start, end, back=back)
    gone = org.readable(kind).deletions(instant(low), instant(high))
    records = [{"id": record_id, "deletedDate": stamp} for stamp, record_id in gone]
    return {
        "deletedRecords": records,
        "earliestDateAvailable": instant(org.clock.now() - back),
        "latestDateCovered": instant(high),
    }


def _window(org: Org, start: str | None, end: str | None, *, back: timedelta) -> tuple[datetime, datetime]:
    low, high, now = _minute(start), _minute(end), org.clock.now()
    if high - low <= _MINUTE:
        raise _invalid("start date must be more than one minute before end date")
    if low < now - back - _MINUTE:
        raise _invalid(f"start date is more than {back.days} days in the past")
    return low, min(high, now.replace(second=0, microsecond=0) + _MINUTE)


def _minute(text: str | None) -> datetime:
    try:
        moment = datetime.fromisoformat((text or "").replace(" ", "+"))
    except ValueError as error:
        raise _invalid(f"unreadable date: {text}") from error
    if moment.tzinfo is None:
        raise _invalid("a date needs a time zone")
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def _invalid(problem: str) -> SalesforceError:
    return SalesforceError(400, "INVALID_REPLICATION_DATE", problem)
