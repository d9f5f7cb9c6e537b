"""The worker reports to Dagster in sums what it wrote, once Dagster can be reached."""

from typing import Any

import dagster as dg
import pytest

from pipelines.events.service import report
from pipelines.events.worker import Tally
from pipelines.sync.merged import Merged


class Away(dg.DagsterInstance):
    """Dagster while its database restarts."""

    def __init__(self) -> None:
        """Nothing of it is needed to fail."""

    def report_runless_asset_event(self, *_: Any, **__: Any) -> None:
        raise ConnectionError("server closed the connection unexpectedly")


@pytest.fixture
def instance() -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def reported(instance: dg.DagsterInstance) -> list[dict[str, Any]]:
    found = instance.fetch_materializations(dg.AssetKey(["whmcs", "invoices"]), limit=10).records
    return [
        {key: value.value for key, value in record.asset_materialization.metadata.items()}
        for record in found
        if record.asset_materialization is not None
    ]


def test_what_was_written_while_dagster_was_away_is_in_the_next_report(database, instance):
    tally = Tally()
    tally("whmcs.invoices", Merged(inserted=1, updated=2))
    report(tally, Away(), database.sync)
    tally("whmcs.invoices", Merged(updated=3))

    report(tally, instance, database.sync)
    report(tally, instance, database.sync)

    assert reported(instance) == [{"inserted": 1, "updated": 5, "unchanged": 0, "deleted": 0}]


def test_what_was_written_is_reported_once_though_nobody_can_say_how_fresh_it_is(instance):
    tally = Tally()
    tally("whmcs.invoices", Merged(inserted=1))

    report(tally, instance, "postgresql://nobody@127.0.0.1:1/nothing")
    report(tally, instance, "postgresql://nobody@127.0.0.1:1/nothing")

    assert reported(instance) == [{"inserted": 1, "updated": 0, "unchanged": 0, "deleted": 0}]
