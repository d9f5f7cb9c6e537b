"""`hub psql`: SQL against the hub's database, for people in psql, for programs as JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

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


def test_the_password_is_on_no_command_line_and_its_file_is_private_and_short_lived(joined: Database) -> None:
    secret = urlsplit(joined.owner).password or "hush"  # a server of somebody's own has one
    url = joined.owner.replace("postgres:@", f"postgres:{secret}@").replace("postgres@", f"postgres:{secret}@")
    asked = r"\! tr '\\0' ' ' < /proc/$PPID/cmdline; echo; stat -c '%a %n' $PGSERVICEFILE; grep password $PGSERVICEFILE"

    ran = subprocess.run(
        [sys.executable, "-m", "cli", "psql", "-c", asked],
        env=os.environ | {"DATABASE_URL": url}, capture_output=True, text=True, check=True,
    )  # fmt: skip

    line, file, password = ran.stdout.splitlines()
    mode, _, path = file.partition(" ")
    assert secret not in line
    assert (mode, password) == ("600", f"password={secret}")
    assert not Path(path).exists()
