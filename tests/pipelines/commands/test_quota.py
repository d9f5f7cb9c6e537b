"""When the day's calls are used up, commands wait and say so; the last of them are not for new commands.

Salesforce refuses every call with REQUEST_LIMIT_EXCEEDED once the calls of the last 24 hours are used (source: REST API
Developer Guide, "Status Codes and Error Responses").
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from pipelines.commands.runner import QUOTA_IS_OUT
from tests.pipelines.commands.conftest import Customer, Hub

CASE = {"subject": "No signal", "description": "Since this morning."}


def used(hub: Hub, calls: int) -> None:
    """What the hub was told last: so many of 1000 calls are used."""
    hub.rows(
        "INSERT INTO sync.sources (system, quota_used, quota_limit, quota_at) VALUES ('salesforce', %s, 1000, now())"
        " ON CONFLICT (system) DO UPDATE SET quota_used = excluded.quota_used, quota_limit = 1000, quota_at = now()"
        " RETURNING system",
        calls,
    )


def effects(hub: Hub) -> list[Any]:
    return [each["kind"] for each in hub.ledger()]


@pytest.fixture
def command(hub: Hub, customer: Customer) -> UUID:
    return hub.ask("open_case", customer, CASE)


def test_a_new_command_leaves_the_last_calls_and_says_what_it_waits_for(hub: Hub, command: UUID) -> None:
    before = hub.command(command)["deadline_at"]
    used(hub, 980)

    left = hub.forward()

    found = hub.command(command)
    assert (left, found["waits_for"]) == (["waiting"], QUOTA_IS_OUT)
    assert (found["attempts"], effects(hub)) == (0, [])
    assert found["deadline_at"] - before >= timedelta(minutes=5), "waiting for calls costs nothing of its time"


def test_it_goes_on_when_there_are_calls_again(hub: Hub, command: UUID) -> None:
    used(hub, 980)
    hub.forward()
    used(hub, 10)
    hub.now_due()

    assert hub.forward() == ["succeeded"]
    assert effects(hub) == ["case"]


def test_an_old_count_stops_nobody(hub: Hub, command: UUID) -> None:
    used(hub, 1000)
    hub.rows("UPDATE sync.sources SET quota_at = now() - interval '6 minutes' RETURNING system")

    assert hub.forward() == ["succeeded"]


def test_what_a_source_asks_for_may_take_the_last_calls(hub: Hub, command: UUID) -> None:
    hub.rows("UPDATE command.commands SET customer_id = NULL WHERE id = %s RETURNING id", command)
    used(hub, 980)

    assert hub.forward() == ["succeeded"]


def test_what_was_begun_may_take_the_last_calls(hub: Hub, command: UUID) -> None:
    hub.rows(
        "INSERT INTO command.steps (command_id, name, number, status) VALUES (%s, 'create_case', 1, 'started')"
        " RETURNING name",
        command,
    )
    used(hub, 980)

    assert hub.forward() == ["succeeded"]


def test_what_meets_the_end_of_the_calls_waits_and_was_not_tried(hub: Hub, command: UUID) -> None:
    before = hub.command(command)["deadline_at"]
    hub.clients.salesforce._session._quota.note("api-usage=1000/1000")

    left = hub.forward()

    found = hub.command(command)
    assert (left, found["waits_for"], found["attempts"]) == (["waiting"], QUOTA_IS_OUT, 0)
    assert found["deadline_at"] > before
