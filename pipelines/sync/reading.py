"""What readers of more than one system need."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from itertools import islice
from typing import TypeVar

from core.clock import Clock
from core.errors import RejectedError
from pipelines.sync.dataset import Failure, Page, ReadRequest, Row

Item = TypeVar("Item")

PARENT, BODY = "parent", "body"
"""A detail row: the parent as the hub knows it, and what the source answered when asked about it."""

_FEW = 10
"""Refusals up to this number in a batch are the records' own fault, whatever share of it they are."""


def read_details(request: ReadRequest, ask: Callable[[Row], Row], *, at_once: int, batch: int = 200) -> Iterator[Page]:
    """One call per due parent, `at_once` in flight; a page per `batch`. Resumable: what is written is no longer due.

    A parent the source refuses to tell about is set aside with the reason and is no longer due either.

    Raises:
        RejectedError: the source refuses most of a batch, so it is not the records' fault; all of them stay due.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="details") as threads:
        for parents in batches(request.due, batch):
            asked_at = request.now()
            # Each call runs in our context, so that it carries the run's request id.
            calls = [threads.submit(copy_context().run, _answer, ask, parent) for parent in parents]
            answers = [call.result() for call in calls]
            refused = [answer for answer in answers if isinstance(answer, RejectedError)]
            if len(refused) > max(_FEW, len(parents) // 2):
                raise refused[0]
            yield Page(
                rows=[
                    {PARENT: parent, BODY: answer}
                    for parent, answer in zip(parents, answers, strict=True)
                    if not isinstance(answer, RejectedError)
                ],
                failures=[
                    Failure(str(parent["source_id"]), {}, answer.reason)
                    for parent, answer in zip(parents, answers, strict=True)
                    if isinstance(answer, RejectedError)
                ],
                position={},
                expected=parents[0]["due_count"],
                asked_at=asked_at,
                parents=[parent["id"] for parent in parents],
            )
    yield Page(rows=(), position={}, complete=True)


def asked(answers: Iterable[Item], now: Clock) -> Iterator[tuple[datetime, Item]]:
    """Each answer with a moment before it was asked for."""
    coming = iter(answers)
    while True:
        asked_at = now()
        try:
            answer = next(coming)
        except StopIteration:
            return
        yield asked_at, answer


def _answer(ask: Callable[[Row], Row], parent: Row) -> Row | RejectedError:
    try:
        return ask(parent)
    except RejectedError as error:
        return error


def batches(items: Iterable[Item], size: int) -> Iterator[Sequence[Item]]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch


def parent_source_id(row: Row) -> str:
    return str(row[PARENT]["source_id"])
