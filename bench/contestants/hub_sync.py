"""Ours: one run of whmcs.invoices, as Dagster would start it. Prints its facts as JSON.

Environment: BENCH_DATABASE_URL, as role hub_sync; WHMCS_*.
"""

import json
import os

from bench.contestants.memory import peak_megabytes
from core.logging import configure
from pipelines.datasets import dataset_named
from pipelines.resources import source_of
from pipelines.sync.run import run


def main() -> None:
    configure()
    outcome = run(dataset_named("whmcs.invoices"), source_of("whmcs"), os.environ["BENCH_DATABASE_URL"])
    facts = {"quarantined": outcome.quarantined, "seconds": outcome.seconds}
    print(json.dumps(facts | {"peak_mb": peak_megabytes()}))


if __name__ == "__main__":
    main()
