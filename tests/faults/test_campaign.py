"""A seed of the fault campaign, and what the campaign itself is made of; `make campaign SEEDS=200` plays many."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.commands.actions import ACTIONS
from sandbox.ledger import Ledger
from sandbox.state import State
from tests.faults.actions import CALLS, drawn, from_json, to_json
from tests.faults.campaign import Play, played
from tests.faults.commands import COMMANDS, ONCE, wrongs
from tests.faults.coverage import ENOUGH, MODES, REQUIRED, Cell, cell, met, short, way_of
from tests.faults.shrinking import shrunk
from tests.faults.stage import QUERIES, stage

RECORDS = {kind: [str(number) for number in range(1, 21)] for kind in QUERIES}


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_doubled_resurrected_stale_or_somebody_elses(seed: int) -> None:
    with stage() as own:
        verdict = played(seed, own, drawn(seed, (), own.records, 25))

    assert verdict.is_clean, verdict


def test_a_seed_and_its_cells_always_give_the_same_actions_and_survive_being_saved() -> None:
    cells = REQUIRED[::7]

    actions = drawn(17, cells, RECORDS, 40)

    assert actions == drawn(17, cells, RECORDS, 40)
    assert actions == from_json(to_json(actions))
    assert actions != drawn(17, (), RECORDS, 40)


def test_every_required_cell_can_be_aimed_at_and_what_is_drawn_can_be_played() -> None:
    for each in REQUIRED:
        names = {f"play_{action.name}" for action in drawn(1, [each], RECORDS, 2)}
        assert names <= vars(Play).keys(), each


def test_customers_send_commands_of_every_action_but_identity_documents() -> None:
    # Documents pass through a process that a campaign does not have; who signs up is no customer yet.
    assert {name.split(" ")[0] for name in COMMANDS} == set(ACTIONS) - {
        "submit_identity_document",
        "sign_up",
        "link_whmcs",
    }


def test_every_call_that_faults_wait_for_is_of_the_way_it_stands_under() -> None:
    for call in CALLS:
        path = "POST /includes/api.php " if call.match.startswith("Get") else "GET /services/data/v62.0/"
        assert (way_of(f"{path}{call.match}+%28") or ("",))[0] == call.way, call.match


def test_a_fault_counts_for_the_way_it_met_and_for_its_family_and_data_set() -> None:
    cells = list(met("after:503+0", "POST /includes/api.php GetInvoice invoiceid=10001"))

    assert cells == [Cell("call", "after:503+0", "details"), Cell("data", "5xx", "whmcs.invoice_details")]
    assert not list(met("status:500", "GET /__sandbox__/calls"))


def test_cells_are_short_until_they_were_hit_often_enough_the_emptiest_first() -> None:
    counts = Counter(dict.fromkeys(REQUIRED, ENOUGH))
    counts[REQUIRED[3]], counts[REQUIRED[5]] = ENOUGH - 1, 0

    assert short(counts) == [REQUIRED[5], REQUIRED[3]]
    assert short(counts, without={REQUIRED[5]}) == [REQUIRED[3]]
    assert [cell(str(each)) for each in REQUIRED] == list(REQUIRED)
    assert len(set(REQUIRED)) == len(REQUIRED) >= len(MODES)


def judged_commands(ledger: Ledger, *rows: tuple[str | None, ...], accepted: tuple[str, ...] = ()) -> list[str]:
    """What is found wrong with commands: (id, kind, status, failure code, order at Salesforce)."""
    play: Any = SimpleNamespace(
        ask=lambda _: [(*row, []) for row in rows], customers=SimpleNamespace(accepted=dict.fromkeys(accepted)),
        stage=SimpleNamespace(sandbox=SimpleNamespace(state=SimpleNamespace(ledger=ledger))),
    )  # fmt: skip
    return [what for what, _ in wrongs(play)]


def test_a_command_is_judged_by_what_the_sandbox_did_for_it() -> None:
    ledger = State().ledger
    for system, kind in ONCE["top_up"].values():
        ledger.add(system, kind, 1, "c1")
    for system, kind in ONCE["provision_order"].values():
        ledger.add(system, kind, 1, "sfOrderId=801")
    ledger.add("freebit", "plan_change", 1)
    done = (
        ("c1", "top_up", "succeeded", None, None), ("c2", "provision_order", "succeeded", None, "801"),
        ("c3", "change_plan", "failed", "NETWORK_REFUSED", None),
    )  # fmt: skip

    assert judged_commands(ledger, *done, accepted=("c1",)) == []
    assert judged_commands(ledger, *done, accepted=("c1", "c9")) == ["lost"]
    assert judged_commands(ledger, *done, ("c4", "open_case", "succeeded", None, None)) == ["lost"]
    assert judged_commands(ledger, *done, ("c4", "open_case", "failed", None, None)) == ["lost"]
    assert judged_commands(ledger, *done, ("c4", "add_comment", "succeeded", None, None)) == ["lost"]

    ledger.add("freebit", "plan_change", 1)
    ledger.add("whmcs", "charge", 2, "c1")
    ledger.add("whmcs", "order", 2, "sfOrderId=801")

    assert judged_commands(ledger, *done) == ["doubled"] * 3


def test_a_failing_list_shrinks_to_what_it_takes_to_fail() -> None:
    assert shrunk(range(40), lambda items: {7, 31} <= set(items), at_most=200) == [7, 31]
    assert len(shrunk(range(40), lambda items: {7, 31} <= set(items), at_most=30)) < 40
