"""Connections that carry the questions of many requests: each gets its own answer, whatever happens to the others."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.errors import DivisionByZero, QueryCanceled, UndefinedTable

from read_api.store import pipelined
from read_api.store.database import SPEAK_FOR_NOBODY
from read_api.store.pipelined.connection import NoConnectionError
from read_api.store.pipelined.pool import PipelinedPool
from read_api.store.questions import Question
from tests.conftest import Database

LOCK = 4711


class Written(Question):
    """A question whose name is its text."""

    def __init__(self, text: str) -> None:
        super().__init__(text, text=text)


OTHER_LOCK = 4712

NAME_ME = Written("SELECT set_config('hub.customer_id', %(me)s, true)")
WHO = Written("SELECT coalesce(current_setting('hub.customer_id', true), '')")
BLOCKED = Written("SELECT pg_backend_pid() FROM pg_advisory_xact_lock(4711)")
BLOCKED_TOO = Written("SELECT pg_backend_pid() FROM pg_advisory_xact_lock(4712)")
ONE = Written("SELECT 1")


async def ask(pool: PipelinedPool, *questions: Question, **values: str) -> Any:
    """A result for each question. Unless the first is NAME_ME, for nobody."""
    asked = [(question, question.bound(values)) for question in questions]
    if questions[0] is NAME_ME:
        return await pool.ask(values["me"].encode(), asked)
    return (await pool.ask(b"", [(SPEAK_FOR_NOBODY, []), *asked]))[1:]


@pytest.fixture
async def opened(database: Any) -> AsyncIterator[Any]:
    """Opens a pool over the test's database, and waits until all its connections are there."""
    made: list[PipelinedPool] = []

    async def opened(connections: int) -> PipelinedPool:
        made.append(PipelinedPool(database.api, connections, "-c statement_timeout=60s"))
        await made[-1].open()
        while len(await processes(made[-1], 10 * connections)) < connections:
            pass
        return made[-1]

    yield opened
    for each in made:
        await each.close()


async def processes(pool: PipelinedPool, questions: int) -> set[Any]:
    """The server's processes that answer so many questions asked at once."""
    found = await asyncio.gather(*[ask(pool, Written("SELECT pg_backend_pid()")) for _ in range(questions)])
    return {answer.get_value(0, 0) for (answer,) in found}


@pytest.fixture
async def one(opened: Any) -> PipelinedPool:
    """A pool of one connection."""
    pool: PipelinedPool = await opened(1)
    return pool


@pytest.fixture
def lock(database: Any) -> Iterator["psycopg.Connection[Any]"]:
    """Holds what BLOCKED and BLOCKED_TOO wait for, until it is closed."""
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s), pg_advisory_lock(%s)", [LOCK, OTHER_LOCK])
        yield connection


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The pool's clock, which stands still: `now`, and how often somebody looked at it."""

    class Clock:
        now = 0.0
        looks = 0

        def __call__(self) -> float:
            self.looks += 1
            return self.now

        async def looked_at(self, times: int) -> None:
            ends = self.looks + times
            while True:
                if self.looks >= ends:
                    return
                await asyncio.sleep(0)

    clock = Clock()
    for module in (pipelined.connection, pipelined.pool):
        monkeypatch.setattr(module, "monotonic", clock)
    return clock


async def blocked(lock: "psycopg.Connection[Any]", by: int = LOCK) -> int:
    """Wait until a session waits for the lock; its process."""
    while True:
        found = lock.execute(
            "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted AND l.objid = %s",
            [by],
        ).fetchone()
        if found:
            return int(found[0])
        await asyncio.sleep(0)


def release(lock: "psycopg.Connection[Any]", what: int | None = None) -> None:
    query = "SELECT pg_advisory_unlock_all()" if what is None else f"SELECT pg_advisory_unlock({what})"
    lock.execute(query)


async def test_many_requests_at_a_time_are_each_answered_for_themselves(one: PipelinedPool) -> None:
    found = await asyncio.gather(*[ask(one, NAME_ME, WHO, me=f"customer {n}") for n in range(200)])

    assert [answer.get_value(0, 0) for _, answer in found] == [b"customer %d" % n for n in range(200)]


async def test_what_a_request_set_ends_with_it(one: PipelinedPool) -> None:
    await ask(one, NAME_ME, WHO, me="somebody")

    (answer,) = await ask(one, WHO)

    assert answer.get_value(0, 0) == b""


async def test_a_question_that_is_refused_costs_the_others_nothing(one: PipelinedPool) -> None:
    questions = [ONE, Written("SELECT 1 / 0"), ONE, Written("SELECT * FROM nowhere"), ONE]

    found = await asyncio.gather(*[ask(one, each) for each in questions], return_exceptions=True)

    assert [type(each) for each in found] == [list, DivisionByZero, list, UndefinedTable, list]


