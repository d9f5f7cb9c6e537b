"""Writing a page of which one row cannot be written: the row is set aside, the others land."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg

from domain.common.errors import HubError
from pipelines.sync.dataset import Dataset, Failure, MappedPage, Page
from pipelines.sync.mapping import map_page
from pipelines.sync.merged import Merged
from pipelines.sync.page import PageWriter
from pipelines.sync.surprises import surprise

_MOST_SET_ASIDE = 10
"""If the database refuses more rows of one page than this, the rows are not at fault, and the run fails."""


def write_page(
    writer: PageWriter, dataset: Dataset, mapped: MappedPage, vocabulary: Any
) -> Iterator[tuple[MappedPage, Merged]]:
    """Write a page: whole, or where a row cannot be written, in halves until that row is alone and set aside.

    What was written, part by part; the reader's position moves with the last of them.

    Raises:
        Exception: as `PageWriter.write`, where it is no row's fault.
    """
    yield from _Writing(writer, dataset, vocabulary).write(mapped)


class _Writing:
    def __init__(self, writer: PageWriter, dataset: Dataset, vocabulary: Any) -> None:
        self._writer = writer
        self._dataset = dataset
        self._vocabulary = vocabulary
        self._set_aside = 0

    def write(self, mapped: MappedPage) -> Iterator[tuple[MappedPage, Merged]]:
        page = mapped.page
        try:
            merged = self._writer.write(mapped)
        except Exception as error:
            if not page.rows or not _is_of_a_row(error) or self._set_aside >= _MOST_SET_ASIDE:
                raise
            for part in self._parts(page, error):
                yield from self.write(map_page(self._dataset, part, self._vocabulary))
        else:
            yield mapped, merged

    def _parts(self, page: Page, error: Exception) -> tuple[Page, ...]:
        if len(page.rows) > 1:
            return _halves(page, self._dataset)
        self._set_aside += 1
        (row,) = page.rows
        source_id = self._dataset.source_id(row)
        reason = surprise(error, "row.refused", dataset=self._dataset.name, record=source_id)
        return (replace(page, rows=(), failures=(*page.failures, Failure(source_id, row, reason))),)


def _halves(page: Page, dataset: Dataset) -> tuple[Page, Page]:
    """The page in two; all that is not about its rows goes with the second."""
    middle = len(page.rows) // 2
    ids = {dataset.source_id(row) for row in page.rows[:middle]}
    first = [parent for parent in page.parents if parent.source_id in ids]
    second = [parent for parent in page.parents if parent.source_id not in ids]
    return (
        replace(page, rows=page.rows[:middle], failures=(), gone=(), parents=first, complete=False, partial=True),
        replace(page, rows=page.rows[middle:], parents=second),
    )


def _is_of_a_row(error: Exception) -> bool:
    """Whether the database refused a value of a row, so that other rows can be written; else the fault is general."""
    if isinstance(error, psycopg.Error):
        return isinstance(error, psycopg.DataError | psycopg.IntegrityError | psycopg.errors.ProgramLimitExceeded)
    return not isinstance(error, HubError)
