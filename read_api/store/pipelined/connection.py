"""One connection that carries the questions of many requests: the protocol, which the package's first lines state."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hmac import compare_digest
from itertools import count
from secrets import token_hex
from time import monotonic
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from core.errors import HubError
from core.logging import logger
from read_api.store.questions import Question

log = logger(__name__)

SLOW_SECONDS = 0.1
"""Nothing is asked behind a question that the server is longer at, while there is another connection."""
SILENCE_SECONDS = 15.0
"""A server that owes an answer and says nothing for longer than it may take over a statement is gone."""
LOOK_EVERY_SECONDS = 1.0

MOST_NULLS = 3
"""libpq gives NULL for a result once or twice between two results. More often in a row, and the connection is lost."""

REFUSED = {ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE, ExecStatus.PIPELINE_ABORTED}
ROWLESS = REFUSED | {ExecStatus.TUPLES_OK}
"""What a statement may say without a row."""

Statements = Sequence[tuple[Question, list[bytes | None]]]
"""What one request asks: questions, and the values of each one's parameters."""
Answer = asyncio.Future[list[PGresult]]


class NoConnectionError(HubError):
    """There is no connection, or none that answers in time."""


class ConnectionBrokenError(HubError):
    """The connection ended before the answer came."""


class MisplacedAnswerError(NoConnectionError):
    """What came as the answer to a request is not proven to be its answer."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request whose answer is to come.

    proofs: what the rows of each of its statements end with. new: the questions that are prepared for it. since: when
    it was asked, by monotonic().
    """

    answer: Answer
    customer: bytes
    proofs: Sequence[bytes]
    new: Sequence[Question]
    results: int
    since: float

    def owns(self, results: Sequence[PGresult]) -> bool:
        """Whether these results, one for each of its statements, are this request's. A refusal has no rows to tell."""
        first = results[0]
        if first.status not in REFUSED and not (
            first.ntuples and compare_digest(first.get_value(0, 0) or b"", self.customer)
        ):
            return False
        for result, proof in zip(results, self.proofs, strict=True):
            if not result.ntuples:
                if result.status not in ROWLESS:
                    return False
            # All rows of a result come from one execution of one statement: the first speaks for them.
            elif not compare_digest(result.get_value(0, result.nfields - 1) or b"", proof):
                return False
        return True


class PipelinedConnection:
    """One connection, in the loop in which it was made, until it breaks or is closed."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self.is_open = True
        self.misplaced = 0
        self._name = token_hex(4).encode()
        self._numbers = count()
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._pgconn = connection.pgconn
        self._socket = connection.pgconn.socket
        self._prepared: set[bytes] = set()
        self._waiting: deque[_Waiting] = deque()
        self._results: list[PGresult] = []
        self._nulls = 0
        self._heard = monotonic()
        self._pgconn.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._receive)

    def waited(self, now: float) -> float:
        """How many seconds ago the question was asked whose answer comes next; 0: nothing is asked."""
        return now - self._waiting[0].since if self._waiting else 0.0

    def silent(self, now: float) -> float:
        """For how many seconds the server has owed an answer and said nothing."""
        return now - max(self._waiting[0].since, self._heard) if self._waiting else 0.0

    def queue(self, now: float) -> tuple[bool, int]:
        """What a question asked now would wait for; the smallest is the best."""
        return self.silent(now) > SLOW_SECONDS, len(self._waiting)

    def ask(self, customer: bytes, statements: Statements) -> Answer:
        """Send the statements; a result for each is to come. The first says that the transaction is the customer's.

        The answer raises:
            psycopg.Error: the server refused one of them.
            MisplacedAnswerError: what came is not proven to be the answer.
            ConnectionBrokenError: the connection ended; whether it heard them is not known.
        """
        answer: Answer = self._loop.create_future()
        new = [question for question, _ in statements if question.prepared_as not in self._prepared]
        nonce = b"%b.%d" % (self._name, next(self._numbers))
        proofs = [b"%b.%d" % (nonce, number) for number in range(len(statements))]
        self._waiting.append(_Waiting(answer, customer, proofs, new, len(new) + len(statements), monotonic()))
        try:
            for question in new:
                # Known from here on: whoever asks it next is behind this.
                self._prepared.add(question.prepared_as)
                self._pgconn.send_prepare(question.prepared_as, question.sql)
            for (question, values), proof in zip(statements, proofs, strict=True):
                self._pgconn.send_query_prepared(question.prepared_as, [*values, proof])
            self._pgconn.pipeline_sync()
            if self._pgconn.flush():
                self._loop.add_writer(self._socket, self._send)
        except psycopg.OperationalError:
            self.close()
        except BaseException:
            # What was sent of it has no end of its own: the next answers would be given to others.
            self._waiting.pop()
            self.close()
            raise
        return answer

    async def ended(self) -> None:
        """Return once the connection has ended; ends it when nobody is there any more."""
        while self.is_open:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._ended.wait()
            if self.silent(monotonic()) > SILENCE_SECONDS:
                self.close()

    def close(self) -> None:
        """End it; whoever waits is told that it broke."""
        if not self.is_open:
            return
        self.is_open = False
        self._ended.set()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        while self._waiting:
            answer = self._waiting.popleft().answer
            if not answer.done():
                answer.set_exception(ConnectionBrokenError("the connection to the database broke"))

    def _send(self) -> None:
        """What did not fit into the socket before."""
        try:
            if not self._pgconn.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.OperationalError:
            self.close()
        else:
            # To make room, libpq may have taken in answers already.
            self._receive()

    def _receive(self) -> None:
        try:
            self._pgconn.consume_input()
            self._heard = monotonic()
            while self._waiting and not self._pgconn.is_busy():
                self._take(self._pgconn.get_result())
        except psycopg.OperationalError:
            self.close()

    def _take(self, result: PGresult | None) -> None:
        if result is None:  # the end of one command's results
            self._nulls += 1
            if self._nulls > MOST_NULLS or self._pgconn.status == ConnStatus.BAD:
                self.close()
            return
        self._nulls = 0
        if result.status != ExecStatus.PIPELINE_SYNC:
            self._results.append(result)
        else:
            results, self._results = self._results, []
            self._tell(self._waiting.popleft(), results)

    def _tell(self, waiting: _Waiting, results: list[PGresult]) -> None:
        if len(results) == waiting.results + 1 and results[-1].status in REFUSED:
            # The commit itself was refused, which is said after all results, each of which is ours.
            *results, refusal = results
            if waiting.owns(results[len(waiting.new) :]):
                if not waiting.answer.done():
                    waiting.answer.set_exception(error_from_result(refusal))
                return
        if len(results) != waiting.results or not waiting.owns(results[len(waiting.new) :]):
            self._refuse(waiting)
            return
        refused = next((each for each in results if each.status in REFUSED), None)
        if refused is not None:
            for question, result in zip(waiting.new, results, strict=False):
                if result.status in REFUSED:
                    self._prepared.discard(question.prepared_as)
        if waiting.answer.done():  # its caller has gone
            return
        if refused is None:
            waiting.answer.set_result(results[len(waiting.new) :])
        else:
            waiting.answer.set_exception(error_from_result(refused))

    def _refuse(self, waiting: _Waiting) -> None:
        """No answer is better than another's; whatever else comes on this connection may be misplaced as well."""
        self.misplaced += 1
        log.error("answer_misplaced", requests_behind=len(self._waiting))
        if not waiting.answer.done():
            waiting.answer.set_exception(MisplacedAnswerError("an answer came that is not the request's"))
        self.close()
