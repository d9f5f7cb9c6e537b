"""Forwarders: any number of them, each command once, and nothing lost with the one that dies."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from core.settings import CommandSettings
from pipelines.commands.actions import ACTIONS
from pipelines.commands.claims import Claims
from pipelines.commands.forwarder import Forwarder
from pipelines.commands.pool import RunnerPool
from pipelines.commands.runner import Runner
from pipelines.commands.saga import Command, Done, Step, Work
from pipelines.dagster.commands import run_in_dagster
from tests.conftest import Database
from tests.pipelines.commands.conftest import Customer, Hub
from tests.pipelines.commands.examples import EXAMPLES, VPN
from tests.pipelines.commands.made_up import Stage, made_up
from tests.waiting import until


@contextmanager
def forwarding(home: Path, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A forwarder as a process of its own."""
    home.mkdir(exist_ok=True)
    environment = os.environ | {"DAGSTER_HOME": str(home), "COMMANDS_SETTLE_SECONDS": "0"} | settings
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "forward"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def status(hub: Hub, command: Any) -> str:
    found: str = hub.command(command)["status"]
    return found


def pool(hub: Hub, **settings: Any) -> RunnerPool:
    return RunnerPool(hub.database.sync, hub.clients, CommandSettings(settle_seconds=0, **settings))


def claimed(hub: Hub, at_most: int = 100) -> list[Command]:
    """What is due, claimed by this process."""
    with psycopg.connect(hub.database.sync, autocommit=True) as connection:
        return Claims(connection, 30.0).take(at_most)


