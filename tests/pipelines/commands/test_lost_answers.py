"""The answer to a call is lost, and the same process goes on: whatever it tries again, everything is done once.

Nobody dies here (see test_crash_everywhere.py for that), so every retry that the process has is at work: those of the
clients, and the command's own. The calls are found by running each example once; every call that changes something then
loses its answer, in each of the ways in which answers are lost.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pytest
import stamina

from tests.pipelines.commands.conftest import Customer, Hub
from tests.pipelines.commands.examples import EXAMPLES
from tests.pipelines.commands.test_crash_everywhere import effects_since, finish, last_effect

READS = re.compile(r" Get\w+|^GET |/oauth2/|/authOem/|/get\w+/")
OF_ONE = re.compile(r"/[0-9a-zA-Z]{15,18}$|/[0-9a-f]{8}-[0-9a-f-]{27}$| \w+=.*$")
"""What a call says of the one record that it is about."""
TIMEOUTS = {"SALESFORCE_TIMEOUT_SECONDS": "1", "WHMCS_TIMEOUT_SECONDS": "1", "FREEBIT_TIMEOUT_MS": "1000"}


@pytest.fixture(autouse=True)
def _without_naps() -> Iterator[None]:
    """Calls are tried again as often as ever, and at once."""
    with stamina.set_testing(testing=True, attempts=3, cap=True):
        yield


def writes(hub: Hub, since: int) -> list[str]:
    """What tells a call that changes something from others, for each that was made since so many calls."""
    calls = hub.sandbox.state.calls
    labels = [call.label for call in reversed(calls.latest(calls.total - since))]
    return [OF_ONE.sub("", label) for label in labels if not READS.search(label)]


def lose(hub: Hub, write: str, number: int, how: str) -> None:
    """The answer to the so-manyth such call, from 0, is lost; those before it are answered."""
    if number:
        hub.control("faults", match=write, mode="slow:0", times=number)
    hub.control("faults", match=write, mode=how, times=1)


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_an_answer_that_is_lost_on_the_way_doubles_nothing(hub: Hub, customer: Customer, kind: str) -> None:
    hub.control("quirks", **{"freebit.spacing_seconds": "0", "freebit.async_seconds": "0"})
    command, before, called = EXAMPLES[kind](hub, customer), last_effect(hub), hub.sandbox.state.calls.total
    finish(hub)
    (made, set_), found = effects_since(hub, before), writes(hub, called)
    assert hub.command(command)["status"] == "succeeded", hub.command(command)
    assert found, f"{kind} calls nobody"

    for write, same in groupby(sorted(found)):
        for number, _ in enumerate(same):
            for how in ("drop", "cut"):
                command, before = EXAMPLES[kind](hub, customer), last_effect(hub)
                lose(hub, write, number, how)

                finish(hub)

                ended, (made_now, set_now) = hub.command(command), effects_since(hub, before)
                assert hub.sandbox.state.faults.waiting == [], (write, number, "was not called again")
                assert ended["status"] == "succeeded", (write, how, ended["failure_code"], ended["waits_for"])
                assert made_now == made, (write, how)
                assert set_now >= set_, (write, how)


@pytest.mark.parametrize(
    ("kind", "write"),
    [
        ("add_comment", "sobjects/CaseComment"),
        ("place_order", "composite/tree/Order"),
        ("provision_order", "AddOrder"),
        ("top_up", "CapturePayment"),
        ("top_up", "addSpec"),
    ],
)
def test_an_answer_that_never_comes_doubles_nothing(
    hub: Hub, customer: Customer, monkeypatch: pytest.MonkeyPatch, kind: str, write: str
) -> None:
    for name, value in TIMEOUTS.items():
        monkeypatch.setenv(name, value)
    command, before = EXAMPLES[kind](hub, customer), last_effect(hub)
    lose(hub, write, 0, "timeout_after")

    finish(hub)

    made, _ = effects_since(hub, before)
    assert hub.command(command)["status"] == "succeeded"
    assert made[wanted(kind, write)] == 1, made


def wanted(kind: str, write: str) -> tuple[str, str]:
    """The system and kind of the effect of that call."""
    effects: dict[str, Any] = {
        "sobjects/CaseComment": ("salesforce", "casecomment"),
        "composite/tree/Order": ("salesforce", "order"),
        "AddOrder": ("whmcs", "order"),
        "CapturePayment": ("whmcs", "charge"),
        "addSpec": ("freebit", "quota"),
    }
    found: tuple[str, str] = effects[write]
    return found
