"""The first load of all lists: which data sets it measures, and what it believes."""

import pytest

from bench.errors import BenchError
from bench.everything import require_all_stored
from bench.lists import A_CALL_A_RECORD, LISTS, asked_for
from pipelines.datasets import DATASETS


def test_every_data_set_is_either_measured_or_named_as_left_apart() -> None:
    assert {*LISTS, *A_CALL_A_RECORD} == set(DATASETS)
    assert not {*LISTS} & {*A_CALL_A_RECORD}


def test_the_bare_client_can_ask_for_every_list() -> None:
    asked = {dataset.name: asked_for(dataset) for dataset in LISTS}

    assert asked["salesforce.accounts"]["soql"].startswith("SELECT Id, ")
    assert asked["whmcs.invoices"]["action"] == "GetInvoices"


def test_a_data_set_of_details_is_no_list() -> None:
    with pytest.raises(TypeError, match="is no list"):
        asked_for(A_CALL_A_RECORD[0])


def test_contestants_that_stored_different_numbers_of_rows_end_the_benchmark() -> None:
    samples = {"hub": [{"stored": {"whmcs.clients": 9}}], "limit": [{"stored": {"whmcs.clients": 10}}]}

    with pytest.raises(BenchError, match=r"did not store the same"):
        require_all_stored(samples)
