"""An operator says whose account is whose: asked again, written down, and shown."""

import io
import json

import psycopg
import pytest

from domain.common.identifiers import account_id
from tests.builders import insert
from tests.cli.conftest import Hub
from tests.conftest import Database

CRM, CLIENT = "0015i000000000VAAQ", "1031"


def two_accounts(database: Database) -> None:
    with psycopg.connect(database.owner) as connection:
        for source, source_id in (("salesforce", CRM), ("whmcs", CLIENT)):
            identity = account_id(source, source_id)  # type: ignore[arg-type]
            insert(
                connection, "customer_accounts", id=identity, source=source, source_id=source_id, customer_id=identity
            )


def test_an_operators_word_links_and_parts_two_accounts_and_is_kept(hub: Hub, joined: Database) -> None:
    two_accounts(joined)

    linked = hub("customers", "link", CRM, CLIENT, "--reason", "contract seen", "--yes")
    parted = hub("customers", "unlink", CRM, CLIENT, "--reason", "wrong contract", "--yes")

    assert (linked.code, parted.code) == (0, 0), linked.err + parted.err
    shown = json.loads(hub("customers", "links", "--json").out)
    assert [(row["account"], row["what"], row["said_by"]) for row in shown] == [
        (f"whmcs:{CLIENT}", "ended", None),
        (f"whmcs:{CLIENT}", "made", "operator"),
    ]
    assert "1 link of a customer's accounts moved or ended in the last 24 hours" in hub("status").out


def test_without_a_yes_nothing_is_linked(hub: Hub, joined: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    two_accounts(joined)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))

    ended = hub("customers", "link", CRM, CLIENT, "--reason", "contract seen")

    assert ended.code != 0
    with psycopg.connect(joined.owner) as connection:
        assert connection.execute("SELECT count(*) FROM sync.link_words").fetchone() == (0,)


def test_an_account_that_nobody_knows_is_not_linked(hub: Hub, joined: Database) -> None:
    ended = hub("customers", "link", CRM, CLIENT, "--reason", "a guess", "--yes")

    assert ended.code == 1
    assert f"knows no account {CRM}" in ended.err
