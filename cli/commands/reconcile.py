"""`hub reconcile`."""

from dataclasses import asdict
from typing import Annotated

import typer

from cli.database import hub_url
from cli.examples import examples
from cli.output import AsJson, Column, number, show
from cli.systems import System
from core.errors import HubError

EXAMPLES = examples(
    ("hub reconcile", "every data set; exit code 1 if any differs"),
    ("hub reconcile whmcs", "one system"),
    ("hub reconcile --json | jq '.[] | .quarantined[]'", "the rows the hub rightly lacks"),
)

COLUMNS = (
    Column("dataset", "data set"),
    Column("table", "table"),
    Column("source_rows", "source", number, right=True),
    Column("hub_rows", "hub", number, right=True),
    *(Column(key, key, number, right=True, alarming=bool) for key in ("missing", "extra", "different")),
    Column("quarantined", "quarantined", lambda ids: str(len(ids)) if isinstance(ids, tuple) else "0", right=True),
)


class DriftError(HubError):
    """The hub does not hold what a source holds."""


def reconcile(
    systems: Annotated[list[System] | None, typer.Argument(help="Which systems; all when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every data set with its source, row by row. Reads each source whole and writes nothing."""
    from cli.progress import shown
    from pipelines.datasets import datasets_of
    from pipelines.resources import source_of
    from pipelines.sync.reconcile import reconcile as drift_of

    url = hub_url("hub_sync")
    drifts = []
    with shown(silent=as_json):
        for system in systems or list(System):
            source = source_of(system.value)
            drifts += [drift for dataset in datasets_of(system.value) for drift in drift_of(dataset, source, url)]
    show([asdict(drift) for drift in drifts], COLUMNS, as_json=as_json, empty="No data set was compared.")
    if not all(drift.agrees for drift in drifts):
        raise DriftError(f"{sum(not drift.agrees for drift in drifts)} tables differ from their source")
