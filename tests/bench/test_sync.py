import pytest

from bench.errors import BenchError
from bench.sync import _require_all_stored, customers_for
from sandbox.world import World


def test_a_contestant_that_stored_less_ends_the_benchmark() -> None:
    samples = {"hub": [{"stored": 9, "quarantined": 1}], "dlt": [{"stored": 9}]}

    with pytest.raises(BenchError, match="10 invoices"):
        _require_all_stored(10, samples)


def test_rows_put_aside_count_as_handled() -> None:
    _require_all_stored(10, {"hub": [{"stored": 9, "quarantined": 1}], "dlt": [{"stored": 10}]})


def test_the_sandbox_is_just_large_enough() -> None:
    customers = customers_for(2000)

    assert World(1, customers - 1).invoice_index.total < 2000 <= World(1, customers).invoice_index.total
