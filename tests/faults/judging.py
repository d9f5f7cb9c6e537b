"""The verdict on a seed that was played: what is wrong, what never came, what only the nightly heal mends.

Three judgements, apart. *Safety*: what the hub holds and shows, against the sandbox's own rows and words. *Liveness*:
everything came in the end without an operator, nothing ran hot, no memory grew. *Missed*: what the heal had to write
once all was quiet, but for what the hub leaves to it by a promise (LEFT_TO_THE_HEAL).
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any

from core.errors import BrakeError
from pipelines.datasets import datasets_of
from pipelines.events.service import POLLED
from pipelines.sources.connect import source_of
from pipelines.sync.dataset import Dataset, Source
from pipelines.sync.heal import heal
from pipelines.sync.reconcile import reconcile
from pipelines.sync.retry import retry
from pipelines.sync.run import run
from tests.faults.campaign import Play
from tests.faults.commands import wrongs
from tests.faults.coverage import ORDERS
from tests.faults.truth import claims, rows_of_invoices, shown_by_the_api

LEFT_TO_THE_HEAL = {
    # decisions/0009: WHMCS has no tombstones; "a WHMCS invoice that is deleted without a hook leaves the API with the
    # next nightly reconcile". Services have a hook, which may be lost, and their customer's client may go before them.
    "WHMCS deletion",
    # A client that goes has one hook for all that is his (PreDeleteClient), so the rest of it is found at night.
    "WHMCS client",
    # reference whmcs, hooks: nobody sends a webhook twice. What was deleted, or changed where no poll reads (invoices
    # closed longer than WHMCS_CLOSED_WINDOW_DAYS), and reported in a message that was lost, is found at night.
    "webhook lost",
    # decisions/0020: what a source cannot hand over stands in quarantine until it can be read again.
    "poisoned",
}
"""The faults that leave what they touched to the nightly heal, by documented promise. Nothing else may need it."""

WINDOW = 10.0
CALLS, REPEATS, SIZE, GROWTH = "calls to a source in ten seconds", "times the same call", "MiB of a process", "MiB more"
BOUNDS = {CALLS: 600, REPEATS: 40, SIZE: 600, GROWTH: 96}
"""More than that is a loop that runs hot, or memory that is not given back while all is quiet.

A poll asks for each thing once or twice a second. How near seeds come to it stands in docs/testing.md.
"""

TABLES = {
    "Account": ("customer_accounts", "name"), "client": ("customer_accounts", "name"),
    "Case": ("support_cases", "subject"), "invoice": ("invoices", "total"),
}  # fmt: skip
KINDS = {"invoices": "invoice", "subscriptions": "service", "sims": "service", "customer_accounts": "client"}
PARENTS = {"invoice_items": "invoice_id", "payments": "invoice_id", "sim_usage": "sim_id", "order_items": "order_id"}


def judged(play: Play) -> None:
    """Fill in the verdict; nothing of the hub runs meanwhile but its API."""
    play.stage.control("faults", {"mode": "none"})
    _orders(play)
    _parked(play)
    _hot(play)
    _grown(play)
    # What was poisoned can be read again, and an operator lets it be tried.
    play.stage.control("quirks", {"fatal": "", "unencodable": "", "salesforce.query_rows": "2000"})
    _a_day_passes(play)
    for system in POLLED:
        with _opened(system) as source:
            for dataset in datasets_of(system):
                retry(dataset, source, play.stage.database.sync)
            _heal(play, source, datasets_of(system))
    _missed(play)
    for system in POLLED:
        with _opened(system) as source:
            _compare(play, source, datasets_of(system))
    _doubled(play)
    _strays(play)
    _shown(play)
    _words(play)
    for what, text in wrongs(play):
        _wrong(play, what, [text])


def _wrong(play: Play, what: str, texts: list[str]) -> None:
    play.verdict.safety[what] += len(texts)
    play.verdict.found += [f"{what}: {each}" for each in texts]


# -- safety ----------------------------------------------------------------------------------------------------------


def _compare(play: Play, source: Source, datasets: tuple[Dataset, ...]) -> None:
    """Every data set with the sandbox's own answers."""
    for dataset in datasets:
        for drift in reconcile(dataset, source, play.stage.database.sync):
            play.verdict.safety["lost"] += drift.missing
            play.verdict.safety["resurrected"] += drift.extra
            play.verdict.safety["stale"] += drift.different
            if not drift.agrees:
                facts = f"{drift.missing} missing, {drift.extra} extra, {drift.different} different"
                play.found(f"{drift.dataset} {drift.table}: {facts}")


def _doubled(play: Play) -> None:
    """Inserted twice, and not deleted or brought back in between."""
    twice = play.ask(
        "SELECT entity, entity_id FROM sync.changes WHERE operation = 'insert' GROUP BY 1, 2 HAVING count(*) > 1"
    )
    _wrong(play, "doubled", [f"{entity} {entity_id} inserted twice" for entity, entity_id in twice])


