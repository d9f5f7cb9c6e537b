"""Bringing everything in, as every first load does, and what is wrong afterwards."""

from collections.abc import Iterator
from typing import Any

import psycopg

from pipelines.datasets import DATASETS
from pipelines.sync.dataset import Source
from pipelines.sync.reconcile import Drift, reconcile
from pipelines.sync.run import Outcome, run


def load_everything(hub: Any, sources: dict[str, Source]) -> list[Outcome]:
    return [run(dataset, sources[dataset.system], hub.sync) for dataset in DATASETS]


def drifts(hub: Any, sources: dict[str, Source]) -> Iterator[Drift]:
    for dataset in DATASETS:
        yield from reconcile(dataset, sources[dataset.system], hub.sync)


def customers_match_accounts(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM hub.customers WHERE deleted_at IS NULL),"
            " (SELECT count(DISTINCT customer_id) FROM hub.customer_accounts WHERE deleted_at IS NULL)"
        ).fetchone()
    return row is not None and row[0] == row[1] > 0
