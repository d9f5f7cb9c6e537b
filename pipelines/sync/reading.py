"""Readers that more than one system needs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from core.errors import RejectedError
from pipelines.sync.dataset import Failure, Page, ReadRequest, Row

PARENT, BODY = "parent", "body"
"""A detail row: the parent as the hub knows it, and what the source answered when asked about it."""


def read_details(request: ReadRequest, ask: Callable[[Row], Row], *, at_once: int, batch: int = 200) -> Iterator[Page]:
    """One call per due parent, `at_once` in flight; a page per `batch`. Resumable: what is written is no longer due.

    A parent the source refuses to tell about is set aside with the reason and is no longer due either.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="details") as threads:
        for parents in _batches(request.due, batch):
            answers = list(threads.map(lambda parent: _answer(ask, parent), parents))
            yield Page(
                rows=[answer for answer in answers if not isinstance(answer, Failure)],
                failures=[answer for answer in answers if isinstance(answer, Failure)],
                position={},
                expected=parents[0]["due_count"],
                asked_at=parents[0]["asked_at"],
                parents=[parent["id"] for parent in parents],
            )
    yield Page(rows=(), position={}, complete=True)


def _answer(ask: Callable[[Row], Row], parent: Row) -> dict[str, Any] | Failure:
    try:
        return {PARENT: parent, BODY: ask(parent)}
    except RejectedError as error:
        return Failure(str(parent["source_id"]), {}, error.reason)


def _batches(rows: Iterable[Row], size: int) -> Iterator[Sequence[Row]]:
    rows = iter(rows)
    while batch := list(islice(rows, size)):
        yield batch


def parent_source_id(row: Row) -> str:
    return str(row[PARENT]["source_id"])
