"""Does the hub hold what the source holds? Reads a data set whole, maps it and compares it; writes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from core.database import connect
from pipelines.sync.ahead import ahead
from pipelines.sync.dataset import Dataset, ReadRequest, Row, Source, Target
from pipelines.sync.due import due_parents
from pipelines.sync.mapping import map_page
from pipelines.sync.merge import stage_of
from pipelines.sync.progress import Progress, tell
from pipelines.sync.rows import copy_rows
from sql.statements import statement


@dataclass(frozen=True)
class Drift:
    """How one table differs from its source, in records that exist (deleted ones do not count).

    missing: the source has it, the hub does not. extra: the other way round. different: both have it, some column
    differs. quarantined: source ids of rows that cannot be represented, which the hub rightly lacks.
    """

    dataset: str
    table: str
    source_rows: int
    hub_rows: int
    missing: int
    extra: int
    different: int
    quarantined: tuple[str, ...] = field(default=())

    @property
    def agrees(self) -> bool:
        return self.missing == self.extra == self.different == 0


def reconcile(dataset: Dataset, source: Source, database_url: str) -> tuple[Drift, ...]:
    """The drift of each table the data set writes, in the order of its targets.

    Raises:
        SourceError: the source could not be read whole; there is no verdict then.
    """
    quarantined: list[str] = []
    read = 0
    with connect(database_url, name=f"reconcile {dataset.name}") as connection, _everyone(dataset, database_url) as due:
        stages = {target: _create(connection, target) for target in dataset.targets}
        request = ReadRequest(source, position={}, full=True, due=due)
        for page in ahead(dataset.read(request)):
            mapped = map_page(dataset, page, source.vocabulary)
            quarantined += [failure.source_id for failure in mapped.failures]
            for target, rows in mapped.rows.items():
                with connection.cursor() as cursor:
                    copy_rows(cursor, stages[target], target.columns, rows)
            read += len(page.rows)
            tell(Progress(dataset.name, read, page.expected))
        tell(Progress(dataset.name, read, read, done=True))
        for query in (target.withholds for target in dataset.targets if target.withholds):
            connection.execute(statement(query))
        drifts = tuple(
            _compare(connection, dataset, target, stage, tuple(quarantined)) for target, stage in stages.items()
        )
        connection.rollback()
    return drifts


@contextmanager
def _everyone(dataset: Dataset, database_url: str) -> Iterator[Iterator[Row]]:
    if dataset.details is None:
        yield iter(())
        return
    with connect(database_url, name=f"parents {dataset.name}") as connection:
        yield due_parents(connection, dataset.details, everyone=True)


def _create(connection: Connection[Any], target: Target) -> str:
    name = stage_of(target)
    connection.execute(
        SQL("CREATE TEMP TABLE {} AS SELECT {} FROM {} WITH NO DATA").format(
            Identifier(name), SQL(", ").join(map(Identifier, target.columns)), _table(target)
        )
    )
    return name


def _compare(
    connection: Connection[Any], dataset: Dataset, target: Target, stage: str, quarantined: tuple[str, ...]
) -> Drift:
    connection.execute(SQL("ANALYZE {}").format(Identifier(stage)))
    row = connection.execute(_comparison(target, stage)).fetchone()
    source_rows, hub_rows, missing, extra, different = row if row is not None else (0, 0, 0, 0, 0)
    return Drift(
        dataset.name,
        target.table.name,
        source_rows,
        hub_rows,
        missing,
        0 if target.forgotten else extra,
        different,
        quarantined if target is dataset.targets[0] else (),
    )


def _comparison(target: Target, stage: str) -> Composed:
    compared = [column for column in target.columns if column not in {"id", "deleted_at"}]
    exists = SQL("deleted_at IS NULL") if "deleted_at" in target.columns else SQL("true")
    newest = SQL(", source_updated_at DESC NULLS LAST") if "source_updated_at" in target.columns else SQL("")
    return SQL(
        """
        WITH sent AS (SELECT * FROM (SELECT DISTINCT ON (id) * FROM {stage} ORDER BY id{newest}) s WHERE {exists}),
             held AS (SELECT id, {columns} FROM {table} WHERE deleted_at IS NULL AND {scope})
        SELECT count(s.id), count(h.id),
               count(*) FILTER (WHERE h.id IS NULL), count(*) FILTER (WHERE s.id IS NULL),
               count(*) FILTER (WHERE s.id = h.id AND ({sent}) IS DISTINCT FROM ({held}))
          FROM sent s FULL JOIN held h ON h.id = s.id
        """
    ).format(
        stage=Identifier(stage),
        newest=newest,
        exists=exists,
        table=_table(target),
        scope=SQL(target.scope),
        columns=SQL(", ").join(map(Identifier, compared)),
        sent=SQL(", ").join(SQL("s.{}").format(Identifier(column)) for column in compared),
        held=SQL(", ").join(SQL("h.{}").format(Identifier(column)) for column in compared),
    )


def _table(target: Target) -> Identifier:
    return Identifier(str(target.table.schema), target.table.name)
