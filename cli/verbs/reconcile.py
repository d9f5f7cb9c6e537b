"""`hub reconcile`."""

from dataclasses import asdict
from typing import Annotated

import typer

from cli.database import hub_url
from cli.examples import examples
from cli.output import AsJson, Column, counted, number, show
from cli.systems import System
from core.errors import HubError

EXAMPLES = examples(
    ("hub reconcile", "every data set; exit code 1 if any differs"),
    ("hub reconcile whmcs", "one system"),
    ("hub reconcile --heal", "write what differs, and look after what a source no longer mentions"),
    ("hub reconcile --json | jq '.[] | .quarantined[]'", "the rows the hub rightly lacks"),
)

COLUMNS = (
    Column("dataset", "data set"),
    Column("table", "table"),
    Column("source_rows", "source", number, right=True),
    Column("hub_rows", "hub", number, right=True),
    *(Column(key, key, number, right=True, alarming=bool) for key in ("missing", "extra", "different")),
    Column("at_work", "at work", number, right=True),
    Column("quarantined", "quarantined", lambda ids: str(len(ids)) if isinstance(ids, tuple) else "0", right=True),
)


class DriftError(HubError):
    """The hub does not hold what a source holds."""


def reconcile(
    systems: Annotated[list[System] | None, typer.Argument(help="Which systems; all when left out.")] = None,
    mend: Annotated[bool, typer.Option("--heal", help="Write what differs.")] = False,
    allow_deletions: Annotated[
        bool, typer.Option("--allow-deletions", help="With --heal: even if more than a twentieth of a table goes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every data set with its source, row by row. Reads each source whole; writes nothing without --heal.

    "At work" are SIM lines whose network had not ended what it was told when they were read: they differ for as long.
    """
    if mend:
        _heal(systems or list(System), allow_deletions=allow_deletions, as_json=as_json)
        return
    from cli.progress import shown
    from pipelines.datasets import datasets_of
    from pipelines.sources.connect import source_of
    from pipelines.sync.reconcile import reconcile as drift_of

    url = hub_url("hub_sync")
    drifts = []
    with shown(silent=as_json):
        for system in systems or list(System):
            source = source_of(system.value)
            drifts += [drift for dataset in datasets_of(system.value) for drift in drift_of(dataset, source, url)]
    show([asdict(drift) for drift in drifts], COLUMNS, as_json=as_json, empty="No data set was compared.")
    if not all(drift.agrees for drift in drifts):
        differing = sum(not drift.agrees for drift in drifts)
        raise DriftError(counted(differing, "table differs from its source", "tables differ from their source"))


HEALED = (
    Column("dataset", "data set"),
    Column("windows", "windows", number, right=True),
    Column("source_rows", "source", number, right=True),
    *(Column(key, key, number, right=True) for key in ("missing", "different", "extra", "deleted")),
    Column("quarantined", "quarantined", lambda ids: str(len(ids)) if isinstance(ids, tuple) else "0", right=True),
    Column("error", "error", alarming=bool),
)


def _heal(systems: list[System], *, allow_deletions: bool, as_json: bool) -> None:
    from cli.progress import shown
    from pipelines.datasets import datasets_of
    from pipelines.sources.connect import source_of
    from pipelines.sync.heal import Healed, heal

    url = hub_url("hub_sync")
    rows = []
    with shown(silent=as_json):
        for system in systems:
            source = source_of(system.value)
            for dataset in datasets_of(system.value):
                # One data set that cannot be healed holds up no other.
                try:
                    healed, error = heal(dataset, source, url, allow_deletions=allow_deletions), ""
                except HubError as stopped:
                    healed, error = Healed(dataset.name), str(stopped)
                rows.append(asdict(healed) | {"error": error})
            source.client.close()
    show(rows, HEALED, as_json=as_json, empty="No data set was compared.")
    if any(row["error"] for row in rows):
        raise DriftError("some data sets were not healed")
