"""Whether the process is alive, and whether it can answer."""

from typing import Literal

import msgspec
from litestar import Controller, get
from litestar.openapi.datastructures import ResponseSpec

from read_api.health.models import Database, DataSet, Live, Ready
from read_api.http.answers import ApiRequest, JsonAnswer, database_of
from read_api.store.database import Database as ApiDatabase
from read_api.store.database import DatabaseDownError, QuestionRefusedError
from read_api.store.questions import Question
from sql.level import head

MIGRATION_LEVEL = Question("health/migration_level")
FRESHNESS = Question("health/freshness")

NEEDED = head()


class HealthController(Controller):
    """Health, for whoever runs the hub; says nothing of customers."""

    path = "/health"
    tags = ("health",)

    @get(
        operation_id="getHealth",
        responses={200: ResponseSpec(Live, description="The process answers", generate_examples=False)},
    )
    async def live(self) -> JsonAnswer:
        """Whether the process answers."""
        return JsonAnswer(b'{"status":"live"}')

    @get(
        "/ready",
        operation_id="getReadiness",
        responses={
            200: ResponseSpec(Ready, description="The API can answer", generate_examples=False),
            503: ResponseSpec(Ready, description="It cannot", generate_examples=False),
        },
    )
    async def ready(self, request: ApiRequest) -> JsonAnswer:
        """Database, migration level, and the age of each data set; `degraded` while one of them is parked."""
        found = await _state(database_of(request))
        return JsonAnswer(msgspec.json.encode(found), status=503 if found.status == "not_ready" else 200)


async def _state(database: ApiDatabase) -> Ready:
    reachable = True
    level: str | None = None
    datasets: list[DataSet] = []
    try:
        rows = await database.ask_openly(MIGRATION_LEVEL)
        level = (rows[0][0] or b"").decode() if rows else None
        datasets = [msgspec.json.decode(row[0] or b"", type=DataSet) for row in await database.ask_openly(FRESHNESS)]
    except QuestionRefusedError:
        level = None
    except DatabaseDownError:
        reachable = False
    can_answer: Literal["ready", "degraded"] = "degraded" if any(each.parked for each in datasets) else "ready"
    return Ready(can_answer if level == NEEDED else "not_ready", Database(reachable, level, NEEDED), datasets)
