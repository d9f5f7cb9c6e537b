"""A kind of command is declared once: the API, the steps, the page and the database say the same of it."""

import re
from datetime import timedelta
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints
from uuid import UUID, uuid4

import psycopg
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

import sql
from core.settings import ApiSettings
from domain.commands import kinds
from domain.commands.kind import Kind
from domain.common.account_roles import BILLING, AccountRole
from pipelines.commands.actions import ACTIONS
from pipelines.commands.provisioning import request_missed, request_provisioning
from read_api.auth.caller import CALLER, Caller
from read_api.auth.guard import CUSTOMER
from read_api.commands.accepting import KIND, Change
from read_api.customer import controller as of_customer
from read_api.customer import identity as of_identity
from read_api.http.problems.catalogue import FRESH_AUTHENTICATION_NEEDED
from read_api.http.services import KEY as SERVICES
from read_api.orders import controller as of_orders
from read_api.sim import controller as of_sim
from read_api.subscriptions import controller as of_subscriptions
from read_api.support import controller as of_support
from sql.statements import statement
from tests.read_api.conftest import furnish

OWNER = Caller(str(uuid4()), "owner", 0.0, authenticated_at=inf)
KINDS = {name: each for name, each in vars(kinds).items() if isinstance(each, Kind)}
MODULES = (of_customer, of_identity, of_orders, of_sim, of_subscriptions, of_support)
CHANGES = [each for module in MODULES for each in vars(module).values() if isinstance(each, Change)]
NO_CUSTOMERS = {"provision_order", "sign_up", "link_whmcs"}
"""A source asks for them, or whoever is no customer yet."""
PAGE = Path(__file__).parents[3] / "docs" / "actions.md"


def by_kind(change: Change[Any, Any]) -> str:
    return change.kind.name


def test_every_kind_is_done_by_one_action_and_asked_for_at_one_place() -> None:
    assert {each.name for each in KINDS.values()} == set(ACTIONS)
    assert {name: action.kind for name, action in ACTIONS.items()} == {each.name: each for each in KINDS.values()}
    accepted = [change.kind for change in CHANGES]
    assert sorted(kind.name for kind in accepted) == sorted(set(ACTIONS) - NO_CUSTOMERS)
    assert all(kind in KINDS.values() for kind in accepted)
    assert [name for name, each in KINDS.items() if name != each.name.upper()] == []


def test_every_operation_that_accepts_a_command_says_which_and_takes_its_input(app: Litestar) -> None:
    found = {}
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            taken = getattr(handler.fn, "__annotations__", {})
            if "key" in taken:
                found[handler.opt[KIND].name] = get_type_hints(handler.fn).get("data")

    assert found.pop("submit_identity_document") is None  # the document itself, byte by byte
    assert {name: taken for name, taken in found.items() if taken is not ACTIONS[name].kind.input} == {}
    assert found.keys() == set(ACTIONS) - {"submit_identity_document"} - NO_CUSTOMERS


def test_the_page_has_a_chapter_for_every_kind_that_says_its_deadline() -> None:
    chapters = dict(
        re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    )

    assert {
        name: timedelta(days=int(re.findall(r"Given up after (\d+) day", text)[0])) for name, text in chapters.items()
    } == {name: action.kind.deadline for name, action in ACTIONS.items()}
    assert [name for name, text in chapters.items() if ACTIONS[name].kind.about not in text] == []


class Listening:
    """A database that only hears what it is asked to store."""

    values: dict[str, Any]

    async def ask(self, _: object, __: str, values: dict[str, Any], **___: object) -> Any:
        self.values = values
        return SimpleNamespace(rows=[(b"accepted", str(uuid4()).encode(), b'"2026-01-01T00:00:00Z"', None, None)])


async def stored(change: Change[Any, Any], database: Any, customer: Any, subject: str | None) -> dict[str, Any]:
    """The row of a command as the API has it stored."""
    listening = Listening()
    services = SimpleNamespace(
        database=listening, settings=ApiSettings(jwt_key="k" * 32), factors=SimpleNamespace(is_fresh=lambda _: True)
    )
    state = {SERVICES: services}
    request: Any = SimpleNamespace(app=SimpleNamespace(state=state), scope={CUSTOMER: str(customer), CALLER: OWNER})
    await change._stored(request, uuid4().hex, "{}", subject, None)
    with psycopg.connect(database.api) as connection:
        connection.execute(
            "SELECT set_config('hub.role', 'owner', true), set_config('hub.fresh', 'true', true),"
            " set_config('hub.customer_id', %s, true)",
            [str(customer)],
        )
        said = connection.execute(statement("commands/accept"), listening.values).fetchone()
    assert said is not None
    assert said[0] == "accepted", said
    return of_command(database, said[1])


