"""What to ask Freebit: one line at a time, within the calls-per-minute budget; sweeping is forbidden by the vendor."""

from collections.abc import Iterator
from datetime import date, datetime

from core.settings import FreebitSettings
from pipelines.sources.freebit.client import FreebitClient
from pipelines.sync.dataset import Page, ReadRequest, Row
from pipelines.sync.reading import read_details

FreebitRequest = ReadRequest[FreebitClient, FreebitSettings]


def line_details(request: FreebitRequest) -> Iterator[Page]:
    """PA03-02 for each line that is due: its state, plan, options and remaining data."""

    def ask(parent: Row) -> Row:
        body: Row = request.source.client.account_detail(parent["msisdn"])
        return body

    return read_details(request, ask, at_once=request.source.settings.concurrency, batch=50)


def line_traffic(request: FreebitRequest) -> Iterator[Page]:
    """PA05-01 for each line that is due: data used today and on the days before."""

    def ask(parent: Row) -> Row:
        body: Row = request.source.client.traffic(parent["msisdn"])
        return body

    def day(moment: datetime) -> date:
        """The operator's day, which the answer counts from and does not name."""
        return moment.astimezone(request.source.vocabulary.zone).date()

    return read_details(request, ask, at_once=request.source.settings.concurrency, batch=50, during=day)
