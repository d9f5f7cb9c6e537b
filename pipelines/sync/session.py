"""A session: one data set and its source at work. A run, a heal, a re-read, a retry and a reconcile stand on it.

Pages are read and mapped; between `begin` and `end` they are also written. A reconcile, which only compares,
does not begin.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from typing import Any

from psycopg import Connection
from structlog.contextvars import bound_contextvars, get_contextvars

from core.clock import Clock, utc_now
from core.database import connect
from pipelines.sync.ahead import ahead
from pipelines.sync.clock import DatabaseClock
from pipelines.sync.dataset import Dataset, MappedPage, Page, Position, ReadRequest, Source
from pipelines.sync.details import due_parents
from pipelines.sync.history import Run
from pipelines.sync.mapping import map_page
from pipelines.sync.merged import Merged
from pipelines.sync.page import PageWriter
from pipelines.sync.progress import Progress, tell
from pipelines.sync.writing import write_page
from sql.tables.sync import Mode


class Session:
    """Reads one data set's pages and writes them, over one connection that one thread uses at a time.

    From `begin` on: `run`, the `position` where the last run stopped, and `began`, the database's clock at that moment.
    `database_url` is needed by `pages` alone.
    """

    run: Run
    position: Position
    began: datetime

    def __init__(
        self, connection: Connection[Any], dataset: Dataset, source: Source[Any, Any], database_url: str = ""
    ) -> None:
        self.connection = connection
        self.dataset = dataset
        self.source = source
        self.clock: Clock = utc_now
        self._database_url = database_url

    def begin(self, mode: Mode, *, allow_deletions: bool = False, dagster_run_id: str | None = None) -> None:
        """Wait for the data set's lock, which is held as long as the connection, and record the start of a run."""
        self.run = Run(self.connection, self.dataset, mode)
        settings = self.source.settings
        self._writer = PageWriter(self.connection, self.dataset, settings, self.run, allow_deletions=allow_deletions)
        self.position, self.began = self.run.begin(dagster_run_id=dagster_run_id)
        self.clock = DatabaseClock(self.began)
        self._writer.begin()
        self.connection.commit()

    @contextmanager
    def running(self, mode: Mode, *, allow_deletions: bool = False, dagster_run_id: str | None = None) -> Iterator[Run]:
        """A run from its begin to its end. Where the block raises, the run is recorded as failed."""
        self.begin(mode, allow_deletions=allow_deletions, dagster_run_id=dagster_run_id)
        # Every call a run makes at its source carries the run's id, unless whoever asked for the run named one.
        request_id = get_contextvars().get("request_id", str(self.run.id))
        with bound_contextvars(request_id=request_id):
            try:
                yield self.run
            except BaseException as error:
                self.run.end(error)
                raise
        self.run.end()

    @contextmanager
    def pages(self, *, position: Position, full: bool, everyone: bool = False) -> Iterator[Iterator[MappedPage]]:
        """The data set's pages from a position on, mapped; another thread reads and maps one page ahead.

        Of details, those of the parents that are due, or of `everyone`. Whoever listens is notified of each page.
        """
        with ExitStack() as stack:
            due = stack.enter_context(self._parents(everyone=everyone))
            request = ReadRequest(self.source, position=position, full=full, due=due, now=self.clock)
            pages = self._mapped(self.dataset.read(request))
            counted = _Counted(self.dataset.name, stack.enter_context(closing(ahead(pages))))
            try:
                yield iter(counted)
            except BaseException:
                tell(Progress(self.dataset.name, counted.rows, None, done=True, failed=True))
                raise

    def read_some(self, request: ReadRequest[Any, Any]) -> Iterator[MappedPage]:
        """The pages of a request for a selection, mapped; details-by-call are those of the parents it names."""
        return self._mapped((self.dataset.read_some or self.dataset.read)(request))

    def _mapped(self, pages: Iterator[Page]) -> Iterator[MappedPage]:
        return (map_page(self.dataset, page, self.source.vocabulary) for page in pages)

    def write(self, mapped: MappedPage) -> Iterator[tuple[MappedPage, Merged]]:
        """What was written of a page, part by part; see `write_page`."""
        return write_page(self._writer, self.dataset, mapped, self.source.vocabulary)

    @contextmanager
    def _parents(self, *, everyone: bool) -> Iterator[Iterator[Any]]:
        """On a connection of their own, which the reading thread uses while ours writes."""
        if self.dataset.details is None:
            yield iter(())
            return
        with connect(self._database_url, name=f"due {self.dataset.name}") as connection:
            yield due_parents(connection, self.dataset.details, everyone=everyone)


@contextmanager
def open_session(dataset: Dataset, source: Source[Any, Any], database_url: str, *, name: str) -> Iterator[Session]:
    """A session on a connection of its own, which shows as `name` and the data set in pg_stat_activity."""
    with connect(database_url, name=f"{name} {dataset.name}") as connection:
        yield Session(connection, dataset, source, database_url)


class _Counted:
    """Pages, whose rows are reported to whoever listens when the next page is requested."""

    def __init__(self, dataset_name: str, pages: Iterator[MappedPage]) -> None:
        self._dataset_name = dataset_name
        self._pages = pages
        self.rows = 0

    def __iter__(self) -> Iterator[MappedPage]:
        for mapped in self._pages:
            yield mapped
            self.rows += len(mapped.page.rows) + len(mapped.page.failures)
            tell(Progress(self._dataset_name, self.rows, mapped.page.expected))
        tell(Progress(self._dataset_name, self.rows, self.rows, done=True))