def test_a_forwarder_does_what_was_asked_and_dagster_shows_it(hub: Hub, customer: Customer, tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        command = hub.ask("place_order", customer, VPN)
        stopped = threading.Event()
        forwarder = Forwarder(CommandSettings(settle_seconds=0), hub.database.sync, instance)
        thread = threading.Thread(target=forwarder.follow, args=(stopped,))
        thread.start()
        try:
            until(lambda: status(hub, command) == "succeeded")
        finally:
            stopped.set()
            thread.join()

        (run,) = instance.get_runs()
        assert (run.job_name, run.status) == ("place_order", dg.DagsterRunStatus.SUCCESS)
        assert (run.tags["command_ids"], run.tags["request_id"]) == (str(command), "test-request")
        logged = [entry.user_message for entry in instance.all_logs(run.run_id)]
        assert any("create_order: done" in message for message in logged)
        number = hub.command(command)["result"]["orderNumber"]
        assert any(f"orderNumber={number}" in message for message in logged)


def test_a_dead_commands_run_says_what_the_source_refused(hub: Hub, customer: Customer, tmp_path: Path) -> None:
    hub.control("faults", match="addSpec", mode="code:400-220", times=1)
    EXAMPLES["top_up"](hub, customer)
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance, pool(hub) as runners:
        run_in_dagster(instance, runners, claimed(hub))

        (run,) = instance.get_runs()
        logged = [entry.user_message for entry in instance.all_logs(run.run_id)]

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert any("add_quota: freebit: refused the call [400-220]" in message for message in logged)


def test_a_run_that_provisions_an_order_is_found_by_the_orders_number(
    hub: Hub, customer: Customer, tmp_path: Path
) -> None:
    command = EXAMPLES["provision_order"](hub, customer)
    ((number,),) = hub.rows(
        "SELECT o.order_number FROM hub.orders o JOIN command.commands c ON c.subject_id = o.id WHERE c.id = %s",
        command,
    )
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance, pool(hub) as runners:
        run_in_dagster(instance, runners, claimed(hub))

        (run,) = instance.get_runs()

    assert (run.job_name, run.tags["order_number"]) == ("provision_order", number)


def test_a_dead_command_is_a_failed_run(hub: Hub, customer: Customer, tmp_path: Path) -> None:
    hub.ask("place_order", customer, {"not": "a cart"})
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance, pool(hub) as runners:
        run_in_dagster(instance, runners, claimed(hub))

        (run,) = instance.get_runs()

    assert run.status == dg.DagsterRunStatus.FAILURE
    assert hub.rows("SELECT status, failure_code FROM command.commands") == [("dead", "UNREADABLE")]


def test_commands_of_one_batch_are_worked_on_at_once(
    hub: Hub, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)

    def meet(_: Work[Any]) -> None:
        both.wait(timeout=30)  # comes back only to whoever is not alone

    action = replace(ACTIONS["place_order"], steps=(Step("meet", meet, reads=True),), result=lambda _: None)
    monkeypatch.setitem(ACTIONS, "place_order", action)
    commands = {hub.ask("place_order", customer, VPN) for _ in range(4)}

    with pool(hub, at_once=2) as runners:
        outcomes = list(runners.run(claimed(hub)))

    assert {(outcome.command.id, outcome.status) for outcome in outcomes} == {(id_, "succeeded") for id_ in commands}


def test_what_waits_in_a_batch_for_its_turn_is_held_like_what_is_worked_on(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.owner)
    monkeypatch.setenv("SYNC_DATABASE_URL", database.sync)
    stage, may_end = Stage(database), threading.Event()
    slow = made_up(Step("wait", lambda _: None if may_end.wait(60) else Done(), reads=True))
    for kind in ("place_order", "open_case"):
        monkeypatch.setitem(ACTIONS, kind, replace(slow, kind=replace(slow.kind, name=kind)))
    stage.ask("one", kind="place_order")
    second = stage.ask("two", kind="open_case")
    settings, stopped = CommandSettings(lease_seconds=9), threading.Event()
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        thread = threading.Thread(target=Forwarder(settings, database.sync, instance).follow, args=(stopped,))
        thread.start()
        try:
            until(lambda: stage.row(second)["lease_until"])
            first_end = stage.row(second)["lease_until"]

            until(lambda: stage.row(second)["lease_until"] > first_end)
            assert stage.row(second)["claim"] == 1
        finally:
            may_end.set()
            stopped.set()
            thread.join()
            stage.close()


def test_one_command_whose_database_connection_breaks_takes_no_other_with_it(
    hub: Hub, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = hub.ask("place_order", customer, VPN), hub.ask("place_order", customer, VPN)

    def cut(work: Work[Any]) -> Done:
        if work.command.id == broken:
            raise psycopg.OperationalError("the server closed the connection")
        return Done()

    action = replace(ACTIONS["place_order"], steps=(Step("cut", cut, reads=True),), result=lambda _: None)
    monkeypatch.setitem(ACTIONS, "place_order", action)
    with pool(hub) as runners, pytest.raises(psycopg.OperationalError):
        list(runners.run(claimed(hub)))

    assert (status(hub, broken), status(hub, other)) == ("running", "succeeded")


def test_what_a_killed_forwarder_held_is_taken_over_and_done_once(hub: Hub, customer: Customer, tmp_path: Path) -> None:
    hub.control("faults", match="composite", mode="timeout_after", times=1)
    with forwarding(tmp_path, COMMANDS_LEASE_SECONDS="2") as first:
        command = hub.ask("place_order", customer, VPN)
        until(lambda: hub.ledger(system="salesforce", kind="order"))
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert status(hub, command) == "running"

    with forwarding(tmp_path, COMMANDS_LEASE_SECONDS="2"):
        until(lambda: status(hub, command) == "succeeded")

    assert len(hub.ledger(system="salesforce", kind="order")) == 1


def test_a_forwarder_that_is_asked_to_stop_gives_back_what_it_holds(
    hub: Hub, customer: Customer, tmp_path: Path
) -> None:
    hub.control("faults", match="composite", mode="slow:1500", times=1)
    with forwarding(tmp_path) as process:
        command = hub.ask("place_order", customer, VPN)
        until(lambda: status(hub, command) == "running")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0

    assert hub.rows("SELECT count(*) FROM command.commands WHERE lease_until IS NOT NULL") == [(0,)]
    assert status(hub, command) in {"waiting", "succeeded"}


def test_commands_of_one_lane_are_done_in_the_order_they_were_accepted(hub: Hub, customer: Customer) -> None:
    first = hub.ask("place_order", customer, VPN)
    second = hub.ask("place_order", customer, VPN)
    with psycopg.connect(hub.database.owner) as connection:
        connection.execute("UPDATE command.commands SET lane = 'one'")

    with psycopg.connect(hub.database.sync, autocommit=True) as connection:
        claims = Claims(connection, 30.0)
        taken = [command.id for command in claims.take(10)]

        assert taken == [first]
        assert claims.take(10) == []
    hub.rows("UPDATE command.commands SET lease_until = now() RETURNING id")
    assert hub.forward() == ["succeeded", "succeeded"]
    assert hub.command(first)["finished_at"] < hub.command(second)["finished_at"]


def test_whoever_lost_its_lease_writes_nothing_more(hub: Hub, customer: Customer) -> None:
    command = hub.ask("place_order", customer, VPN)
    with (
        psycopg.connect(hub.database.sync, autocommit=True) as slow,
        psycopg.connect(hub.database.sync, autocommit=True) as quick,
    ):
        (held,) = Claims(slow, 0.0).take(1)
        (taken,) = Claims(quick, 30.0).take(1)
        assert Runner(quick, hub.clients, ACTIONS, 0.0).run(taken) == "succeeded"

        assert Runner(slow, hub.clients, ACTIONS, 0.0).run(held) == "lost"

    assert status(hub, command) == "succeeded"
    assert len(hub.ledger(system="salesforce", kind="order")) == 1


def test_copies_share_the_work_and_do_none_of_it_twice(hub: Hub, customer: Customer, tmp_path: Path) -> None:
    commands = [hub.ask("place_order", customer, VPN) for _ in range(10)]

    # Each with a home of its own: Dagster's SQLite is made for one process, and refuses a second one now and then.
    with forwarding(tmp_path / "one", COMMANDS_BATCH="1"), forwarding(tmp_path / "other", COMMANDS_BATCH="1"):
        until(
            lambda: hub.rows("SELECT count(*) FROM command.commands WHERE status = 'succeeded'") == [(len(commands),)]
        )

    assert len(hub.ledger(system="salesforce", kind="order")) == len(commands)


def test_in_a_queue_customers_take_turns(hub: Hub, customer: Customer, other_customer: Customer) -> None:
    first, *_ = [hub.ask("place_order", customer, VPN) for _ in range(3)]
    others = hub.ask("place_order", other_customer, VPN)

    assert [command.id for command in claimed(hub, 2)] == [first, others]


def test_what_was_begun_goes_before_what_is_new(hub: Hub, customer: Customer, other_customer: Customer) -> None:
    new, begun = hub.ask("place_order", customer, VPN), hub.ask("place_order", other_customer, VPN)
    with psycopg.connect(hub.database.owner) as connection:
        connection.execute(
            "UPDATE command.commands SET started_at = now(), status = 'waiting', due_at = now() WHERE id = %s", [begun]
        )

    assert [[command.id for command in claimed(hub, 1)] for _ in range(2)] == [[begun], [new]]


def test_an_approved_order_goes_before_the_customers_next_one(hub: Hub, customer: Customer) -> None:
    placing = hub.ask("place_order", customer, VPN)
    assert hub.forward() == ["succeeded"]
    order = hub.command(placing)["result"]["salesforceOrderId"]
    hub.sync_records("salesforce.orders", order)
    next_one = hub.ask("place_order", customer, VPN)
    provisioning = hub.provision(order)

    assert [[command.id for command in claimed(hub, 1)] for _ in range(2)] == [[provisioning], [next_one]]


def test_what_needs_a_system_that_is_left_alone_is_not_taken(hub: Hub, customer: Customer) -> None:
    hub.ask("place_order", customer, VPN)
    other = hub.ask("update_profile", customer, {"phone": "090-1234-5678"}, system="whmcs")
    hub.rows(
        "INSERT INTO sync.sources (system, retry_at) VALUES ('salesforce', now() + interval '1 minute')"
        " ON CONFLICT (system) DO UPDATE SET retry_at = excluded.retry_at RETURNING 1"
    )

    with psycopg.connect(hub.database.sync, autocommit=True) as connection:
        taken = [command.id for command in Claims(connection, 30.0).take(10)]

    assert taken == [other]
