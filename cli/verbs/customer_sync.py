"""`hub sync customer`: everything of one customer, in all three systems, read again now."""

import time
from collections.abc import Sequence
from uuid import UUID

import typer
from rich.progress import Progress

from cli.database import answer, hub_url, opened
from cli.output import console, counted
from core.errors import HubError, NotFoundError

PATIENCE_SECONDS = 120.0
_POLL_EVERY_SECONDS = 0.1


class NotSyncedError(HubError):
    """Some of the customer's records could not be read."""


def sync_customer(arguments: Sequence[str], *, as_json: bool) -> None:
    """Request a refresh of the customer's records and wait until the worker has read them; without one, read them here.

    Raises:
        NotFoundError: nobody has that id.
        NotSyncedError: a source did not answer in time, or refused.
    """
    from pipelines.events.requests import request_customer

    customer = _id(arguments)
    with opened() as connection:
        requests = request_customer(connection, customer)
    if not requests:
        raise NotFoundError(f"no customer has the id {customer}; see `hub customers list`")
    _apply_where_nobody_leads()
    _wait(requests, silent=as_json)
    if not as_json:
        said = counted(len(requests), f"data set of customer {customer} is", f"data sets of customer {customer} are")
        console().print(f"{said} up to date.")


def _id(arguments: Sequence[str]) -> UUID:
    try:
        (given,) = arguments
        return UUID(given)
    except ValueError as error:
        raise typer.BadParameter("customer wants one id, such as `hub customers list` prints") from error


def _apply_where_nobody_leads() -> None:
    from domain.common.identifiers import SYSTEMS
    from pipelines.events.worker import Applier, Tally
    from pipelines.sources.connect import source_of

    for system in SYSTEMS:
        source = source_of(system)
        try:
            Applier(system, source, hub_url("hub_sync"), Tally()).drain()
        finally:
            source.client.close()


def _wait(requests: list[int], *, silent: bool) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    with Progress(console=console(stderr=True), transient=True, disable=silent) as progress:
        task = progress.add_task("Reading", total=len(requests))
        while (state := answer("operations/refresh_requests", ids=requests)[0])["waiting"]:
            progress.update(task, completed=len(requests) - state["waiting"])
            if time.monotonic() > ends:
                waiting = counted(state["waiting"], "data set still waits", "data sets still wait")
                raise NotSyncedError(f"{waiting}: {state['error'] or 'nobody took it up'}")
            time.sleep(_POLL_EVERY_SECONDS)
    if state["parked"]:
        refused = counted(state["parked"], "data set was refused", "data sets were refused")
        raise NotSyncedError(f"{refused}: {state['error']}")
