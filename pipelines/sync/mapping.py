"""From rows as sent to what they bring by target, with the broken ones set aside."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from domain.common.columns import Columns, NotPlainError
from domain.common.errors import MappingError
from domain.common.labels import unknown_in_columns, unknown_labels
from domain.common.record import Contract
from pipelines.sync.dataset import Dataset, Failure, MappedPage, Page, Row, Target
from pipelines.sync.reading import batches
from pipelines.sync.rows import Rows
from pipelines.sync.surprises import surprise

_PIECE = 50
"""So many rows are mapped one by one for the sake of an odd one among them."""


def map_page(dataset: Dataset, page: Page, vocabulary: Any) -> MappedPage:
    """What every row of the page brings, the newest of each id, and the rows that could not be mapped.

    What a row gave before it turned out to be broken is kept: a service does not go with its telephone number.
    """
    found = _Found(dataset, page.failures)
    if dataset.to_columns is None or not page.rows or _holds_one_twice(dataset, page.rows):
        found.add_one_by_one(page.rows, vocabulary)
        return found.mapped(page)
    for rows, columns in _in_columns(dataset, page.rows, vocabulary):
        if columns is None:
            found.add_one_by_one(rows, vocabulary)
        else:
            found.add_together(columns)
    return found.mapped(page)


def _holds_one_twice(dataset: Dataset, rows: Sequence[Row]) -> bool:
    return len({dataset.source_id(row) for row in rows}) < len(rows)


def _in_columns(
    dataset: Dataset, rows: Sequence[Row], vocabulary: Any
) -> Iterator[tuple[Sequence[Row], Columns | None]]:
    """The rows, whole or in pieces, each with its columns; without, where a row of another form is among them.

    Two looks at each row at most: where every row is of another form, little is lost.
    """
    columns = _columns(dataset, rows, vocabulary)
    if columns is not None or len(rows) <= _PIECE:
        yield rows, columns
        return
    for some in batches(rows, _PIECE):
        yield some, _columns(dataset, some, vocabulary)


def _columns(dataset: Dataset, rows: Sequence[Row], vocabulary: Any) -> Columns | None:
    if dataset.to_columns is None:
        return None
    try:
        return dataset.to_columns(rows, vocabulary)
    except NotPlainError:
        return None
    except Exception as error:  # noqa: BLE001 - the rows one by one tell whose fault it is
        surprise(error, "columns.surprise", dataset=dataset.name)
        return None


class _Found:
    """What has been found on a page so far."""

    def __init__(self, dataset: Dataset, failures: Sequence[Failure]) -> None:
        self._dataset = dataset
        self._targets: Mapping[type[Contract], Target] = {
            target.contract: target for target in dataset.targets if target.contract is not None
        }
        self._contracts: dict[Target, dict[Any, Contract]] = {target: {} for target in dataset.targets}
        self._columns: list[Columns] = []
        self._failures = list(failures)
        self._mapped_ids: list[str] = []
        self._labels: Counter[str] = Counter()

    def add_together(self, columns: Columns) -> None:
        contract = self._dataset.targets[0].contract
        self._columns.append(columns)
        self._mapped_ids += columns["source_id"]  # type: ignore[arg-type]  # a row without an id is none
        if contract is not None:
            self._labels.update(f"{column}={label}" for column, label in unknown_in_columns(contract, columns))

    def add_one_by_one(self, rows: Sequence[Row], vocabulary: Any) -> None:
        for row in rows:
            source_id = self._dataset.source_id(row)
            try:
                for contract in self._dataset.to_contracts(row, vocabulary):
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
        first = self._dataset.targets[0]
        return MappedPage(
            page=page,
            rows={
                target: Rows(list(kept.values()), self._columns if target is first else ())
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
