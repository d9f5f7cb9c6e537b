"""Ours: one run of whmcs.invoices, as Dagster would start it. Prints its facts as JSON.

Environment: SYNC_DATABASE_URL, as role hub_sync; WHMCS_*; BENCH_FULL, to read from the start again.
"""

import json
import os

from bench.contestants.memory import peak_megabytes
from core.logging import configure
from pipelines.datasets import dataset_named
from pipelines.sources.connect import source_of
from pipelines.sync.run import run


def main() -> None:
    configure()
    url, full = os.environ["SYNC_DATABASE_URL"], bool(os.environ.get("BENCH_FULL"))
    outcome = run(dataset_named("whmcs.invoices"), source_of("whmcs"), url, full=full)
    facts = {"quarantined": outcome.quarantined, "seconds": outcome.seconds}
    print(json.dumps(facts | {"peak_mb": peak_megabytes()}))


if __name__ == "__main__":
    main()
