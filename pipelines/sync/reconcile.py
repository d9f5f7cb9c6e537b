"""Does the hub hold what the source holds? Reads a data set whole, maps it and compares it; writes nothing."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from pipelines.sync.dataset import Dataset, Source, Target
from pipelines.sync.erased import withhold
from pipelines.sync.session import open_session
from pipelines.sync.stage import create_stage, fill_stage, stage_of
from pipelines.sync.tables import listed, qualified


@dataclass(frozen=True)
class Drift:
    """How one table differs from its source, in records that exist (deleted ones do not count).

    missing: the source has it, the hub does not. extra: the other way round. different: both have it, some column
    differs. at_work: as different, and the source was still at work on it when it was read: that is no drift.
    quarantined: source ids of rows that cannot be represented, which the hub rightly lacks; what it knew of them before
    is not extra.
    """

    dataset: str
    table: str
    source_rows: int
    hub_rows: int
    missing: int
    extra: int
    different: int
    at_work: int
    quarantined: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        return self.missing == self.extra == self.different == 0


def reconcile(dataset: Dataset, source: Source[Any, Any], database_url: str) -> tuple[Drift, ...]:
    """The drift of each table the data set writes, in the order of its targets.

    Raises:
        SourceError: the source could not be read whole; there is no verdict then.
    """
    quarantined: list[str] = []
    with open_session(dataset, source, database_url, name="reconcile") as session:
        # All in one transaction, for a stage is emptied by a commit.
        for target in dataset.targets:
            create_stage(session.connection, target)
        with session.pages(position={}, full=True, everyone=True) as pages:
            for mapped in pages:
                quarantined += [failure.source_id for failure in mapped.failures]
                for target, rows in mapped.rows.items():
                    fill_stage(session.connection, target, rows)
        for target in dataset.targets:
            withhold(session.connection, target)
        drifts = tuple(_compare(session.connection, dataset, target, tuple(quarantined)) for target in dataset.targets)
        session.connection.rollback()
    return drifts


def _compare(connection: Connection[Any], dataset: Dataset, target: Target, quarantined: tuple[str, ...]) -> Drift:
    connection.execute(SQL("ANALYZE {}").format(Identifier(stage_of(target))))
    column, there = _set_aside(dataset, target, quarantined)
    ((source_rows, hub_rows, missing, extra, different, at_work),) = connection.execute(
        _comparison(dataset, target, column), {"there": there}
    )
    # A row that nobody could hand over may not even have shown its id: one of those that did not come is it.
    extra = max(extra - sum(not source_id.isalnum() for source_id in quarantined), 0)
    return Drift(
        dataset.name,
        target.table.name,
        source_rows,
        hub_rows,
        missing,
        0 if target.forgotten else extra,
        different,
        at_work,
        quarantined if target is dataset.targets[0] else (),
    )


def _set_aside(dataset: Dataset, target: Target, quarantined: tuple[str, ...]) -> tuple[str, list[UUID]]:
    """The column of the table by which its rows are known that were set aside, and its values for those.

    Of details a whole parent is set aside.
    """
    details = dataset.details
    if details is None:
        return "id", dataset.ids(target, quarantined)
    column = None if target.table is details.parent else target.complete_within
    return column or "id", details.ids(quarantined)


def _comparison(dataset: Dataset, target: Target, set_aside: str) -> Composed:
    details = dataset.details
    unsettled = details.unsettled if details is not None and target.table is details.parent else "false"
    compared = [column for column in target.columns if column not in {"id", "deleted_at"}]
    exists = SQL("deleted_at IS NULL") if "deleted_at" in target.columns else SQL("true")
    newest = SQL(", source_updated_at DESC NULLS LAST") if "source_updated_at" in target.columns else SQL("")
    return SQL(
        """
        WITH sent AS (SELECT *, {unsettled} AS at_work
                        FROM (SELECT DISTINCT ON (id) * FROM {stage} ORDER BY id{newest}) s WHERE {exists}),
             held AS (SELECT id, {columns}, {unsettled} AS at_work FROM {table} WHERE deleted_at IS NULL AND {scope}),
             pairs AS (SELECT s.id, s.at_work OR h.at_work AS at_work, ({sent}) IS DISTINCT FROM ({held}) AS differs
                        FROM sent s JOIN held h ON h.id = s.id)
        SELECT count(s.id), count(h.id),
               count(*) FILTER (WHERE h.id IS NULL),
               count(*) FILTER (WHERE s.id IS NULL AND h.{set_aside} <> ALL (%(there)s::uuid[])),
               count(*) FILTER (WHERE b.differs AND NOT b.at_work), count(*) FILTER (WHERE b.differs AND b.at_work)
          FROM sent s FULL JOIN held h ON h.id = s.id LEFT JOIN pairs b ON b.id = s.id
        """
    ).format(
        stage=Identifier(stage_of(target)),
        newest=newest,
        unsettled=SQL(unsettled),
        set_aside=Identifier(set_aside),
        exists=exists,
        table=qualified(target.table),
        scope=SQL(target.scope),
        columns=listed(compared),
        sent=listed(compared, "s."),
        held=listed(compared, "h."),
    )
