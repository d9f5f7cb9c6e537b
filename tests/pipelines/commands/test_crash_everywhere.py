"""A process may die at any moment: whoever goes on brings every command to its end, and nothing is done twice.

The moments are found by running: before each call, when a call was applied and its answer is lost, when the answer came
and is not written down yet, and after each line of the journal. A new step or action brings its own. Calls that only
read have the first of these: nothing is different after them.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.commands.actions import ACTIONS
from tests import dying
from tests.dying import Mortal
from tests.e2e.conftest import hub_environment
from tests.pipelines.commands.conftest import Customer, Hub
from tests.pipelines.commands.examples import EXAMPLES

SETTING = ("_update", "voice_registration")
"""Ends of the names of effects that set what a record says, as often as one likes."""

VARIANTS = {"provision_order of a card": "provision_order", "provision_order of an eSIM": "provision_order"}
"""Of these, only those moments are tried which the other, whose steps are the same for the rest, does not have."""


@pytest.fixture
def mortal(hub: Hub) -> Iterator[Mortal]:
    environment = hub_environment(hub.sandbox, hub.database)
    with dying.mortal("tests.pipelines.commands.crashing", environment, hub.sandbox.whmcs_url) as workers:
        yield workers


def effects_since(hub: Hub, number: int) -> tuple[Counter[tuple[str, str]], set[tuple[str, str]]]:
    """What was done since, by system and kind: how often something was made, and what was set.

    Setting a record's fields to the same again is no second effect.
    """
    kinds = Counter((each["system"], each["kind"]) for each in hub.ledger() if each["number"] > number)
    made = Counter({kind: times for kind, times in kinds.items() if not kind[1].endswith(SETTING)})
    return made, {kind for kind in kinds if kind[1].endswith(SETTING)}


def last_effect(hub: Hub) -> int:
    return max((each["number"] for each in hub.ledger()), default=0)


def test_every_action_has_an_example() -> None:
    assert {name.partition(" ")[0] for name in EXAMPLES} == set(ACTIONS)


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_a_process_may_die_at_any_moment(
    hub: Hub, customer: Customer, mortal: Mortal, kind: str, record_property: Any
) -> None:
    hub.control("quirks", **{"freebit.spacing_seconds": "0", "freebit.async_seconds": "0"})
    command, before = EXAMPLES[kind](hub, customer), last_effect(hub)
    moments = mortal.work().moments[""]
    tried = list(enumerate(moments, start=1))
    (made, set_), ended = effects_since(hub, before), hub.command(command)["status"]
    assert ended == "succeeded", (kind, hub.command(command))
    assert made or set_, f"{kind} left no trace"
    if kind in VARIANTS:
        EXAMPLES[VARIANTS[kind]](hub, customer)
        shared = mortal.work().moments[""]
        tried = [(at, moment) for at, moment in tried if moment not in shared]

    for at, moment in tried:
        command, before = EXAMPLES[kind](hub, customer), last_effect(hub)

        died_at = mortal.work(at=at).moments[""]

        assert died_at[-1] == moment, (at, moment, died_at)
        finish(hub)
        found = hub.command(command)
        assert found["status"] == "succeeded", (moment, found["failure_code"], found["waits_for"])
        made_this_time, set_this_time = effects_since(hub, before)
        assert made_this_time == made, moment
        assert set_this_time >= set_, moment
    record_property("moments", len(tried))


def finish(hub: Hub) -> None:
    """Whoever goes on, until nothing is open."""
    for _ in range(10):
        hub.forward()
        hub.now_due()
        if hub.rows("SELECT count(*) FROM command.commands WHERE status IN ('accepted', 'running', 'waiting')") == [
            (0,)
        ]:
            return
    raise AssertionError("it does not come to an end")
