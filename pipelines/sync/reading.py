"""Helpers for readers (pipelines/sources): details by call, moments of requests, batches."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from core.clock import Clock
from core.errors import SourceError
from pipelines.sync.dataset import Failure, Page, Parent, ReadRequest, Row
from pipelines.sync.surprises import surprise

Item = TypeVar("Item")

PARENT, BODY, REQUESTED_AT = "parent", "body", "requested_at"
"""A detail row: the parent as the hub knows it, what the source answered about it, and a moment before."""

_FEW = 10
"""If more calls than this fail in a batch and none succeeds, the source is at fault, and not the records."""


def read_details(
    request: ReadRequest[Any, Any],
    ask: Callable[[Row], Row],
    *,
    at_once: int,
    batch: int = 200,
    during: Callable[[datetime], object] = lambda _: None,
) -> Iterator[Page]:
    """One call per due parent, `at_once` in flight; a page per `batch`. Resumable: what is written is no longer due.

    A parent whose call fails, for whatever reason of its own, is set aside with that reason and holds up no other.
    `during` maps a moment to what the answer depends on, such as the day it counts from: an answer is used only if that
    was the same before and after the call; otherwise the call is made once more.

    Raises:
        SourceError: the source lets nobody ask now, or a batch brought nothing but failures. What came is handed over
            first, and who was not asked stays due.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="details") as threads:
        for parents in batches(request.due, batch):
            # Each call runs in our context, so that it carries the run's request id.
            calls = [
                threads.submit(copy_context().run, _answer_of, ask, parent, request.now, during) for parent in parents
            ]
            answers = [call.result() for call in calls]
            answered = [answer for answer in answers if answer.body is not None]
            failed = [answer for answer in answers if answer.failure is not None]
            if answered or failed:
                yield Page(
                    rows=[
                        {PARENT: answer.parent, BODY: answer.body, REQUESTED_AT: answer.requested_at}
                        for answer in answered
                    ],
                    failures=[answer.failure for answer in failed if answer.failure is not None],
                    position={},
                    expected=parents[0]["due_count"],
                    requested_at=min(answer.requested_at for answer in (*answered, *failed)),
                    parents=[
                        Parent(str(answer.parent["source_id"]), answer.parent["id"], answer.requested_at)
                        for answer in (*answered, *failed)
                    ],
                )
            stopped = next((answer.error for answer in answers if answer.error and answer.error.concerns_all), None)
            if stopped is None and len(failed) > _FEW and not answered:
                stopped = failed[0].error
            if stopped is not None:
                raise stopped
    yield Page(rows=(), position={}, complete=True)


@dataclass(frozen=True)
class _Answer:
    """The outcome of one call: a body, a failure of this record, or an error that every call would meet."""

    parent: Row
    requested_at: datetime
    body: Row | None = None
    failure: Failure | None = None
    error: SourceError | None = None


def _answer_of(ask: Callable[[Row], Row], parent: Row, now: Clock, during: Callable[[datetime], object]) -> _Answer:
    requested_at = now()
    try:
        body = ask(parent)
        if during(requested_at) != during(now()):
            requested_at = now()
            body = ask(parent)
    except SourceError as error:
        if error.concerns_all:
            return _Answer(parent, requested_at, error=error)
        reason = f"{error.reason} [{error.code}]" if error.code else error.reason
        return _Answer(parent, requested_at, failure=Failure(str(parent["source_id"]), {}, reason), error=error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this record's
        reason = surprise(error, "details.surprise", record=str(parent["source_id"]))
        return _Answer(parent, requested_at, failure=Failure(str(parent["source_id"]), {}, reason))
    return _Answer(parent, requested_at, body=body)


def timed(answers: Iterable[Item], now: Clock) -> Iterator[tuple[datetime, Item]]:
    """Each answer with a moment before it was requested."""
    coming = iter(answers)
    while True:
        requested_at = now()
        try:
            answer = next(coming)
        except StopIteration:
            return
        yield requested_at, answer


def batches(items: Iterable[Item], size: int) -> Iterator[Sequence[Item]]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch


def parent_source_id(row: Row) -> str:
    return str(row[PARENT]["source_id"])
