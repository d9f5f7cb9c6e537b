"""Reading single records again, as events and operators ask for it."""

from datetime import timedelta

import psycopg
import pytest

from core.errors import UnavailableError
from pipelines.sync.dataset import Row, Selection
from pipelines.sync.reread import Rereader
from tests.builders import insert
from tests.pipelines.sync.made_up import SOURCE, details_dataset, fetch, give_ids, three_invoices


def test_a_record_that_somebody_else_set_aside_leaves_quarantine_when_it_is_read(database):
    three_invoices(database)
    give_ids(database)
    with psycopg.connect(database.sync) as connection:
        reader = Rereader(connection, details_dataset(lambda _: {"balance": 5}), SOURCE)
        with psycopg.connect(database.owner) as other:
            insert(other, "sync.quarantine", dataset="whmcs.invoice_details", source_id="2")
        reader.read(Selection(records=frozenset({"2"})))

    assert fetch(database.owner, "SELECT resolved_at IS NOT NULL FROM sync.quarantine") == [(True,)]


@pytest.mark.parametrize(("due", "minutes"), [("24 hours", 1), ("30 seconds", 0.5)])
def test_a_parent_that_fails_when_somebody_asked_for_it_is_asked_about_again_soon(database, due, minutes):
    three_invoices(database)

    def ask(parent: Row) -> Row:
        raise UnavailableError("whmcs", "is down", code="http_503")

    give_ids(database)
    with psycopg.connect(database.owner) as connection:
        connection.execute("UPDATE hub.invoices SET items_due_at = now() + %s::interval", [due])
    with psycopg.connect(database.sync) as connection:
        Rereader(connection, details_dataset(ask), SOURCE).read(Selection(records=frozenset({"2"})))

    waits = fetch(database.owner, "SELECT items_due_at - now() FROM hub.invoices WHERE source_id = '2'")
    assert timedelta(minutes=minutes) - timedelta(seconds=20) < waits[0][0] <= timedelta(minutes=minutes)