def _strays(play: Play) -> None:
    """Parts that belong to another account than what they are part of."""
    strays = play.ask(
        "SELECT 'invoice item ' || i.source_id FROM hub.invoice_items i JOIN hub.invoices v ON v.id = i.invoice_id"
        " WHERE i.account_id <> v.account_id AND i.deleted_at IS NULL"
        " UNION ALL SELECT 'order item ' || i.source_id FROM hub.order_items i JOIN hub.orders o ON o.id = i.order_id"
        " WHERE i.account_id <> o.account_id AND i.deleted_at IS NULL"
    )
    _wrong(play, "foreign", [f"stray {text}" for (text,) in strays])


def _shown(play: Play) -> None:
    """What the API shows to whom."""
    shown = shown_by_the_api(play.stage)
    _wrong(play, "foreign", shown.foreign)
    _wrong(play, "lost", [f"not shown: {each}" for each in shown.lacking])
    _wrong(play, "doubled", [f"shown twice: {each}" for each in shown.twice])


def _words(play: Play) -> None:
    """Texts and amounts as they were written, and currencies as billing has them: judged without the hub's mappers."""
    for (kind, record), said in play.words.items():
        table, column = TABLES[kind]
        query = f"SELECT {column}::text FROM hub.{table} WHERE source_id = %s AND deleted_at IS NULL"  # noqa: S608 - our own words
        rows = play.ask(query, record)
        if rows and not _same(rows[0][0], said):
            _wrong(play, "altered", [f"{kind} {record}: {column}"])
    invoices = rows_of_invoices(play.stage)
    held = play.ask("SELECT source_id, total::text, currency FROM hub.invoices WHERE deleted_at IS NULL")
    for source_id, total, currency in held:
        row = invoices.get(source_id)
        if row is not None and total is not None and not _same(total, row["total"]):
            _wrong(play, "altered", [f"invoice {source_id}: total"])
        if row is not None and currency not in {None, row["currencycode"]}:
            _wrong(play, "currency", [f"invoice {source_id}"])


def _same(held: str | None, said: str) -> bool:
    """As texts, or as amounts."""
    if held == said:
        return True
    try:
        return Decimal(held or "") == Decimal(said)
    except InvalidOperation:
        return False


# -- liveness --------------------------------------------------------------------------------------------------------


def _parked(play: Play) -> None:
    """What is given up: nothing, but for poisoned records, and commands of customers who left while they were done.

    Those are an operator's: a line may have been opened, and billing knows nobody to charge for it.
    """
    rows = play.ask(
        "SELECT entity, coalesce(record_id, ''), error FROM sync.inbox WHERE state = 'parked'"
        " UNION ALL SELECT dataset, '', parked_reason FROM sync.freshness WHERE parked_at IS NOT NULL"
        # Of an order that nobody placed here, billing may not know the products.
        " UNION ALL SELECT c.kind, c.id::text, c.failure_code FROM command.commands c"
        " LEFT JOIN hub.orders o ON o.id = c.subject_id JOIN hub.customer_accounts a ON a.id = c.account_id"
        " JOIN hub.customers w ON w.id = a.customer_id AND w.deleted_at IS NULL"
        " AND w.salesforce_account_id IS NOT NULL AND w.whmcs_account_id IS NOT NULL"
        " WHERE c.status = 'dead' AND (c.kind <> 'provision_order' OR o.command_id IS NOT NULL)"
    )
    parked = [f"{entity} {record}: {error}" for entity, record, error in rows if (entity, record) not in play.left]
    play.verdict.liveness["parked"] += len(parked)
    play.verdict.found += [f"parked: {each}" for each in parked]


def _hot(play: Play) -> None:
    """Calls to a source, and the same call, more often in ten seconds than anything has a reason for."""
    calls = [
        each for each in reversed(play.stage.sandbox.state.calls.latest(10_000)) if "/__sandbox__/" not in each.label
    ]
    within: dict[str, Counter[str]] = {}
    start = 0
    hot, peaks = set[str](), Counter[str]()
    for at, call in enumerate(calls):
        counts = within.setdefault(call.system, Counter())
        counts[call.label] += 1
        while calls[start].uptime < call.uptime - WINDOW:
            within[calls[start].system][calls[start].label] -= 1
            start += 1
        peaks[REPEATS] = max(peaks[REPEATS], counts[call.label])
        if counts[call.label] > BOUNDS[REPEATS]:
            hot.add(call.label[:100])
        if at % 20 == 0:
            peaks[CALLS] = max(peaks[CALLS], counts.total())
            if counts.total() > BOUNDS[CALLS]:
                hot.add(f"{call.system}: {counts.total()} calls in {WINDOW:.0f} s")
    play.verdict.peaks |= peaks
    play.verdict.liveness["hot"] = len(hot)
    play.verdict.found += [f"hot: {each}" for each in sorted(hot)]


def _grown(play: Play) -> None:
    sizes = play.memory.values()
    play.verdict.peaks |= {
        SIZE: max((last for _, last in sizes), default=0),
        GROWTH: max((last - first for first, last in sizes), default=0),
    }
    for name, (first, last) in play.memory.items():
        if last > BOUNDS[SIZE] or last - first > BOUNDS[GROWTH]:
            play.verdict.liveness["grown"] += 1
            play.found(f"grown: {name} from {first} to {last} MiB while it was quiet")


