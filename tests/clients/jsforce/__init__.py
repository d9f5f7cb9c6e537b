"""jsforce, the Salesforce client of the JavaScript world, by plain HTTP: it takes any `loginUrl` and `instanceUrl`."""

from collections.abc import Iterable
from pathlib import Path

from tests.clients.harness import Client, Stage, Step, node_tour


def _tour(client: Client, stage: Stage) -> Iterable[Step]:
    return node_tour(client, stage, {"url": stage.sandbox.salesforce_url})


CLIENT = Client("jsforce", "3.10.16", Path(__file__).with_name("package-lock.json"), _tour)
