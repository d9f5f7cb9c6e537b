"""Whatever goes wrong between the database and a request: nobody is ever given another customer's answer.

A faulty layer stands where libpq does. It drops, doubles, swaps and repeats results, alone and in runs, so that what
follows is shifted. Over the real database, connections are killed and questions cancelled meanwhile. Over a scripted
server, which costs nothing to connect to, there are many more faults.

HUB_MISPLACED is how many faults there are over the scripted server; 5,000 where it is not set, which takes a second or
two. HUB_MISPLACED=100000 is the full count, and takes half a minute of one core; over the real database there are then
100,000 requests instead of 3,000, with a fault in every hundredth.
"""

import asyncio
import os
import socket
from collections import Counter, deque
from collections.abc import Iterator
from random import Random
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg.pq import ConnStatus, ExecStatus
from structlog.testing import capture_logs

from read_api.store.database import SPEAK_FOR, SPEAK_FOR_NOBODY, Database, DatabaseDownError, QuestionRefusedError
from read_api.store.pipelined import connection as module
from read_api.store.pipelined import pool
from read_api.store.pipelined.connection import MisplacedAnswerError, PipelinedConnection
from read_api.store.questions import Question
from tests.builders import insert_customer

FAULTS = int(os.environ.get("HUB_MISPLACED", "5000"))
REQUESTS = 100_000 if FAULTS >= 100_000 else 3000
FAULTY_WAYS = ("drop", "double", "swap", "repeat")
LONGEST_RUN = 7


class Faulty:
    """A connection of libpq whose results go astray: each with a probability of `rate`."""

    def __init__(self, real: Any, chance: Random, rate: float) -> None:
        self._real = real
        self._chance = chance
        self._rate = rate
        self._ready: deque[Any] = deque()
        self._seen: deque[Any] = deque(maxlen=32)
        self._to_drop = 0
        self._held: Any = None
        self.faults: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def is_busy(self) -> bool:
        return not self._ready and bool(self._real.is_busy())

    def get_result(self) -> Any:
        if self._ready:
            return self._ready.popleft()
        # Nothing marks the end of each command's results; without it, whole runs can go without a trace.
        result = self._real.get_result()
        if result is None and not self._real.is_busy():
            result = self._real.get_result()
        if result is None:
            return None
        self._ready.extend(self._gone_astray(result))
        return self._ready.popleft() if self._ready else None if self._real.is_busy() else self.get_result()

    def _gone_astray(self, result: Any) -> list[Any]:
        """What comes instead of the result."""
        if self._to_drop:
            self._to_drop -= 1
            return []
        if self._held is not None:
            held, self._held = self._held, None
            return [result, held]
        self._seen.append(result)
        if self._chance.random() >= self._rate:
            return [result]
        fault = self._chance.choice(FAULTY_WAYS)
        self.faults[fault] += 1
        some = self._chance.randint(1, LONGEST_RUN)
        begins = self._chance.randrange(len(self._seen))
        if fault == "swap":
            self._held = result
        elif fault == "drop":
            self._to_drop = some - 1
        return {
            "double": [result, result],
            "repeat": [*list(self._seen)[begins : begins + some], result],
        }.get(fault, [])


class Written(Question):
    """A question whose name is its text."""

    def __init__(self, text: str) -> None:
        super().__init__(text, text=text)


# -- over the real database

MINE = Written("SELECT id FROM hub.customers")
NOBODYS = Written("SELECT 'nobody' WHERE NOT EXISTS (SELECT FROM hub.customers)")


@pytest.fixture
def chance() -> Random:
    return Random(16)  # no secret


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch, chance: Random) -> list[Faulty]:
    """Every connection of the API is faulty: the faulty layers, as they come."""
    made: list[Faulty] = []

    def faulty(connection: Any) -> PipelinedConnection:
        made.append(Faulty(connection.pgconn, chance, 1 / 300))
        through: Any = SimpleNamespace(pgconn=made[-1])
        return PipelinedConnection(through)

    monkeypatch.setattr(pool, "PipelinedConnection", faulty)
    return made


@pytest.fixture
def customers(database: Any) -> list[str]:
    with psycopg.connect(database.owner) as connection:
        return [str(insert_customer(connection)["id"]) for _ in range(8)]


