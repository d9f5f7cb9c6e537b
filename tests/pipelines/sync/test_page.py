"""The transaction of a page; what it writes together: test_run.py, test_details.py, test_deletions.py."""

from typing import Any

import psycopg

from pipelines.sync.dataset import Page, Selection
from pipelines.sync.reread import Rereader
from tests.pipelines.sync.made_up import SOURCE, a_dataset, execute, fetch, rows

SETTINGS = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "synchronous_commit")


def test_what_is_set_for_writing_a_page_ends_with_it(database: Any) -> None:
    shown = " || ' ' || ".join(f"current_setting('{name}')" for name in SETTINGS)
    execute(
        database.owner,
        "CREATE FUNCTION show_settings() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN NEW.subject := {shown}; RETURN NEW; END $$",
    )
    execute(
        database.owner,
        "CREATE TRIGGER shows BEFORE INSERT ON hub.support_cases FOR EACH ROW EXECUTE FUNCTION show_settings()",
    )
    with psycopg.connect(database.sync) as connection:
        connection.execute("SET synchronous_commit = on")
        connection.commit()
        page = Page(rows=rows("5000"), position={})

        Rereader(connection, a_dataset(lambda _: iter([page])), SOURCE).read(Selection(frozenset({"5000"})))

        afterwards = connection.execute(f"SELECT {shown}".encode()).fetchone()
    assert fetch(database.owner, "SELECT subject FROM hub.support_cases") == [("off off off off",)]
    assert afterwards == ("on on on on",)
