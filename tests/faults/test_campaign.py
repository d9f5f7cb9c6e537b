"""A few seeds of the fault campaign; `make campaign SEEDS=200` plays many."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.config import Config
from sandbox.server import RunningSandbox, start
from tests.faults.campaign import Campaign

pytestmark = pytest.mark.xdist_group("campaign")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with start(
        Config(customers=12, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as running:
        yield running


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_doubled_resurrected_stale_or_somebody_elses(
    seed: int, sandbox: RunningSandbox, database: Any, tmp_path: Any
) -> None:
    verdict = Campaign(seed, sandbox, database, actions=25).run(str(tmp_path))

    assert verdict.is_clean, verdict