# -- what only a heal mends ------------------------------------------------------------------------------------------


def _a_day_passes(play: Play) -> None:
    """Details of clients without a notification are read again after WHMCS_DETAILS_REFRESH_HOURS (settings.md)."""
    lost = [
        record
        for (kind, record), why in play.left.items()
        if kind in {"client", "pay_method"} and why == "webhook lost"
    ]
    play.ask(
        "UPDATE hub.customer_accounts SET payment_methods_due_at = now(), details_due_at = now()"
        " WHERE source = 'whmcs' AND source_id = ANY(%s) RETURNING id",
        lost,
    )


def _heal(play: Play, source: Source, datasets: tuple[Dataset, ...]) -> None:
    """As at night; then the details of what that changed."""
    for dataset in datasets:
        if dataset.details is None:
            try:
                healed = heal(dataset, source, play.stage.database.sync)
            except BrakeError:
                # Many were deleted in these few rows: the operator says that they may go.
                healed = heal(dataset, source, play.stage.database.sync, allow_deletions=True)
            play.verdict.healed += healed.missing + healed.different + healed.deleted
    for dataset in datasets:
        if dataset.details is not None:
            run(dataset, source, play.stage.database.sync)


def _missed(play: Play) -> None:
    """Every change since the quiet began, by a heal or after one, that no promise leaves to it."""
    since = play.quiet_since
    rows = play.ask(
        "SELECT c.entity, c.entity_id, c.operation, r.mode, coalesce(c.after, c.before) FROM sync.changes c"
        " LEFT JOIN sync.runs r ON r.id = c.run_id WHERE c.changed_at > %s ORDER BY c.seq",
        since,
    )
    for entity, entity_id, operation, mode, columns in rows:
        names = _names(play, entity, entity_id)
        if any(play.left.get(name) in LEFT_TO_THE_HEAL for name in names) or entity == "customers":
            continue
        play.verdict.missed += 1
        what = ", ".join(sorted(columns or ()))[:80]
        play.found(f"missed by the ordinary way: {names} {entity} {operation} by {mode}: {what}")


def _names(play: Play, entity: str, entity_id: Any) -> set[tuple[str, str]]:
    """What a row is of, as kinds and ids of the source: itself, what it is part of, and the client it belongs to."""
    rows = play.ask(f"SELECT to_jsonb(t) FROM hub.{entity} t WHERE id = %s", entity_id)  # noqa: S608 - a table's name
    if not rows:
        return set()
    row: dict[str, Any] = rows[0][0]
    names = {(KINDS.get(entity, entity), str(row.get("source_id")))}
    if entity == "customer_accounts" and row["source"] == "salesforce":
        # With a client goes the link to it.
        names |= {("client", number) for number in claims(play.stage).get(row["source_id"], ())}
    parent = PARENTS.get(entity)
    if parent == "invoice_id" and row.get(parent):
        found = play.ask("SELECT source_id FROM hub.invoices WHERE id = %s", row[parent])
        names |= {("invoice", source_id) for (source_id,) in found}
    if row.get("account_id"):
        found = play.ask(
            "SELECT source_id FROM hub.customer_accounts WHERE id = %s AND source = 'whmcs'", row["account_id"]
        )
        names |= {(kind, source_id) for (source_id,) in found for kind in ("client", "pay_method")}
    return names


# -- in which order things came --------------------------------------------------------------------------------------


def _orders(play: Play) -> None:
    """Which way brought each change we were notified of: the notification, or a list read before it was applied."""
    notified, listed = ORDERS[:2]
    brought = play.ask(
        "SELECT r.mode = 'events', count(*) FROM sync.changes c JOIN sync.runs r ON r.id = c.run_id"
        " WHERE c.operation IN ('update', 'delete', 'restore')"
        "   AND (r.mode = 'events' OR EXISTS ("
        "       SELECT FROM sync.inbox i WHERE i.kind = 'record' AND i.state = 'done' AND i.applied_at > c.changed_at"
        "          AND i.received_at < c.changed_at + interval '5 s'"
        "          AND i.record_id IN (SELECT source_id FROM hub.support_cases WHERE id = c.entity_id"
        "               UNION ALL SELECT source_id FROM hub.invoices WHERE id = c.entity_id"
        "               UNION ALL SELECT source_id FROM hub.orders WHERE id = c.entity_id"
        "               UNION ALL SELECT source_id FROM hub.subscriptions WHERE id = c.entity_id"
        "               UNION ALL SELECT source_id FROM hub.customer_accounts WHERE id = c.entity_id)))"
        " GROUP BY 1"
    )
    for was_notified, count in brought:
        if count:
            play.did("order", notified if was_notified else listed)


@contextmanager
def _opened(system: Any) -> Iterator[Source]:
    source = source_of(system)
    try:
        yield source
    finally:
        source.client.close()