@pytest.mark.timeout(300)
async def test_over_the_real_database_nobody_is_given_anothers_answer(
    database: Any, customers: list[str], layers: list[Faulty], chance: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "log", SimpleNamespace(error=lambda *_, **__: None))
    api = Database(database.api, 4)
    await api.open()
    outcomes: Counter[str] = Counter()
    left = REQUESTS

    async def request() -> None:
        me = chance.choice([*customers, ""])
        asking = asyncio.create_task(api.ask(MINE, me, {}) if me else api.ask_openly(NOBODYS))
        if chance.random() < 0.02:
            await asyncio.sleep(0)
            asking.cancel()
        try:
            found: Any = await asking
        except (DatabaseDownError, QuestionRefusedError, asyncio.CancelledError) as error:
            outcomes[type(error).__name__] += 1
            return
        rows = found.rows if me else found
        outcomes["right" if rows == [((me or "nobody").encode(),)] else f"{me} was told {rows}"] += 1

    async def some() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await request()

    async def trouble() -> None:
        async with await psycopg.AsyncConnection.connect(database.owner, autocommit=True) as owner:
            while left > 0:
                await asyncio.sleep(0.05)
                await owner.execute(
                    "SELECT CASE WHEN random() < 0.5 THEN pg_terminate_backend(pid) ELSE pg_cancel_backend(pid) END"
                    " FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'hub-api'"
                    " ORDER BY random() LIMIT 1"
                )

    await asyncio.gather(*[some() for _ in range(32)], trouble())
    misplaced = api.misplaced_answers
    await api.close()

    known = {"right", DatabaseDownError.__name__, QuestionRefusedError.__name__, asyncio.CancelledError.__name__}
    assert set(outcomes) <= known, outcomes
    assert outcomes["right"] > 0.9 * REQUESTS
    assert 0 < misplaced <= outcomes[DatabaseDownError.__name__] + outcomes[asyncio.CancelledError.__name__]
    assert sum((each.faults for each in layers), Counter()).total() > REQUESTS / 200


# -- over a scripted server


class Result:
    """What libpq says of a statement."""

    def __init__(self, status: ExecStatus, *row: bytes) -> None:
        self.status = status
        self._row = row
        self.ntuples = 1 if row else 0
        self.nfields = len(row)

    def get_value(self, _row: int, column: int) -> bytes:
        return self._row[column]


class Server:
    """Answers each statement at once, as the protocol says: the question's answer is its first value."""

    status = ConnStatus.OK

    def __init__(self, socket_: int) -> None:
        self.socket = socket_
        self._results: deque[Result | None] = deque()

    def __getattr__(self, name: str) -> Any:  # enter_pipeline_mode, flush, consume_input
        return lambda *_: None

    def is_busy(self) -> bool:
        return not self._results

    def get_result(self) -> Result | None:
        return self._results.popleft()

    def send_prepare(self, _name: bytes, _text: bytes) -> None:
        self._results += [Result(ExecStatus.COMMAND_OK), None]

    def send_query_prepared(self, _name: bytes, values: list[bytes]) -> None:
        self._results += [Result(ExecStatus.TUPLES_OK, *values), None]

    def pipeline_sync(self) -> None:
        self._results.append(Result(ExecStatus.PIPELINE_SYNC))


@pytest.fixture
def silent() -> Iterator[int]:
    """The number of a socket on which nothing ever comes."""
    one, other = socket.socketpair()
    with one, other:
        yield one.fileno()


@pytest.mark.timeout(300)
async def test_over_a_scripted_server_nobody_is_given_anothers_answer(
    silent: int, chance: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "log", SimpleNamespace(error=lambda *_, **__: None))
    told: Counter[str] = Counter()
    faults = 0
    while faults < FAULTS:
        layer = Faulty(Server(silent), chance, 0.15)
        through: Any = SimpleNamespace(pgconn=layer)
        connection = PipelinedConnection(through)
        asked = {}
        for number in range(8):
            me = b"customer %d" % number
            asked[me] = connection.ask(me, [(SPEAK_FOR, [me]), (MINE, [me])])
            if chance.random() < 0.1:
                asked[me].cancel()
        connection._receive()
        connection.close()
        faults += layer.faults.total()
        for me, answer in asked.items():
            if answer.cancelled():
                continue
            if error := answer.exception():
                told[type(error).__name__] += 1
            else:
                said, found = answer.result()
                told["right" if said.get_value(0, 0) == found.get_value(0, 0) == me else "another's"] += 1

    assert set(told) == {"right", "MisplacedAnswerError", "ConnectionBrokenError"}
    assert min(told.values()) > faults / 20


