"""What is read from Freebit: the state and the traffic of each open SIM line, one call a line, stalest first."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from domain.common.record import Contract
from domain.common.vocabulary import FreebitVocabulary
from domain.sim.contract import SimDetails, SimTraffic, SimUsage
from domain.sim.providers.freebit import mapper
from domain.sim.providers.freebit.mapper import Line
from pipelines.sources.freebit.extract import line_details, line_traffic
from pipelines.sync.dataset import Dataset, Details, Row, Target
from pipelines.sync.reading import BODY, PARENT, REQUESTED_AT, parent_source_id
from sql.tables.sim import sim_usage, sims

LINE = "line"
"""What the hub's own requests call a line whose details and usage are to be read: the WHMCS id of its service."""

_details_of_lines = partial(
    Details, parent=sims, system="whmcs", kind="sim", columns=("account_id", "msisdn"), logged=True
)

_OPEN_LINES = "is_open AND msisdn IS NOT NULL"
_THEIR_OWN = f"{_OPEN_LINES} AND number_claim <> 'disputed'"
_DETAILED = f"{_OPEN_LINES} AND details_as_of IS NOT NULL"
_MEASURED = f"{_OPEN_LINES} AND usage_as_of IS NOT NULL"


def _details(row: Row) -> Row:
    return {**row[BODY], "line": row[PARENT]}


def _traffic(row: Row, vocabulary: FreebitVocabulary) -> Iterator[Contract]:
    parent = row[PARENT]
    line = Line(parent["id"], parent["account_id"], parent["source_id"], parent["msisdn"])
    today = row[REQUESTED_AT].astimezone(vocabulary.zone).date()
    traffic = mapper.traffic_from_row(line, row[BODY], today, vocabulary)
    yield traffic.now
    yield from traffic.days


LINE_DETAILS = Dataset(
    name="freebit.line_details",
    system="freebit",
    group="sim",
    description="State, plan, options and remaining data of each open line whose number is surely its own.",
    targets=(
        Target(
            contract=SimDetails,
            table=sims,
            only_existing=True,
            scope=_DETAILED,
            judges=("sim/lock_numbers", "sim/prove_numbers"),
            withholds="sim/withhold_details",
        ),
    ),
    read=line_details,
    entities=(LINE,),
    tables=(mapper.DETAILS,),
    record_of=_details,
    source_id=parent_source_id,
    mapper_version=mapper.MAPPER_VERSION,
    freshness=timedelta(hours=25),
    details=_details_of_lines(
        prefix="details",
        where=_OPEN_LINES,
        order="looked_at DESC NULLS LAST, details_as_of NULLS FIRST, id",
        refresh_after=lambda settings: timedelta(minutes=settings.detail_refresh_minutes),
        # The network is at work on it, in some zone's today.
        unsettled="pending_operation IS NOT NULL AND (pending_on IS NULL OR pending_on <= current_date + 1)",
    ),
    after=("whmcs.services",),
)

LINE_USAGE = Dataset(
    name="freebit.line_usage",
    system="freebit",
    group="sim",
    description="Data used per day by each open line.",
    targets=(
        Target(
            contract=SimTraffic,
            table=sims,
            only_existing=True,
            scope=_MEASURED,
            judges=("sim/lock_numbers",),
            withholds="sim/withhold_details",
        ),
        Target(contract=SimUsage, table=sim_usage, forgotten=True, withholds="sim/withhold_usage"),
    ),
    read=line_traffic,
    entities=(LINE,),
    to_contracts=_traffic,
    source_id=parent_source_id,
    mapper_version=mapper.MAPPER_VERSION,
    freshness=timedelta(hours=25),
    details=_details_of_lines(
        prefix="usage",
        where=_THEIR_OWN,
        order="looked_at DESC NULLS LAST, usage_as_of NULLS FIRST, id",
        refresh_after=lambda settings: timedelta(minutes=settings.usage_refresh_minutes),
    ),
    after=("whmcs.services",),
)
