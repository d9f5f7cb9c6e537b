"""salesforce-pubsub-api-client, the event client of the JavaScript world.

It insists on TLS and brings its own list of authorities, so it is told not to check (`rejectUnauthorizedSsl`), its own
setting for test hosts. 5.5.2 is the newest that runs on Node 20. avro-js is pinned because 1.12.2 does not name what
it needs (underscore).
"""

from collections.abc import Iterable
from pathlib import Path

from tests.clients.harness import Client, Stage, Step, node_tour


def _tour(client: Client, stage: Stage) -> Iterable[Step]:
    sandbox = stage.sandbox
    arguments = {
        "url": sandbox.salesforce_url,
        "secureUrl": sandbox.salesforce_tls_url,
        "events": sandbox.salesforce_grpc_tls,
    }
    return node_tour(client, stage, arguments)


CLIENT = Client("salesforce-pubsub-api-client", "5.5.2", Path(__file__).with_name("package-lock.json"), _tour)
