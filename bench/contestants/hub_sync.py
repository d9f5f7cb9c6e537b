"""Ours: a run of each data set that is named, as Dagster would start it. Prints its facts as JSON.

Environment: SYNC_DATABASE_URL, as role hub_sync; WHMCS_*, and SALESFORCE_* for data sets of Salesforce;
BENCH_DATASETS, names with commas between (without it: whmcs.invoices); BENCH_FULL, to read from the start again.
"""

import json
import os
from functools import cache

from bench.contestants.laps import Laps
from core.logging import configure
from pipelines.datasets import dataset_named
from pipelines.sources.connect import source_of
from pipelines.sync.run import run


def main() -> None:
    configure()
    url, full = os.environ["SYNC_DATABASE_URL"], bool(os.environ.get("BENCH_FULL"))
    laps, quarantined, connected = Laps(), 0, cache(source_of)
    for name in os.environ.get("BENCH_DATASETS", "whmcs.invoices").split(","):
        dataset = dataset_named(name)
        source = connected(dataset.system)
        with laps.lap(name):
            quarantined += run(dataset, source, url, full=full).quarantined
    print(json.dumps(laps.facts() | {"quarantined": quarantined}))


if __name__ == "__main__":
    main()
