"""`hub apply`: the warm worker as a process. Applies notifications at once, polls often, reports both to Dagster.

It also sends what people are told by e-mail.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import dagster as dg

from core.errors import safe
from core.logging import logger
from core.settings import HubSettings, MailSettings, load, url_as
from domain.common.identifiers import SYSTEMS, System
from pipelines.dagster.assets import asset_key
from pipelines.dagster.checks import evaluations
from pipelines.datasets import datasets_of
from pipelines.events.worker import Applier, Tally
from pipelines.mail.transports import transport_of
from pipelines.mail.worker import Postman
from pipelines.sources.connect import source_of
from pipelines.sync.dataset import Source
from pipelines.sync.merged import Merged
from pipelines.sync.run import run

log = logger(__name__)

REPORT_EVERY_SECONDS = 10.0

POLLED: tuple[System, ...] = ("salesforce", "whmcs")
"""Freebit forbids sweeping: its lines are read on their own schedule, and when a customer looks at one."""


def serve(stopped: threading.Event, instance: dg.DagsterInstance) -> None:
    """Apply notifications, poll and send e-mail until `stopped`.

    Raises:
        SettingsError: the environment lacks something.
    """
    settings, mail = load(HubSettings), load(MailSettings)
    transport, tally = transport_of(settings, mail), Tally()
    with ExitStack() as stack:
        url = url_as(settings, "hub_sync")
        if transport is None:
            log.warning("mail.not_set_up")
        else:
            postman = Postman(mail, transport, url)
            stack.enter_context(_thread("mail", stopped, partial(postman.follow, stopped)))
        for system in SYSTEMS:
            applier = Applier(system, _opened(system, stack), url, tally)
            stack.enter_context(_thread(f"apply {system}", stopped, partial(applier.follow, stopped)))
        for system in POLLED if settings.hub_poll_seconds else ():
            # A client of its own: a poll's long calls must not hold up what somebody waits for.
            source = _opened(system, stack)
            poll = partial(_poll, system, source, url, stopped, tally)
            stack.enter_context(_thread(f"poll {system}", stopped, poll))
        while not stopped.wait(REPORT_EVERY_SECONDS):
            report(tally, instance, url)
    report(tally, instance, url)


def _opened(system: System, stack: ExitStack) -> Source[Any, Any]:
    source = source_of(system)
    stack.callback(source.client.close)
    return source


@contextmanager
def _thread(name: str, stopped: threading.Event, work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work, name=name)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def report(tally: Tally, instance: dg.DagsterInstance, database_url: str) -> None:
    """Tell Dagster, without a run, what events wrote since the last report, and how fresh each such data set is.

    Never raises: what cannot be reported while Dagster's storage is away is part of the next report.
    """
    reported: list[str] = []
    for name, counts in tally.taken().items():
        if not any(counts.values()):
            continue
        metadata = {key: dg.MetadataValue.int(count) for key, count in counts.items()}
        try:
            instance.report_runless_asset_event(
                dg.AssetMaterialization(asset_key(name), metadata=metadata, description="Applied as notified")
            )
        except Exception as error:  # noqa: BLE001 - events are applied whether or not Dagster can be reached
            tally(name, Merged(counts["inserted"], counts["updated"], counts["unchanged"], counts["deleted"]))
            log.warning("report.failed", dataset=name, error=safe(error))
            continue
        reported.append(name)
    try:
        # After the materializations, each of which makes the verdict before it an old one.
        for evaluation in evaluations(database_url, reported) if reported else ():
            instance.report_runless_asset_event(evaluation)
    except Exception as error:  # noqa: BLE001 - the schedule of checks gives the next verdict
        log.warning("report.failed", error=safe(error))


def _poll(system: System, source: Source[Any, Any], database_url: str, stopped: threading.Event, tally: Tally) -> None:
    """Bring the system's data sets up to date every HUB_POLL_SECONDS, as its schedule does, but in this process.

    Without Dagster's run around it: that reconfigures the logging of the whole process, which others here are using.
    A data set that fails says so in sync.runs and holds up no other.
    """
    while not stopped.wait(load(HubSettings).hub_poll_seconds):
        for dataset in datasets_of(system):
            try:
                tally(dataset.name, run(dataset, source, database_url).merged)
            except Exception as error:  # noqa: BLE001 - whatever it was, the next poll is due all the same
                log.warning("poll.failed", dataset=dataset.name, error=safe(error))
            if stopped.is_set():
                return
