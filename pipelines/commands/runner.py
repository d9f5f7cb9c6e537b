"""Takes a claimed command as far as it can go now: to its end, to where it must wait, or to an operator."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from psycopg import Connection, OperationalError
from pydantic import ValidationError

from core.clock import utc_now
from core.errors import BusyError, QuotaError, RejectedError, SourceError, ThrottledError, safe
from core.logging import logger
from domain.common.identifiers import System
from pipelines.commands.journal import Journal, LostClaimError, Taken
from pipelines.commands.saga import Action, AlertError, Command, LaterError, RefusalError, Result, Step, Work
from pipelines.sources.circuit import CircuitOpenError
from pipelines.sources.clients import Clients
from sql.statements import statement

log = logger(__name__)

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 300.0
QUOTA_WAIT_SECONDS = 300.0
QUOTA_IS_OUT = "The calls that a system allows in a day are used up; it goes on when there are calls again."
MOST_SURPRISES = 3
"""How often a command may fail in a way nobody foresaw."""

Say = Callable[[str], None]


def quiet(_: str) -> None:
    """Says nothing."""


class Runner:
    """Runs commands of one process, one at a time.

    settle_seconds: how long a call whose outcome is unknown may still be at work at the source. Before that time has
        passed, finding no effect of it does not prove that there will be none.
    """

    def __init__(
        self,
        connection: Connection[Any],
        clients: Clients,
        actions: dict[str, Action[Any]],
        settle_seconds: float,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._connection = connection
        self._clients = clients
        self._actions = actions
        self._settle_seconds = settle_seconds
        self._stopped = stopped

    def run(self, command: Command, say: Say = quiet) -> str:
        """The status the command was left in; `lost`: somebody else works on it.

        Raises:
            psycopg.OperationalError: the database went away; whoever claims the command next goes on.
        """
        run = _Run(self._connection, self._clients, command, say, self._settle_seconds, self._stopped)
        with structlog.contextvars.bound_contextvars(request_id=command.request_id):
            return run.of(self._actions.get(command.kind))


class _StoppedError(Exception):
    """This process was asked to stop."""


class _Run:
    """One claimed command, taken as far as it can go now."""

    def __init__(  # noqa: PLR0917 - the runner's own parts
        self,
        connection: Connection[Any],
        clients: Clients,
        command: Command,
        say: Say,
        settle_seconds: float,
        stopped: Callable[[], bool],
    ) -> None:
        self._connection, self._clients, self._command = connection, clients, command
        self._say, self._settle_seconds, self._stopped = say, settle_seconds, stopped
        self._journal = Journal(connection, command)
        self._attempts, self._deadline_at = command.attempts, command.deadline_at

    def of(self, action: Action[Any] | None) -> str:
        try:
            return self._through(action)
        except LostClaimError:
            log.warning("command.lost", command=str(self._command.id))
            return "lost"
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - one command's surprise ends no other's work
            return self._interrupted(error, action)

    def _interrupted(self, error: Exception, action: Action[Any] | None) -> str:
        """The status for a command that did not come to its end."""
        if isinstance(error, LaterError):
            return self._later(error.seconds, error.reason)
        if isinstance(error, _StoppedError):
            return self._later(0.0, None)
        if isinstance(error, QuotaError):
            # It waits for another day's calls, which is nobody's failure: neither a try nor time that runs out.
            log.warning("command.no_quota", command=str(self._command.id), kind=self._command.kind, error=safe(error))
            return self._later(QUOTA_WAIT_SECONDS, QUOTA_IS_OUT)
        if isinstance(error, SourceError):
            return self._trouble(error)
        if isinstance(error, AlertError):
            return self._dead(error.code, error.reason, error)
        return self._surprise(error, action)

    def _through(self, action: Action[Any] | None) -> str:
        if action is None:
            raise AlertError("UNKNOWN_KIND", "This release of the hub does not know such commands.")
        taken = self._journal.taken()
        try:
            input = action.kind.input.model_validate(self._command.input)
        except ValidationError as error:
            return self._unreadable(error, nothing_begun=not taken)
        work = Work(self._command, input, self._clients, self._connection)
        for step in (*action.steps, *action.failing):
            if step.name in taken and taken[step.name].status == "done":
                work.remember(step, step.read(taken[step.name].result))
        failing = self._command.failing
        if not failing:
            self._leave_the_reserve(action, taken)
            try:
                # Once something was done, each step knows best what to do about a subject that is gone.
                if not taken:
                    work.check_owner()
                self._take(action.steps, work, taken)
            except RefusalError as refusal:
                self._say(f"it fails: {refusal}")
                self._deadline_at = self._journal.failing(refusal.code, refusal.reason)
                failing = True
        if failing:
            self._take_back(action, work, taken)
        status, result = ("failed", None) if failing else ("succeeded", action.result(work))
        self._journal.ended(status, result, action.affects(work))
        self._say(" ".join([status, *(f"{name}={value}" for name, value in (result or {}).items())]))
        return status

    def _unreadable(self, error: ValidationError, *, nothing_begun: bool) -> str:
        """What holds up its lane for ever would be everybody's who waits behind it: what was not begun ends here.

        Raises:
            AlertError: something was begun; or a newer release asks for what this one does not know, and may do it.
        """
        is_newer = any(each["type"] == "extra_forbidden" for each in error.errors(include_input=False))
        if is_newer or not nothing_begun:
            raise AlertError("UNREADABLE", "This release of the hub cannot read what was asked for.") from error
        log.error("command.unreadable", command=str(self._command.id), kind=self._command.kind, error=safe(error))
        self._journal.failing("UNREADABLE", "What was asked for cannot be done.")
        self._journal.ended("failed", None, ())
        return "failed"

    def _leave_the_reserve(self, action: Action[Any], taken: Mapping[str, Taken]) -> None:
        """The day's last calls are for what was begun, for provisioning and for operators, not for new commands.

        Raises:
            LaterError: this is one, and only those are left.
        """
        reads = {step.name for step in action.steps if step.reads}
        if not self._command.is_customers or taken.keys() - reads:
            return
        for system in action.kind.calls:
            reserve = self._clients.reserve_percent(system)
            if reserve is not None and self._is_used(system, 100 - reserve):
                raise LaterError(QUOTA_WAIT_SECONDS, QUOTA_IS_OUT)

    def _is_used(self, system: System, percent: int) -> bool:
        """Whether so much of the day's calls to the system is used."""
        values = {"system": system, "percent": percent}
        return self._connection.execute(statement("runner/quota_reached"), values).fetchone() == (True,)

    def _take_back(self, action: Action[Any], work: Work[Any], taken: Mapping[str, Taken]) -> None:
        try:
            self._take(action.failing, work, taken)
        except RefusalError as refusal:
            raise AlertError(refusal.code, refusal.reason) from refusal

    def _take(self, steps: tuple[Step[Any], ...], work: Work[Any], taken: Mapping[str, Taken]) -> None:
        for step in steps:
            if work.has(step.name) or not step.when(work):
                continue
            if self._stopped():
                raise _StoppedError
            self._check_deadline(steps, work, taken)
            work.remember(step, self._taken(step, work, taken.get(step.name)))
            self._attempts = 0

    def _taken(self, step: Step[Any], work: Work[Any], before: Taken | None) -> Result | None:
        # What an earlier try left unknown stays written down until it is known, whatever fails on the way.
        if step.find_existing is not None and (before is not None or step.find_existing_first):
            found = self._existing(step.find_existing, work, before)
            if found is not None:
                if before is None:
                    # Another command did it: this one has no line of its own yet that could be ended.
                    self._journal.begin(step.name)
                self._say(f"{step.name}: done by an earlier try")
                self._journal.end(step.name, found)
                return found
        self._journal.begin(step.name)
        result = self._acted(step, work)
        self._journal.end(step.name, result)
        self._say(f"{step.name}: done")
        return result

    def _acted(self, step: Step[Any], work: Work[Any]) -> Result | None:
        try:
            return step.act(work)
        except (LaterError, RefusalError, AlertError) as error:
            self._journal.broken(step.name, str(error), nothing_came=True)
            self._say(f"{step.name}: {_why(error)}")
            raise
        except SourceError as error:
            self._journal.broken(step.name, safe(error), nothing_came=error.nothing_came)
            self._say(f"{step.name}: {safe(error)}")
            if isinstance(error, RejectedError):
                raise RefusalError(*step.refused) from error
            raise

    def _existing(
        self, find_existing: Callable[[Work[Any]], Result | None], work: Work[Any], before: Taken | None
    ) -> Result | None:
        """The effect of an earlier try. Finding nothing counts only when that try cannot be at work any more."""
        try:
            found = find_existing(work)
        except RefusalError as refusal:
            if before is None:
                raise
            # What came of the earlier try may not even be read: it is neither done nor surely not done.
            raise AlertError(refusal.code, refusal.reason) from refusal
        if found is None and before is not None and before.seconds_ago < self._settle_seconds:
            raise LaterError(self._settle_seconds - before.seconds_ago, "The outcome of an earlier try is not known.")
        return found

    def _check_deadline(self, steps: tuple[Step[Any], ...], work: Work[Any], taken: Mapping[str, Taken]) -> None:
        if utc_now() < self._deadline_at:
            return
        changed = [step for step in steps if not step.reads and (work.has(step.name) or step.name in taken)]
        reason = "It could not be done in time."
        raise AlertError("TIMED_OUT", reason) if changed else RefusalError("TIMED_OUT", reason)

    # -- how the work on it stops before the command ends --------------------------------------------------------------

    def _later(self, seconds: float, reason: str | None) -> str:
        # Waiting on purpose costs nothing of the time that trouble may take.
        self._journal.wait(seconds, reason, self._attempts, grace=seconds)
        return "waiting"

    def _trouble(self, error: SourceError) -> str:
        wait = min(FIRST_WAIT_SECONDS * 2**self._attempts, LONGEST_WAIT_SECONDS) * random.uniform(0.8, 1.2)
        if isinstance(error, BusyError | ThrottledError) and error.retry_after is not None:
            wait = max(wait, error.retry_after)
        log.warning("command.delayed", command=str(self._command.id), kind=self._command.kind, error=safe(error))
        # Being let wait by the circuit is not a try.
        tries = self._attempts if isinstance(error, CircuitOpenError) else min(self._attempts + 1, 16)
        self._journal.wait(wait, "A system that is needed does not answer now.", tries)
        return "waiting"

    def _surprise(self, error: Exception, action: Action[Any] | None) -> str:
        log.error("command.surprise", command=str(self._command.id), kind=self._command.kind, error=safe(error))
        if self._attempts + 1 >= MOST_SURPRISES:
            reason = "The hub made a mistake; its operators are told."
            if self._command.failing or action is None or self._began(action):
                return self._dead("DEFECT", reason, error)
            # Nothing was changed anywhere, so there is nothing to find out: it fails, and its lane goes on.
            self._journal.failing("DEFECT", reason)
            self._journal.wait(0.0, None, 0)
            return "waiting"
        self._journal.wait(FIRST_WAIT_SECONDS * 2**self._attempts, None, self._attempts + 1)
        return "waiting"

    def _began(self, action: Action[Any]) -> bool:
        """Whether a step was begun that may have changed something."""
        reads = {step.name for step in action.steps if step.reads}
        return bool(self._journal.taken().keys() - reads)

    def _dead(self, code: str, reason: str, error: Exception) -> str:
        self._journal.dead(code, reason)
        log.error("command.dead", command=str(self._command.id), kind=self._command.kind, code=code, error=_why(error))
        self._say(f"dead: {code}")
        return "dead"


def _why(error: Exception) -> str:
    """For operators: what the source said, where our own words stand for it."""
    cause = error.__cause__
    return safe(cause if isinstance(cause, SourceError) else error)
