"""Which records an entry of the inbox asks to read again, as the data sets declare it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.datasets import DATASETS
from pipelines.sync.dataset import Selection

Wanted = tuple[str, Selection]
"""A data set's name, and which of its records."""


@dataclass(frozen=True)
class InboxEntry:
    """A notification or a refresh request that waits to be applied: a row of sync.inbox.

    `record_id` and `parent_id` are ids in the sender's system.
    """

    id: int
    source: str
    kind: str
    entity: str
    record_id: str | None
    parent_id: str | None
    payload: Mapping[str, Any]
    attempts: int


def wanted_by(entry: InboxEntry) -> Iterator[Wanted]:
    """The records to read again; none where what happened shows in no table of ours."""
    record, owner = _ids(entry.record_id), _ids(entry.parent_id)
    for dataset in DATASETS:
        if entry.source == "hub" and entry.entity == dataset.name:
            yield dataset.name, Selection(records=record, owners=frozenset() if record else owner)
        elif entry.source in {"hub", dataset.system}:
            only = Selection(
                records=record if entry.entity in dataset.entities else frozenset(),
                owners=owner if entry.entity in dataset.entities_of_owner else frozenset(),
            )
            if only:
                yield dataset.name, only


def missed_by(entry: InboxEntry) -> str | None:
    """The data set to bring up to date as a whole, where the source says that records were missed."""
    if entry.kind != "gap" or entry.record_id is not None:
        return None
    concerned = (each for each in DATASETS if each.system == entry.source and entry.entity in each.entities)
    return next((dataset.name for dataset in concerned), None)


def _ids(record_id: str | None) -> frozenset[str]:
    return frozenset() if record_id is None else frozenset({record_id})
