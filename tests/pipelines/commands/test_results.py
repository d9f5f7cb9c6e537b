"""What steps bring is stored as JSON, and stays readable: the next release finishes what this one began."""

from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from pipelines.commands.actions import ACTIONS
from pipelines.commands.saga import Action, Done, Result, Step
from tests.conftest import Database
from tests.pipelines.commands.made_up import Doing, Found, Stage, made_up

ORDER = {
    "Id": "801000000000001AAA", "AccountId": "001000000000001AAA", "Status": "Approved", "OpportunityId": None,
    "Order_Type__c": "SIM", "Activation_Type__c": "Immediate", "Activation_Scheduled_At__c": None,
    "Activation_Status__c": "Activating", "WHMCS_Order_ID__c": None, "SIM_Type__c": "eSIM", "EID__c": "0" * 32,
    "SIM_Voice_Mail__c": True, "SIM_Call_Waiting__c": False, "MNP_Application__c": False,
    "MNP_Reservation_Number__c": None, "MNP_Expiry_Date__c": None, "MNP_Phone_Number__c": None,
    "Porting_LastName__c": None, "Porting_FirstName__c": None, "Porting_LastName_Katakana__c": None,
    "Porting_FirstName_Katakana__c": None, "Porting_Gender__c": None, "Porting_DateOfBirth__c": None,
    "Assign_Physical_SIM__c": None,
}  # fmt: skip
ITEM = {
    "id": "802000000000001AAA", "sku": "SIM-DATA-10GB", "pid": 7, "class": "Service", "quantity": 1, "cycle": "monthly",
    "planType": "DataOnly", "dataSize": "10GB",
}  # fmt: skip
STORED: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("place_order", "find_opportunity"): [{"id": None}, {"id": "006"}],
    ("place_order", "keep_opportunity"): [{"id": "006"}],
    ("place_order", "create_order"): [{"order": "801"}, {"order": "801", "number": "00000100"}],
    ("place_order", "read_number"): [{"number": "00000100"}],
    ("provision_order", "read_order"): [
        {"already": True, "whmcsOrder": "17", "order": None, "items": []},
        {"already": False, "whmcsOrder": None, "order": ORDER, "items": [ITEM]},
    ],
    ("provision_order", "choose_line"): [
        {"account": "02000000001", "serial": "PT1", "eid": None, "stock": "a0X"},
        {"account": "09012345678", "serial": None, "eid": "0" * 32, "stock": None},
    ],
    ("provision_order", "open_line"): [{"at": "2026-11-28T01:02:03.000004Z"}],
    ("provision_order", "add_order"): [{"order": "17"}],
    ("provision_order", "link_services"): [{"services": {"802": ["31", "32"]}}],
    ("provision_order", "mark_service"): [{"service": "31"}],
    ("top_up", "create_invoice"): [{"invoice": "55"}],
    ("change_plan", "choose_day"): [{"on": "20261201"}],
    ("reissue_esim", "remember_chip"): [{"eid": "0" * 32}, {"eid": None}],
    ("cancel_sim", "find_contact"): [{"contact": "003"}, {"contact": None}],
    ("cancel_sim", "open_case"): [{"case": "500"}],
    ("cancel_sim", "tell_opportunity"): [{"told": True}],
    ("open_case", "find_contact"): [{"contact": "003"}, {"contact": None}],
    ("open_case", "create_case"): [{"case": "500"}],
    ("add_comment", "write_comment"): [{"comment": "00a"}],
    ("request_eligibility", "find_opportunity"): [{"id": None}, {"id": "006"}],
    ("request_eligibility", "keep_opportunity"): [{"id": "006"}],
    ("request_eligibility", "find_contact"): [{"contact": "003"}, {"contact": None}],
    ("request_eligibility", "open_case"): [{"case": "500"}],
    ("cancel_subscription", "tell_opportunity"): [{"told": False}],
    ("submit_identity_document", "find_document"): [{"document": "068"}],
    ("sign_up", "find_account"): [{"account": "001"}],
    ("sign_up", "add_client"): [{"client": "1021"}],
    ("sign_up", "keep_account"): [{"account": "001"}],
    ("sign_up", "read_number"): [{"number": "C0000123"}, {"number": None}],
    ("link_whmcs", "find_claiming"): [{"account": "001"}, {"account": None}],
    ("sign_up", "tell_support"): [{"case": "500"}],
}
"""By kind and step, what this release stores. Add to it; what stands here is in somebody's database."""
EARLIER: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("place_order", "find_opportunity"): [{}],
    ("place_order", "read_number"): [{"order": "801", "number": "00000100"}],
    ("provision_order", "read_order"): [
        {"already": True, "whmcsOrder": "17"},
        {"already": False, "order": ORDER | {"attributes": {"type": "Order"}}, "items": [ITEM]},
    ],
    ("provision_order", "choose_line"): [{"account": "09012345678", "eid": "0" * 32, "stock": None}],
    ("provision_order", "open_line"): [{"at": "2026-11-28T01:02:03.000004+00:00"}, {"at": "2026-11-28T01:02:03+00:00"}],
}
"""What earlier releases stored otherwise, and may have left behind."""


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    made = Stage(database)
    yield made
    made.close()


