"""`hub psql`: SQL against the hub's database, for people in psql, for programs as JSON."""

import json

import pytest

from tests.cli.conftest import Hub
from tests.conftest import Database


def test_the_rows_of_a_statement_can_be_had_as_json(hub: Hub, joined: Database) -> None:
    asked = "select 1 as one, 1.50 as money, date '2025-04-01' as day, interval '1 hour' as long, null as nothing"

    printed = hub("psql", "--json", "-c", asked)
    made = hub("psql", "--json", "-c", "create table kept (id int)")
    kept = hub("psql", "--json", "-c", "select id from kept where 'a' like '%'")

    assert json.loads(printed.out) == [
        {"one": 1, "money": "1.50", "day": "2025-04-01", "long": "1:00:00", "nothing": None}
    ]
    assert [(ended.code, json.loads(ended.out)) for ended in (made, kept)] == [(0, []), (0, [])]


@pytest.mark.parametrize("statement", ["selec", "select 1 from nowhere", "select 1/0"])
def test_a_statement_that_fails_is_one_line(hub: Hub, joined: Database, statement: str) -> None:
    ended = hub("psql", "--json", "-c", statement)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("hub: ")
    assert ended.err.count("\n") == 1


def test_json_is_for_one_statement(hub: Hub, joined: Database) -> None:
    ended = hub("psql", "--json")

    assert ended.code == 2
    assert "-c" in ended.err


def test_a_role_sees_what_it_may(hub: Hub, joined: Database) -> None:
    ended = hub("psql", "--json", "--role", "hub_api", "-c", "select count(*) as invoices from hub.invoices")

    assert json.loads(ended.out) == [{"invoices": 0}]
