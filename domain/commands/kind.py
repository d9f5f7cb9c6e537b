"""What is true of every command of a kind. `kinds.py` has one declaration for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from domain.commands.input import Broken, CommandInput
from domain.common.account_roles import OWNER, AccountRole
from domain.common.identifiers import System

Input = TypeVar("Input", bound=CommandInput)
Facts = TypeVar("Facts", bound=BaseModel)


class NoFacts(BaseModel):
    """Nothing needs to be known before it is accepted."""


def no_rules(_input: Any, _facts: Any, _today: date) -> Sequence[Broken]:
    """Whoever owns the thing may change it."""
    return ()


@dataclass(frozen=True)
class Kind(Generic[Input, Facts]):
    """A kind of command. The API, the steps, docs/actions.md and the SQL all read it here, so that they agree.

    name: in the database, on the wire and in Dagster. about: one sentence for people.
    input: the type of a command's input, as the caller writes it and as it is stored.
    subject: the table of schema hub that it makes or changes a row of; sign_ups: there is no customer yet.
    system: whose account of the customer it changes. calls: every system that its steps call.
    facts, rules: what the hub must know, and which rules of the business are broken on that day in the hub's zone.
    roles: who may ask for it, of those who may act for the customer; said once more in command.may, for the database.
    fresh: whether they must have proven a moment ago who they are, as it is hard to take back or opens the way to more;
        said once more in command.needs_fresh, for the database.
    crm_calls: about how many calls to Salesforce it takes, the one system that sells them by the day.
    deadline: how long after its acceptance it is given up, if it has not begun; time that it waits on purpose, for a
        day or an approval, does not count.
    """

    name: str
    about: str
    input: type[Input]
    subject: str
    system: System
    calls: tuple[System, ...]
    facts: type[Facts]
    rules: Callable[[Input, Facts, date], Sequence[Broken]] = no_rules
    roles: Sequence[AccountRole] = OWNER
    fresh: bool = False
    crm_calls: int = 0
    deadline: timedelta = timedelta(days=1)
