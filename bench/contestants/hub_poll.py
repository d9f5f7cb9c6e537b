"""Ours: apply what waits in WHMCS's inbox, then one poll of whmcs.invoices. Prints its facts as JSON.

Environment: DATABASE_URL, SYNC_DATABASE_URL, as role hub_sync; WHMCS_*.
"""

import json
import os
import time

from core.logging import configure
from pipelines.datasets import dataset_named
from pipelines.events.worker import Applier, Tally
from pipelines.sources.connect import source_of
from pipelines.sync.run import run


def main() -> None:
    configure()
    url, source = os.environ["SYNC_DATABASE_URL"], source_of("whmcs")
    started = time.monotonic()
    Applier("whmcs", source, url, Tally()).drain()
    run(dataset_named("whmcs.invoices"), source, url)
    print(json.dumps({"seconds": time.monotonic() - started}))


if __name__ == "__main__":
    main()