def steps(action: Action[Any]) -> Iterator[Step[Any]]:
    yield from (*action.steps, *action.failing)


def written(result: Result | None) -> Any:
    """As it comes back from the database."""
    return msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(result)))


def of(kind: str, name: str) -> Step[Any]:
    return next(step for step in steps(ACTIONS[kind]) if step.name == name)


def test_the_form_of_every_result_is_known_here() -> None:
    bringing = {
        (kind, step.name) for kind, action in ACTIONS.items() for step in steps(action) if step.brings is not Done
    }

    assert bringing == set(STORED)


@pytest.mark.parametrize(("kind", "name"), STORED, ids=str)
def test_what_is_stored_is_read_and_would_be_stored_the_same(kind: str, name: str) -> None:
    for stored in STORED[kind, name]:
        assert written(of(kind, name).read(stored)) == stored


@pytest.mark.parametrize(("kind", "name"), EARLIER, ids=str)
def test_what_earlier_releases_stored_is_read(kind: str, name: str) -> None:
    for stored in EARLIER[kind, name]:
        read = written(of(kind, name).read(stored))
        again = of(kind, name).read(read)

        assert again == of(kind, name).read(stored)
        kept = stored.keys() & read.keys() - {"at", "order"}
        assert {key: read[key] for key in kept} == {key: stored[key] for key in kept}


@pytest.mark.parametrize("kind", ACTIONS)
def test_every_step_brings_what_its_functions_say(kind: str) -> None:
    for step in steps(ACTIONS[kind]):
        for function in filter(None, (step.act, step.find_existing)):
            said = get_type_hints(function)["return"]
            assert {*get_args(said), said} & {step.brings, type(None)}, (step.name, function)
            brought = [each for each in (said, *get_args(said)) if isinstance(each, type) and issubclass(each, Result)]
            assert brought in ([], [step.brings]), (step.name, function)


def test_a_command_whose_results_another_release_stored_in_another_form_waits_for_an_operator(stage: Stage) -> None:
    acting = Doing(Found("7"))
    action = made_up(Step("first", acting, brings=Found, repeatable=True), Step("second", Doing(), repeatable=True))
    command = stage.ask()
    stage.rows(
        "INSERT INTO command.steps (command_id, name, number, status, result, done_at)"
        " VALUES (%s, 'first', 1, 'done', '{\"of\": \"tomorrow\"}', now()) RETURNING 1",
        command,
    )

    assert stage.run(action) == "dead"

    assert (stage.row(command)["failure_code"], acting.times) == ("UNREADABLE", 0)


def test_a_step_that_brings_something_else_than_it_says_is_a_mistake_of_ours(stage: Stage) -> None:
    action = made_up(Step("first", Doing(Found("7")), reads=True))
    command = stage.ask(attempts=9)

    assert stage.run(action) == "waiting"

    assert stage.row(command)["failure_code"] == "DEFECT"


def test_two_steps_of_an_action_do_not_bring_the_same() -> None:
    with pytest.raises(TypeError, match="bring the same"):
        made_up(
            Step("first", Doing(Found("1")), brings=Found, reads=True),
            Step("second", Doing(Found("2")), brings=Found, reads=True),
        )