# -- what comes of one


def turned_around(real: Any) -> Any:
    """Two requests' results, as if the server had answered in another order."""
    results = [real.get_result() for _ in range(10)]
    real._results.extend([*results[5:], *results[:5]])
    return real


async def test_an_answer_in_anothers_place_ends_the_connection_and_is_told_to_whoever_runs_the_hub(
    silent: int,
) -> None:
    through: Any = SimpleNamespace(pgconn=Server(silent))
    connection = PipelinedConnection(through)
    await_prepared = connection.ask(b"first", [(SPEAK_FOR, [b"first"]), (MINE, [b"first"])])
    connection._receive()
    one, other = (connection.ask(me, [(SPEAK_FOR, [me]), (MINE, [me])]) for me in (b"one", b"other"))
    turned_around(through.pgconn)

    with capture_logs() as logs:
        connection._receive()

    assert await_prepared.done()
    assert isinstance(one.exception(), MisplacedAnswerError)
    assert isinstance(other.exception(), module.ConnectionBrokenError)
    assert (connection.is_open, connection.misplaced) == (False, 1)
    assert [(each["event"], each["log_level"]) for each in logs] == [("answer_misplaced", "error")]


@pytest.mark.parametrize(
    ("mine", "came"),
    [
        ((b"me", b"nonce"), (b"another", b"nonce")),
        ((b"me", b"nonce"), (b"me", b"another")),
        ((b"", b"nonce"), (b"left behind", b"nonce")),
        ((b"me", b"nonce"), ()),
    ],
    ids=["another customer", "another request", "somebody where nobody is meant", "nobody at all"],
)
def test_the_first_result_must_name_the_customer_and_the_request(mine: tuple[bytes, bytes], came: Any) -> None:
    answered: Any = None
    waiting: Any = module._Waiting(answered, mine[0], [mine[1], b"second"], [], 2, 0.0)
    answer: Any = Result(ExecStatus.TUPLES_OK, b"answer", b"second")
    right: Any = Result(ExecStatus.TUPLES_OK, *mine)
    wrong: Any = Result(ExecStatus.TUPLES_OK, *came)

    assert waiting.owns([right, answer])
    assert not waiting.owns([wrong, answer])
    assert not waiting.owns([right, right])


async def test_what_is_asked_for_nobody_is_answered_only_where_nobody_was_left_behind(database: Any) -> None:
    api = Database(database.api, 1)
    await api.open()
    assert await api.ask_openly(NOBODYS) == [(b"nobody",)]

    # For the whole session, as a careless statement might.
    left_behind = Written("SELECT set_config('hub.customer_id', '00000000-0000-0000-0000-000000000000', false)")
    await api.ask_openly(left_behind)
    with pytest.raises(DatabaseDownError):
        await api.ask_openly(NOBODYS)

    assert api.misplaced_answers == 1
    assert await api.ask_openly(NOBODYS) == [(b"nobody",)]
    await api.close()


async def test_it_is_a_problem_that_says_to_try_again(
    client: Any, app: Any, bearer: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = bearer(insert_customer(rows)["id"])
    with monkeypatch.context() as broken:
        broken.setattr(module._Waiting, "owns", lambda *_: False)
        answer = await client.get("/api/me", headers=headers)
    again = await client.get("/api/me", headers=headers)

    assert (answer.status_code, answer.json()["type"], answer.headers["retry-after"]) == (
        503,
        "/problems/unavailable",
        "2",
    )
    assert app.state["services"].database.misplaced_answers == 1
    assert again.status_code == 200


def test_the_statement_for_nobody_names_whom_it_speaks_for() -> None:
    assert b"hub.customer_id" in SPEAK_FOR_NOBODY.sql
