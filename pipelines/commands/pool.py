"""Several claimed commands at once: the one place where threads work on commands."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Self

import psycopg

from core.database import connect
from core.settings import CommandSettings
from pipelines.commands.actions import ACTIONS
from pipelines.commands.runner import Runner
from pipelines.commands.saga import Command
from pipelines.sources.clients import Clients

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Outcome:
    """The status a command was left in, and what its steps had to say, in order."""

    command: Command
    status: str
    said: Sequence[str]


class RunnerPool:
    """Runs claimed commands, `at_once` of them at a time, each over a database connection of its own meanwhile.

    What is claimed together is of different lanes, so it has no order among itself. The clients are shared: budgets
    of calls are what they are, however many threads wait for them. No thread outlives its batch, because a Dagster run
    that begins sets up the logging of the whole process, and must be alone with it (see decision 0010).
    """

    def __init__(
        self,
        database_url: str,
        clients: Clients,
        settings: CommandSettings,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database_url = database_url
        self._clients = clients
        self._settings = settings
        self._stopped = stopped
        self._idle: SimpleQueue[Connection] = SimpleQueue()

    def run(self, commands: Sequence[Command]) -> Iterator[Outcome]:
        """What became of each, as they come to rest. All are run, even if nobody waits for the last.

        Raises:
            psycopg.OperationalError: the database went away; whoever claims the commands next goes on.
        """
        at_once = min(self._settings.at_once, len(commands))
        with ThreadPoolExecutor(at_once, thread_name_prefix="command") as threads:
            for ended in as_completed([threads.submit(self._outcome, command) for command in commands]):
                yield ended.result()

    def _outcome(self, command: Command) -> Outcome:
        said: list[str] = []
        with self._connection() as connection:
            runner = Runner(connection, self._clients, ACTIONS, self._settings.settle_seconds, self._stopped)
            return Outcome(command, runner.run(command, said.append), said)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = connect(self._database_url, name="forward command")
            connection.autocommit = True
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
