"""Refresh requests of the hub's own, which wait in the inbox like what sources send."""

from typing import Any
from uuid import UUID

from psycopg import Connection

from pipelines.datasets import DATASETS
from sql.statements import statement


def request_customer(connection: Connection[Any], customer: UUID) -> list[int]:
    """Request a refresh of every record of a customer (any id it was ever known by), in every data set.

    The numbers of the requests in the inbox; none: there is no such customer.
    """
    owned = [dataset for dataset in DATASETS if dataset.owners]
    requested = connection.execute(
        statement("sync/request_customer"),
        {
            "customer": customer,
            "owners": [dataset.owners for dataset in owned],
            "datasets": [dataset.name for dataset in owned],
        },
    )
    return [number for (number,) in requested.fetchall()]
