"""The queue of details-by-call: which parents are due."""

from collections.abc import Iterator
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from domain.common.identifiers import account_id, hub_id
from pipelines.sync.dataset import Details, Row, Selection


def due_parents(
    connection: Connection[Any], details: Details, *, everyone: bool = False, batch: int = 500
) -> Iterator[Row]:
    """The parents whose details are due now (or simply `everyone`), in the data set's order.

    Each row also says how long the list is (`due_count`). A held server-side
    cursor: the list is taken once, costs the reader no memory however long it is, and keeps no transaction open
    while the calls are made.
    """
    query = SQL(
        "SELECT {columns}, count(*) OVER () AS due_count FROM {parent}"
        " WHERE {due} AND deleted_at IS NULL AND {where} ORDER BY {order} LIMIT {limit}"
    ).format(
        columns=SQL(", ").join(map(Identifier, ("id", "source_id", *details.columns))),
        parent=Identifier(str(details.parent.schema), details.parent.name),
        due=SQL("true") if everyone else SQL("{} <= now()").format(Identifier(details.due_at)),
        where=SQL(details.where),
        order=SQL(details.order),
        limit=SQL("ALL") if details.limit is None or everyone else details.limit,
    )
    with connection.cursor("due", withhold=True, row_factory=dict_row) as cursor:
        cursor.itersize = batch
        cursor.execute(query)
        connection.commit()
        yield from cursor


def chosen_parents(connection: Connection[Any], details: Details, only: Selection) -> list[Row]:
    """The parents of a selection, due or not, as `due_parents` gives them; those the hub does not know are left out.

    A selection's owners are WHMCS clients: all parents of theirs.
    """
    query = SQL(
        "SELECT {columns}, count(*) OVER () AS due_count FROM {parent}"
        " WHERE (id = ANY(%(ids)s) OR {owner} = ANY(%(owners)s)) AND deleted_at IS NULL AND {where}"
    ).format(
        columns=SQL(", ").join(map(Identifier, ("id", "source_id", *details.columns))),
        parent=Identifier(str(details.parent.schema), details.parent.name),
        owner=Identifier("account_id" if "account_id" in details.parent.c else "id"),
        where=SQL(details.where),
    )
    ids = [hub_id("whmcs", details.kind, record) for record in sorted(only.records)]
    owners = [account_id("whmcs", owner) for owner in sorted(only.owners)]
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(query, {"ids": ids, "owners": owners}).fetchall()
    connection.commit()
    return list(found)