def of_command(database: Any, command: Any) -> dict[str, Any]:
    with psycopg.connect(database.owner) as owner, owner.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        row = cursor.execute(
            "SELECT c.*, c.deadline_at - c.accepted_at AS deadline, a.source FROM command.commands c"
            " JOIN hub.customer_accounts a ON a.id = c.account_id WHERE c.id = %s",
            [command],
        ).fetchone()
    assert row is not None
    return row


def facts_of(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["kind"], row["subject_kind"], row["source"], row["deadline"]


def declared(kind: Kind[Any, Any]) -> tuple[Any, ...]:
    return kind.name, kind.subject, kind.system, kind.deadline


@pytest.mark.parametrize("change", CHANGES, ids=by_kind)
async def test_the_database_stores_what_is_declared(change: Change[Any, Any], database: Any, rows: Any) -> None:
    owned = furnish(rows)
    customer = owned["customers"]["id"]
    makes_it = change.kind.name in {"place_order", "open_case"}
    subject = None if makes_it else str(customer if change.kind.subject == "customers" else owned[change.kind.subject])

    row = await stored(change, database, customer, subject)

    assert facts_of(row) == declared(change.kind)
    assert row["subject_id"] == (row["id"] if makes_it else UUID(subject))


@pytest.mark.parametrize("missed", [False, True], ids=["told", "missed"])
def test_the_database_stores_what_is_declared_of_provisioning(missed: bool, database: Any, rows: Any) -> None:
    owned = furnish(rows)
    rows.execute(
        "UPDATE hub.orders SET status = 'approved', activation_status = 'activating', source_updated_at = now()"
    )
    ((order,),) = rows.execute("SELECT source_id FROM hub.orders").fetchall()

    if missed:
        assert request_missed(rows, patience_seconds=0) == 1
    else:
        assert request_provisioning(rows, order, key="key", event="event", request_id="request")

    ((command,),) = rows.execute("SELECT id FROM command.commands WHERE kind = 'provision_order'").fetchall()
    row = of_command(database, command)
    assert facts_of(row) == declared(kinds.PROVISION_ORDER)
    assert (row["subject_id"], row["lane"]) == (owned["orders"], f"orders:{owned['orders']}")
    assert row["input"]["order"] == order


def test_the_database_and_the_kinds_say_the_same_of_who_may_ask(database: Any) -> None:
    allowed = {kind.name: kind.roles for kind in KINDS.values()} | {"pay_links": BILLING}

    with psycopg.connect(database.owner) as owner:
        said = {
            what: tuple(
                role
                for role in get_args(AccountRole)
                if owner.execute("SELECT command.may(%s, %s)", [what, role]).fetchone() == (True,)
            )
            for what in allowed
        }
        nobody = owner.execute("SELECT command.may('top_up', NULL), command.may('top_up', 'admin')").fetchone()

    assert said == allowed
    assert nobody == (False, False)
    assert {role for roles in allowed.values() for role in roles} == {*get_args(AccountRole)} - {"read_only"}


def test_the_database_and_the_kinds_say_the_same_of_what_needs_a_fresh_authentication(database: Any) -> None:
    with psycopg.connect(database.owner) as owner:
        said = {
            name: owner.execute("SELECT command.needs_fresh(%s)", [kind.name]).fetchone() == (True,)
            for name, kind in KINDS.items()
        }

    assert said == {name: kind.fresh for name, kind in KINDS.items()}
    assert {name for name, is_fresh in said.items() if is_fresh} == {
        "CANCEL_SIM",
        "CANCEL_SUBSCRIPTION",
        "REISSUE_ESIM",
        "UPDATE_PROFILE",
    }


def test_the_page_and_openapi_say_which_need_a_fresh_authentication(app: Litestar) -> None:
    chapters = dict(
        re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    )
    told = {}
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            if KIND in handler.opt:
                told[handler.opt[KIND].name] = FRESH_AUTHENTICATION_NEEDED.title in handler.responses[403].description
    fresh = {kind.name for kind in KINDS.values() if kind.fresh}

    assert {name for name, text in chapters.items() if "Needs a fresh authentication" in text} == fresh
    assert {name for name, is_told in told.items() if is_told} == fresh


def test_sql_names_no_kind_that_is_not_declared_and_no_deadline() -> None:
    queries = Path(sql.__file__).parent / "queries"
    texts = {path.name: path.read_text(encoding="utf-8") for path in queries.rglob("*.sql")}

    named = {kind for text in texts.values() for kind in re.findall(r"\bkind = '(\w+)'", text) if "command" in text}
    assert named <= {*ACTIONS, "record", "event"}
    storing = [name for name, text in texts.items() if "INSERT INTO command.commands" in text]
    assert storing
    assert [name for name in storing if re.search(r"now\(\) \+ interval", texts[name])] == []
