"""The queue of details-by-call: which parents are due, and when each must be requested again."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Literal

from domain.common.identifiers import account_id
from pipelines.sync.dataset import SETTLING, Details, Parent, Row, Selection
from pipelines.sync.tables import account_column, listed, qualified

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
"""When a parent whose details failed is requested again: each time after twice as long."""

MOST_AT_WORK = 10
"""Of a page's parents that are still at work, the most that are requested again early: calls to a source are shared."""


def due_parents(
    connection: Connection[Any], details: Details, *, everyone: bool = False, batch: int = 500
) -> Iterator[Row]:
    """The parents whose details are due now (or simply `everyone`), in the data set's order.

    Each row also says how long the list is (`due_count`). The rows come from a server-side cursor that outlives its
    transaction: the list is taken once, costs no memory here, and keeps no transaction open while the calls are made.
    """
    query = SQL(
        "SELECT {columns}, count(*) OVER () AS due_count FROM {parent}"
        " WHERE {due} AND deleted_at IS NULL AND {where} ORDER BY {order} LIMIT {limit}"
    ).format(
        columns=listed(("id", "source_id", *details.columns)),
        parent=qualified(details.parent),
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

    A selection's owners are accounts of the parents' system: all parents of theirs.
    """
    query = SQL(
        "SELECT {columns}, count(*) OVER () AS due_count FROM {parent}"
        " WHERE (id = ANY(%(ids)s) OR {owner} = ANY(%(owners)s)) AND deleted_at IS NULL AND {where}"
    ).format(
        columns=listed(("id", "source_id", *details.columns)),
        parent=qualified(details.parent),
        owner=Identifier(str(account_column(details.parent))),
        where=SQL(details.where),
    )
    ids = details.ids(sorted(only.records))
    owners = [account_id(details.system, owner) for owner in sorted(only.owners)]
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(query, {"ids": ids, "owners": owners}).fetchall()
    connection.commit()
    return list(found)


def make_due(connection: Connection[Any], details: Details, source_ids: Sequence[str]) -> None:
    """Have the next run ask about these parents."""
    connection.execute(
        SQL("UPDATE {} SET {} = now() WHERE id = ANY(%s) AND {}").format(
            qualified(details.parent), Identifier(details.due_at), SQL(details.where)
        ),
        [details.ids(source_ids)],
    )
    connection.commit()


def still_requested(connection: Connection[Any], details: Details, source_ids: set[str]) -> set[str]:
    """Which of the parents are there and such that their details are requested."""
    query = SQL("SELECT source_id FROM {} WHERE id = ANY(%s) AND deleted_at IS NULL AND {}").format(
        qualified(details.parent), SQL(details.where)
    )
    return {row[0] for row in connection.execute(query, [details.ids(source_ids)]).fetchall()}


class Answers:
    """Writes down what came of asking about parents, in the transaction of their page."""

    def __init__(
        self, connection: Connection[Any], dataset_name: str, details: Details, settings: Any, run_id: UUID
    ) -> None:
        self._connection = connection
        self._dataset_name = dataset_name
        self._details = details
        self._settings = settings
        self._run_id = run_id

    def mark_read(self, parents: Sequence[Parent]) -> int:
        """Write down that the parents' details were read; how many of these entries the change log has."""
        if not parents:
            return 0
        details = self._details
        # Their moment is that of the answer: a page of them may take minutes. A parent that changed while its details
        # were on their way stays due.
        read = SQL(
            "UPDATE {parent} p SET {as_of} = was_requested_at,"
            " {due} = CASE WHEN {due} > was_requested_at THEN {due}"
            " WHEN {unsettled} THEN was_requested_at"
            "   + least(greatest(was_requested_at - changed_at, %(settling)s), %(refresh_after)s::interval)"
            " ELSE was_requested_at + %(refresh_after)s::interval END"
            " FROM (SELECT id, {as_of}, requested.at FROM {parent}"
            "         JOIN unnest(%(parents)s::uuid[], %(requested_at)s::timestamptz[]) requested (parent, at)"
            "           ON requested.parent = id) was (was_id, was_as_of, was_requested_at)"
            " WHERE was_id = p.id"
        ).format(
            parent=qualified(details.parent),
            as_of=Identifier(details.as_of),
            due=Identifier(details.due_at),
            unsettled=SQL(details.unsettled),
        )
        if details.logged:
            read = SQL(
                "WITH read AS ({read} RETURNING p.id, p.account_id, was_as_of AS before, p.{as_of} AS after)"
                " INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after, run_id)"
                " SELECT {entity}, id, account_id, 'update', jsonb_build_object({key}, before),"
                " jsonb_build_object({key}, after), %(run_id)s FROM read"
            ).format(
                read=read,
                as_of=Identifier(details.as_of),
                key=Literal(details.as_of),
                entity=Literal(details.parent.name),
            )
        marked = self._connection.execute(
            read,
            {
                "parents": [parent.id for parent in parents],
                "requested_at": [parent.requested_at for parent in parents],
                "refresh_after": details.refresh_after(self._settings) if details.refresh_after else None,
                "settling": SETTLING,
                "run_id": self._run_id,
            },
        ).rowcount
        if details.unsettled != "false":
            self._request_unsettled(parents)
        return marked if details.logged else 0

    def postpone(self, parents: Sequence[Parent]) -> None:
        """Have parents whose details failed requested again, each time later; sooner where they are due sooner."""
        if not parents:
            return
        details = self._details
        postponed = SQL(
            "UPDATE {parent} p SET {due} = least("
            "     CASE WHEN {due} > requested.at THEN {due} END,"
            "     requested.at + least(%(first)s * power(2, least(q.times_seen - 1, 20)), %(longest)s))"
            "  FROM unnest(%(parents)s::uuid[], %(source_ids)s::text[], %(requested_at)s::timestamptz[])"
            "         requested (parent, source_id, at)"
            "  JOIN sync.quarantine q ON q.dataset = %(dataset)s AND q.source_id = requested.source_id"
            " WHERE p.id = requested.parent"
        ).format(parent=qualified(details.parent), due=Identifier(details.due_at))
        self._connection.execute(
            postponed,
            {
                "dataset": self._dataset_name,
                "parents": [parent.id for parent in parents],
                "source_ids": [parent.source_id for parent in parents],
                "requested_at": [parent.requested_at for parent in parents],
                "first": FIRST_WAIT,
                "longest": LONGEST_WAIT,
            },
        )

    def _request_unsettled(self, parents: Sequence[Parent]) -> None:
        """Have what is still at work read again when it is due, before the next poll; more of them wait for that."""
        details = self._details
        query = SQL(
            "INSERT INTO sync.inbox (source, event_id, kind, entity, record_id, due_at)"
            " SELECT 'hub', %(dataset)s || ':' || source_id, 'record', %(dataset)s, source_id, {due} FROM {parent}"
            " WHERE id = ANY(%(parents)s) AND {unsettled} AND deleted_at IS NULL ORDER BY {due} LIMIT %(most)s"
            # Made anew while a worker reads the record: the worker sees that it came later, and leaves it waiting.
            " ON CONFLICT ON CONSTRAINT inbox_source_event_id_key DO UPDATE SET state = 'waiting',"
            " due_at = excluded.due_at, received_at = clock_timestamp(), attempts = 0, error = NULL"
        ).format(due=Identifier(details.due_at), parent=qualified(details.parent), unsettled=SQL(details.unsettled))
        ids = [parent.id for parent in parents]
        parameters = {"dataset": self._dataset_name, "parents": ids, "most": MOST_AT_WORK}
        self._connection.execute(query, parameters)
