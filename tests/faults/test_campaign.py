"""A seed of the fault campaign; `make campaign SEEDS=200` plays many."""

import pytest

from tests.faults.campaign import Campaign
from tests.faults.stage import stage

pytestmark = pytest.mark.xdist_group("campaign")


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_doubled_resurrected_stale_or_somebody_elses(seed: int) -> None:
    with stage() as played:
        verdict = Campaign(seed, played, actions=25).run()

    assert verdict.is_clean, verdict
