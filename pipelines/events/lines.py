"""New SIM lines: known from WHMCS, and read at the network at once."""

from typing import Any

from psycopg import Connection

from domain.common.identifiers import account_id, hub_id
from pipelines.sync.dataset import Selection
from sql.statements import statement

SERVICES = "whmcs.services"


def request_new_lines(connection: Connection[Any], services: Selection) -> None:
    """Have those of the services' lines read that never were.

    Each system's inbox is applied at its own pace: a refresh requested as soon as a line was ordered may have been
    done before the hub knew the line.
    """
    values = {
        "lines": [hub_id("whmcs", "sim", service) for service in sorted(services.records)],
        "accounts": [account_id("whmcs", client) for client in sorted(services.owners)],
    }
    connection.execute(statement("sync/request_new_lines"), values)