async def test_a_commit_that_is_refused_is_that_requests_alone(one: PipelinedPool, database: Any) -> None:
    """The server says so after all results, as one more."""
    with psycopg.connect(database.owner, autocommit=True) as owner:
        owner.execute("CREATE TABLE hub.refused_late (value int)")
        owner.execute(
            "CREATE FUNCTION hub.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE division_by_zero; END $$"
        )
        owner.execute(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON hub.refused_late DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION hub.refuse()"
        )
        owner.execute(
            "CREATE FUNCTION hub.store_late() RETURNS int LANGUAGE sql SECURITY DEFINER AS"
            " $$ INSERT INTO hub.refused_late VALUES (1) RETURNING value $$"
        )
        owner.execute("GRANT EXECUTE ON FUNCTION hub.store_late() TO hub_api")
    before = await processes(one, 1)

    found = await asyncio.gather(
        *[ask(one, each) for each in (ONE, Written("SELECT hub.store_late()"), ONE)], return_exceptions=True
    )

    assert [type(each) for each in found] == [list, DivisionByZero, list]
    assert await processes(one, 1) == before, "on the same connection"


async def test_a_question_that_could_not_be_prepared_is_prepared_once_it_can(one: PipelinedPool, database: Any) -> None:
    question = Written("SELECT amount FROM public.later")
    refused = await asyncio.gather(*[ask(one, ONE, question) for _ in range(3)], return_exceptions=True)

    with psycopg.connect(database.owner, autocommit=True) as owner:
        owner.execute("CREATE TABLE public.later AS SELECT 5 AS amount")
        owner.execute("GRANT SELECT ON public.later TO PUBLIC")
    found = await asyncio.gather(*[ask(one, ONE, question) for _ in range(3)])

    assert all(isinstance(each, UndefinedTable | NoConnectionError) for each in refused)
    assert [answer.get_value(0, 0) for _, answer in found] == [b"5"] * 3


async def test_nobody_is_sent_to_wait_behind_a_slow_question(opened: Any, lock: Any, clock: Any) -> None:
    pool = await opened(2)
    slow = asyncio.create_task(ask(pool, BLOCKED))
    await blocked(lock)
    clock.now += 2 * pipelined.connection.SLOW_SECONDS

    # More than one, so that the queue behind the slow one is the shorter.
    others = await processes(pool, 5)
    waits = not slow.done()
    release(lock)
    await slow

    assert (len(others), waits) == (1, True)


async def test_one_connection_that_is_stuck_is_no_reason_to_refuse_what_another_can_take(
    opened: Any, lock: Any, clock: Any
) -> None:
    pool = await opened(2)
    stuck = asyncio.create_task(ask(pool, BLOCKED))
    await blocked(lock)
    clock.now += 2 * pipelined.pool.PATIENCE_SECONDS
    busy = [asyncio.create_task(ask(pool, BLOCKED_TOO)) for _ in range(2)]
    await blocked(lock, OTHER_LOCK)
    clock.now += 2 * pipelined.connection.SLOW_SECONDS

    # Both are slow now, and the queue of the stuck one is the shorter.
    another = asyncio.create_task(ask(pool, ONE))
    await asyncio.sleep(0)
    release(lock, OTHER_LOCK)
    (answer,) = await another
    still_stuck = not stuck.done()
    release(lock)
    await asyncio.gather(stuck, *busy)

    assert (answer.get_value(0, 0), still_stuck) == (b"1", True)


