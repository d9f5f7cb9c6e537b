"""What Dagster shows of a run, and which failures it tries again."""

import dagster as dg
import pytest

from core.errors import BrakeError, IncompleteReadError, PermitError, UnavailableError
from pipelines.dagster.assets import LASTING, RETRIES, metadata_of
from pipelines.sync.merged import Merged
from pipelines.sync.run import Outcome


@pytest.mark.parametrize(
    "error", [BrakeError("d", rows=20, of=100), IncompleteReadError("d", read=1, reported=2), PermitError()]
)
def test_what_only_an_operator_can_mend_is_not_tried_again(error):
    assert isinstance(error, LASTING)


def test_a_source_that_does_not_answer_is_asked_again_twice():
    assert not issubclass(UnavailableError, LASTING)
    assert (RETRIES.max_retries, RETRIES.backoff) == (2, dg.Backoff.EXPONENTIAL)


def test_each_count_of_a_run_is_shown_by_its_own_name():
    merged = Merged(inserted=1, updated=2, unchanged=3, deleted=4)
    outcome = Outcome("d", read=10, merged=merged, quarantined=5, unknown_labels={"status=Odd": 6}, seconds=2.0)

    shown = {name: value.value for name, value in metadata_of(outcome).items()}

    counts = ("rows_read", "inserted", "updated", "unchanged", "deleted", "quarantined", "rows_per_second")
    assert [shown[name] for name in counts] == [10, 1, 2, 3, 4, 5, 5.0]
    assert shown["unknown_labels"] == {"status=Odd": 6}
