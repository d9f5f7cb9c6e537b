"""From rows as sent to what they bring by target, with the broken ones set aside."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from domain.common.errors import MappingError
from domain.common.field_table import ReadPage
from domain.common.labels import unknown_in_columns, unknown_labels
from domain.common.record import Contract
from pipelines.sync.dataset import Dataset, Failure, MappedPage, Page, Row, Target
from pipelines.sync.rows import Rows
from pipelines.sync.surprises import surprise


def map_page(dataset: Dataset, page: Page, vocabulary: Any) -> MappedPage:
    """What every row of the page brings, the newest of each id, and the rows that could not be mapped.

    Rows of field tables are read by column. Those that a column cannot take, and records that are on the page more than
    once, are read one by one. What a row gave before it turned out to be broken is kept: of a service whose telephone
    number is none, the service is stored and only the line is set aside.
    """
    found = _Found(dataset, page.failures)
    if not (page.rows and dataset.by_column):
        found.add_one_by_one(page.rows, vocabulary)
        return found.mapped(page)
    records = [dataset.record_of(row) for row in page.rows]
    if all(isinstance(record, Mapping) for record in records):
        read = [table.read_page(records, vocabulary) for table in dataset.tables]
        apart = frozenset[int]().union(*(each.refused | _come_twice(each) for each in read))
        found.add_together([each.without(apart) for each in read], page.rows, apart)
        found.add_one_by_one([page.rows[place] for place in sorted(apart)], vocabulary)
    else:  # half-broken PHP sends `[]` for a record; one by one, each row tells what is wrong with it
        found.add_one_by_one(page.rows, vocabulary)
    return found.mapped(page)


def _come_twice(read: ReadPage) -> frozenset[int]:
    """The places of rows whose record is on the page more than once."""
    ids = read.columns["id"]
    if len(set(ids)) == len(ids):
        return frozenset()
    times = Counter(ids)
    return frozenset(place for place, each in zip(read.places, ids, strict=True) if times[each] > 1)


class _Found:
    """What has been found on a page so far."""

    def __init__(self, dataset: Dataset, failures: Sequence[Failure]) -> None:
        self._dataset = dataset
        self._targets: Mapping[type[Contract], Target] = {
            target.contract: target for target in dataset.targets if target.contract is not None
        }
        self._contracts: dict[Target, dict[Any, Contract]] = {target: {} for target in dataset.targets}
        self._columns: dict[Target, ReadPage] = {}
        self._failures = list(failures)
        self._mapped_ids: list[str] = []
        self._labels: Counter[str] = Counter()

    def add_together(self, read: Sequence[ReadPage], rows: Sequence[Row], apart: frozenset[int]) -> None:
        for table, each in zip(self._dataset.tables, read, strict=True):
            if each.places:
                self._columns[self._targets[table.contract]] = each
            self._labels.update(f"{name}={label}" for name, label in unknown_in_columns(table.contract, each.columns))
        self._mapped_ids += [self._dataset.source_id(row) for place, row in enumerate(rows) if place not in apart]

    def add_one_by_one(self, rows: Sequence[Row], vocabulary: Any) -> None:
        for row in rows:
            source_id = self._dataset.source_id(row)
            try:
                for contract in self._dataset.contracts(row, vocabulary):
                    _keep_newest(self._contracts[self._targets[type(contract)]], contract)
                    for column, label in unknown_labels(contract):
                        self._labels[f"{column}={label}"] += 1
            except MappingError as error:
                self._failures.append(Failure(source_id, row, error.reason))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this row's
                reason = surprise(error, "row.surprise", dataset=self._dataset.name, record=source_id)
                self._failures.append(Failure(source_id, row, reason))
            else:
                self._mapped_ids.append(source_id)

    def mapped(self, page: Page) -> MappedPage:
        return MappedPage(
            page=page,
            rows={
                target: Rows(list(kept.values()), [self._columns[target].columns] if target in self._columns else ())
                for target, kept in self._contracts.items()
            },
            failures=self._failures,
            mapped_ids=self._mapped_ids,
            unknown_labels=self._labels,
        )


def _keep_newest(kept: dict[Any, Contract], contract: Contract) -> None:
    key = contract.id
    known = kept.get(key)
    if known is not None:
        # A page may hold one record twice, when rows moved while it was read.
        was, now = (getattr(version, "source_updated_at", None) for version in (known, contract))
        if was is not None and now is not None and now < was:
            return
    kept[key] = contract