async def test_whoever_waits_when_a_connection_breaks_is_answered_by_the_next(
    one: PipelinedPool, lock: Any, database: Any
) -> None:
    slow = asyncio.create_task(ask(one, BLOCKED))
    process = await blocked(lock)
    behind = [asyncio.create_task(ask(one, NAME_ME, WHO, me=str(n))) for n in range(5)]
    await asyncio.sleep(0)

    lock.execute("SELECT pg_terminate_backend(%s, 60000)", [process])
    release(lock)
    found = await asyncio.gather(*behind)
    await slow

    assert [answer.get_value(0, 0) for _, answer in found] == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_server_that_says_nothing_is_given_up(
    one: PipelinedPool, lock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelined.connection, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(pipelined.connection, "LOOK_EVERY_SECONDS", 0.05)

    with pytest.raises(NoConnectionError):
        await ask(one, BLOCKED)

    release(lock)
    (answer,) = await ask(one, ONE)
    assert answer.get_value(0, 0) == b"1"


async def test_a_server_that_answers_slowly_is_not_taken_for_gone(
    one: PipelinedPool, lock: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelined.connection, "LOOK_EVERY_SECONDS", 0.01)
    first = asyncio.create_task(ask(one, BLOCKED))
    second = asyncio.create_task(ask(one, BLOCKED_TOO))
    await blocked(lock)
    clock.now += pipelined.connection.SILENCE_SECONDS - 1
    release(lock, LOCK)
    (one_answer,) = await first
    clock.now += 2
    await clock.looked_at(3)
    release(lock)
    (other_answer,) = await second

    # On the connection on which it was asked, and not again on another.
    assert one_answer.get_value(0, 0) == other_answer.get_value(0, 0)


async def test_a_wait_for_the_connection_is_no_wait_for_the_server(
    database: Any, lock: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelined.pool, "PATIENCE_SECONDS", 60.0)
    pool = PipelinedPool(database.api, 1, "")
    early = asyncio.create_task(ask(pool, BLOCKED))
    await clock.looked_at(1)
    clock.now += 100
    await pool.open()
    await blocked(lock)

    later = asyncio.create_task(ask(pool, ONE))
    await asyncio.sleep(0)
    release(lock)
    await asyncio.gather(early, later)
    await pool.close()


async def test_no_more_is_asked_of_a_server_that_does_not_keep_up(
    one: PipelinedPool, lock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = asyncio.create_task(ask(one, BLOCKED))
    await blocked(lock)
    monkeypatch.setattr(pipelined.pool, "PATIENCE_SECONDS", 0.0)

    with pytest.raises(NoConnectionError, match="keep up"):
        await ask(one, ONE)

    release(lock)
    await slow


async def test_the_answer_to_somebody_who_has_gone_is_nobody_elses(one: PipelinedPool, lock: Any) -> None:
    slow = asyncio.create_task(ask(one, BLOCKED))
    await blocked(lock)
    gone, next_ = (asyncio.create_task(ask(one, NAME_ME, WHO, me=name)) for name in ("gone", "next"))
    await asyncio.sleep(0)
    gone.cancel()
    release(lock)

    _, answer = await next_
    await slow

    assert answer.get_value(0, 0) == b"next"
    assert gone.cancelled()


async def test_whoever_is_behind_a_preparation_that_took_too_long_may_try_again(database: Any) -> None:
    with psycopg.connect(database.owner) as owner:
        owner.execute("CREATE TABLE public.locked AS SELECT 5 AS amount")
        owner.execute("GRANT SELECT ON public.locked TO PUBLIC")
        owner.commit()
        owner.execute("LOCK TABLE public.locked")
        pool = PipelinedPool(database.api, 1, "-c statement_timeout=300ms")
        await pool.open()
        question = Written("SELECT amount FROM public.locked")

        found = await asyncio.gather(*[ask(pool, question) for _ in range(4)], return_exceptions=True)
    (answer,) = await ask(pool, question)
    await pool.close()

    assert all(isinstance(each, QueryCanceled | NoConnectionError) for each in found)
    assert answer.get_value(0, 0) == b"5"


async def test_a_table_that_has_changed_is_asked_anew(one: PipelinedPool, database: Any) -> None:
    question = Written("SELECT * FROM public.growing")
    with psycopg.connect(database.owner, autocommit=True) as owner:
        owner.execute("CREATE TABLE public.growing AS SELECT 5 AS amount")
        owner.execute("GRANT SELECT ON public.growing TO PUBLIC")
        (before,) = await ask(one, question)
        owner.execute("ALTER TABLE public.growing ADD currency text")
    (after,) = await ask(one, question)

    assert (before.nfields, after.nfields) == (1 + 1, 2 + 1)  # and the nonce


async def test_a_mistake_of_ours_gives_nobody_anothers_answer(one: PipelinedPool) -> None:
    no_bytes: Any = [object()]

    found = await asyncio.gather(
        ask(one, NAME_ME, WHO, me="first"),
        one.ask(b"", [(SPEAK_FOR_NOBODY, []), (Written("SELECT %(it)s"), no_bytes)]),
        *[ask(one, NAME_ME, WHO, me=f"customer {n}") for n in range(20)],
        return_exceptions=True,
    )

    first, mistake, *others = found
    assert isinstance(mistake, TypeError)
    assert isinstance(first, list)
    assert first[1].get_value(0, 0) == b"first"
    assert [each[1].get_value(0, 0) for each in others if isinstance(each, list)] == [
        b"customer %d" % n for n in range(20)
    ]


async def test_a_question_too_large_for_the_socket_is_sent_piece_by_piece(one: PipelinedPool) -> None:
    length = Written("SELECT length(%(text)s)")

    found = await asyncio.gather(ask(one, length, text="x" * 30_000_000), ask(one, ONE), ask(one, length, text="y" * 5))

    assert [answer.get_value(0, 0) for (answer,) in found] == [b"30000000", b"1", b"5"]


async def test_whoever_waits_when_it_is_closed_is_told(one: PipelinedPool, lock: Any) -> None:
    slow = asyncio.create_task(ask(one, BLOCKED))
    await blocked(lock)

    await one.close()

    for each in (slow, ask(one, ONE)):
        with pytest.raises(NoConnectionError, match="ending"):
            await each


async def test_whoever_waits_for_a_connection_when_it_is_closed_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipelined.pool, "PATIENCE_SECONDS", 60.0)
    pool = PipelinedPool("postgresql://nobody@127.0.0.1:9/none", 1, "")
    await pool.open()
    early = asyncio.create_task(ask(pool, ONE))
    await asyncio.sleep(0)

    await pool.close()

    with pytest.raises(NoConnectionError, match="ending"):
        await early


async def test_a_login_that_could_leave_its_role_carries_no_question(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelined.pool, "PATIENCE_SECONDS", 1.0)
    pool = PipelinedPool(database.owner, 1, "-c role=hub_api")
    await pool.open()

    with pytest.raises(NoConnectionError):
        await ask(pool, ONE)

    await pool.close()
