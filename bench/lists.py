"""Which data sets are lists, and what a bare client asks for to read one: as their declarations say."""

from functools import partial
from typing import Any

from pipelines.datasets import DATASETS
from pipelines.sources.salesforce.extract import Query
from pipelines.sources.whmcs.scans import List
from pipelines.sync.dataset import Dataset

LISTS = tuple(dataset for dataset in DATASETS if dataset.details is None)
A_CALL_A_RECORD = tuple(dataset for dataset in DATASETS if dataset.details is not None)
"""Their pace is the source's budget of calls, not the hub's: no benchmark of loading."""


def asked_for(dataset: Dataset) -> dict[str, Any]:
    """The call that brings a list, as `bench/contestants/limit_sync.py` takes it.

    Raises:
        TypeError: it is read in a way that the bare client does not know.
    """
    question = dataset.read.args[0] if isinstance(dataset.read, partial) else None
    if isinstance(question, Query):
        return {"name": dataset.name, "soql": question.soql()}
    if isinstance(question, List):
        called = {"action": question.action, "collection": question.collection, "order": dict(question.order)}
        return {"name": dataset.name, **called}
    raise TypeError(f"{dataset.name} is no list that can be asked for without the hub")
