"""From rows as sent to contract objects by target, with the broken ones set aside."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from domain.common.errors import MappingError
from domain.common.labels import unknown_labels
from domain.common.record import Contract
from pipelines.sync.dataset import Dataset, Failure, Page, Target
from pipelines.sync.store import MappedPage


def map_page(dataset: Dataset, page: Page, vocabulary: Any) -> MappedPage:
    """Every row of the page as contract objects, the newest of each id, and the rows that could not be mapped.

    What a row gave before it turned out to be broken is kept: a service does not go with its telephone number.
    """
    targets: Mapping[type[Contract], Target] = {
        target.contract: target for target in dataset.targets if target.contract is not None
    }
    rows: dict[Target, dict[Any, Contract]] = {target: {} for target in dataset.targets}
    failures = list(page.failures)
    mapped_ids: list[str] = []
    labels: Counter[str] = Counter()
    for row in page.rows:
        source_id = dataset.source_id(row)
        try:
            for contract in dataset.to_contracts(row, vocabulary):
                _keep_newest(rows[targets[type(contract)]], contract)
                for column, label in unknown_labels(contract):
                    labels[f"{column}={label}"] += 1
        except MappingError as error:
            failures.append(Failure(source_id, row, error.reason))
        else:
            mapped_ids.append(source_id)
    return MappedPage(
        page=page,
        rows={target: list(kept.values()) for target, kept in rows.items()},
        failures=failures,
        mapped_ids=mapped_ids,
        unknown_labels=labels,
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
