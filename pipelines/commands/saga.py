"""What a command is made of: named steps, each with one call at most, and a way to tell whether it was made.

Before a step is repeated whose outcome is unknown, it searches for the effect of the earlier try. Adding an action is
a module with its steps in `pipelines/commands/actions`, and its name in the list there.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from core.errors import HubError
from domain.commands.kind import Input, Kind
from domain.common.identifiers import System
from pipelines.sources.clients import Clients
from sql.statements import statement


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """What a step brought, for the steps after it.

    It is stored as JSON, and a command that is under way when a release is deployed is finished by the next one. So
    names stay, and a new field has a default.
    """


class Done(Result, frozen=True):
    """It was done, and there is nothing to remember."""


Brought = TypeVar("Brought", bound=Result)


class RefusalError(HubError):
    """It cannot be done: what was done so far is taken back where that is safe. `reason` is for the customer."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class LaterError(HubError):
    """Not yet, ask again in so many `seconds`: no failure. `reason` is for the customer."""

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.reason = reason


class AlertError(HubError):
    """Something was done that may not be taken back, and the rest cannot be done: an operator must look."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Command:
    """A claimed row of command.commands."""

    id: UUID
    seq: int
    kind: str
    account_id: UUID
    subject_kind: str
    subject_id: UUID
    lane: str
    input: Mapping[str, Any]
    attempts: int
    deadline_at: datetime
    failing: bool
    request_id: str
    accepted_at: datetime
    claim: int
    is_customers: bool = False
    """A customer sent it, rather than a source."""
    order_number: str | None = None
    """The number that people call the order by, where one is its subject and known."""


@dataclass(frozen=True)
class RefreshRequest:
    """Records of a data set to be read again: by their own ids, or all of an owner's."""

    dataset: str
    record: str | None = None
    owner: str | None = None


class Work(Generic[Input]):
    """What a step sees: the command's input, what the steps before brought, whom to call, what the hub knows."""

    def __init__(self, command: Command, input: Input, clients: Clients, connection: Connection[Any]) -> None:
        self.command = command
        self.input = input
        self.clients = clients
        self._results: dict[str, Result | None] = {}
        self._connection = connection

    @property
    def marker(self) -> str:
        """By this source systems know what the command did."""
        return str(self.command.id)

    def has(self, step: str) -> bool:
        """Whether the step was taken."""
        return step in self._results

    def remember(self, step: "Step[Any]", result: Result | None) -> None:
        """The step was taken, and brought this.

        Raises:
            TypeError: the step says that it brings something else, by which what is stored could not be read again.
        """
        if result is not None and type(result) is not step.brings:
            raise TypeError(f"step {step.name} brought a {type(result).__name__}, not a {step.brings.__name__}")
        self._results[step.name] = result

    def result(self, kind: type[Brought]) -> Brought:
        """What the step brought that brings such a result.

        Raises:
            LookupError: it was not taken.
        """
        found = self.result_or_none(kind)
        if found is None:
            raise LookupError(f"no step brought a {kind.__name__} yet")
        return found

    def result_or_none(self, kind: type[Brought]) -> Brought | None:
        """The same of a step that may not have been taken."""
        return next((result for result in self._results.values() if isinstance(result, kind)), None)

    def row(self, query: str, /, **values: object) -> dict[str, Any] | None:
        """The first row of sql/queries/<query>.sql, as role hub_sync."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement(query), values).fetchone()

    @cached_property
    def accounts(self) -> Mapping[System, str]:
        """The ids that source systems have for the customer; a system in which it has no account is not among them."""
        found: Mapping[System, str] = (self.row("runner/accounts", account_id=self.command.account_id) or {})["ids"]
        return found

    def account_in(self, system: System, missing: str) -> str:
        """The customer's id in that system.

        Raises:
            RefusalError: it has none; `missing` says so to the customer.
        """
        if system not in self.accounts:
            raise RefusalError("MAPPING_MISSING", missing)
        return self.accounts[system]

    def check_owner(self) -> None:
        """Whether the account is still of the customer that sent the command.

        Raises:
            RefusalError: it is another's by now, or gone.
        """
        if not (self.row("runner/owner", id=self.command.id) or {}).get("is_theirs"):
            raise RefusalError("NOT_THE_CUSTOMERS", "The account is not the customer's any more.")


Act = Callable[[Work[Input]], Result | None]


def _always(_: Work[Any]) -> bool:
    return True


@dataclass(frozen=True)
class Step(Generic[Input]):
    """`act` makes at most one call that changes something, and returns what later steps need.

    brings: the type of what it returns, by which the steps after it ask for that.
    find_existing: asks the source whether an earlier try, whose outcome is unknown, took effect, and returns what that
        try would have returned; None: it had no effect. A step without it must be `repeatable`: doing it again has no
        further effect.
    find_existing_first: it also finds what another command did for the same thing; it is called before the first try.
    when: whether the step is needed at all.
    reads: it changes nothing anywhere.
    refused: code and reason, where the system that owns the data says no.
    """

    name: str
    act: Act[Input]
    brings: type[Result] = Done
    find_existing: Act[Input] | None = None
    repeatable: bool = False
    find_existing_first: bool = False
    when: Callable[[Work[Input]], bool] = _always
    reads: bool = False
    refused: tuple[str, str] = ("REFUSED", "The system that keeps this refused it.")

    def __post_init__(self) -> None:
        if not (self.find_existing or self.repeatable or self.reads):
            raise TypeError(f"step {self.name} can neither find an existing effect nor be repeated")

    def read(self, stored: Mapping[str, Any] | None) -> Result | None:
        """What it brought, as it stands in the journal.

        Raises:
            AlertError: another release stored something else.
        """
        try:
            return None if stored is None else msgspec.convert(stored, self.brings)
        except msgspec.ValidationError as error:
            raise AlertError("UNREADABLE", "This release of the hub cannot read what was done so far.") from error


@dataclass(frozen=True)
class Action(Generic[Input]):
    """How commands of a kind are done.

    failing: what is done once it is sure to fail, such as taking back and telling.
    result: what is shown of it when it succeeded, ids in source systems.
    """

    kind: Kind[Input, Any]
    steps: tuple[Step[Input], ...]
    affects: Callable[[Work[Input]], Iterable[RefreshRequest]]
    failing: tuple[Step[Input], ...] = ()
    result: Callable[[Work[Input]], Mapping[str, Any] | None] = lambda _: None

    def __post_init__(self) -> None:
        names = [step.name for step in (*self.steps, *self.failing)]
        if len(set(names)) != len(names):
            raise TypeError(f"{self.kind.name} names a step twice")
        brought = [step.brings for step in (*self.steps, *self.failing) if step.brings is not Done]
        if len(set(brought)) != len(brought):
            raise TypeError(f"two steps of {self.kind.name} bring the same")
