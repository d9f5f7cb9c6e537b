"""The bare limit: fetch, `json.loads`, COPY of the rows as sent into plain tables. No check, no key, no second look.

Salesforce's bulk jobs answer with CSV, which PostgreSQL takes as it is: those pages are not even parsed.

Environment: BENCH_DATABASE_URL; BENCH_LISTS, as JSON what to ask for of each list (`bench/lists.py`); BENCH_WHMCS_URL,
BENCH_PAGE_ROWS, WHMCS_*; where a list is Salesforce's, SALESFORCE_* and BENCH_BULK_PAGE_ROWS. Prints its facts as JSON.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import psycopg
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import JsonDumper

from bench.contestants.laps import Laps

LOOK_EVERY_SECONDS = 0.1


class Table:
    """A table of texts, with whatever columns a page names: rows differ in them. One transaction a page, as ours."""

    def __init__(self, connection: psycopg.Connection[Any], name: str) -> None:
        self._connection = connection
        self._name = Identifier(name)
        self._columns: set[str] = set()
        connection.execute(SQL("CREATE TABLE {} ()").format(self._name))

    def add_rows(self, rows: list[dict[str, Any]]) -> None:
        names = list(dict.fromkeys(name for row in rows for name in row))
        self._make(names)
        with self._connection.cursor().copy(self._copy(names, "")) as copy:
            for row in rows:
                copy.write_row([row.get(name) for name in names])
        self._connection.commit()

    def add_csv(self, page: bytes) -> None:
        names = page.partition(b"\n")[0].decode().replace('"', "").split(",")
        self._make(names)
        with self._connection.cursor().copy(self._copy(names, " (FORMAT csv, HEADER)")) as copy:
            copy.write(page)
        self._connection.commit()

    def _make(self, names: list[str]) -> None:
        for name in names:
            if name not in self._columns:
                add = SQL("ALTER TABLE {} ADD COLUMN {} text").format(self._name, Identifier(name))
                self._connection.execute(add)
                self._columns.add(name)

    def _copy(self, names: list[str], options: str) -> Composed:
        listed = SQL(", ").join(map(Identifier, names))
        return SQL("COPY {} ({}) FROM STDIN{}").format(self._name, listed, SQL(options))


def whmcs_pages(client: httpx.Client, asked: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The rows of a list call of WHMCS."""
    form = {
        "action": asked["action"],
        "responsetype": "json",
        "identifier": os.environ["WHMCS_IDENTIFIER"],
        "secret": os.environ["WHMCS_SECRET"],
        "limitnum": os.environ["BENCH_PAGE_ROWS"],
        **asked["order"],
    }
    outer, inner = asked["collection"].split(".")
    offset, total = 0, 1
    while offset < total:
        answer = client.post(
            f"{os.environ['BENCH_WHMCS_URL']}/includes/api.php", data=form | {"limitstart": str(offset)}
        )
        body = json.loads(answer.content)
        rows = body[outer][inner]
        offset, total = offset + len(rows), int(body["totalresults"])
        yield rows


def salesforce_pages(client: httpx.Client, asked: Mapping[str, Any]) -> Iterator[bytes]:
    """The CSV of a bulk job of Salesforce."""
    base = os.environ["SALESFORCE_BASE_URL"]
    person = {"client_id": os.environ["SALESFORCE_CLIENT_ID"], "client_secret": os.environ["SALESFORCE_CLIENT_SECRET"]}
    answer = client.post(f"{base}/services/oauth2/token", data={"grant_type": "client_credentials", **person})
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    jobs = f"{base}/services/data/v62.0/jobs/query"
    job = client.post(jobs, json={"operation": "queryAll", "query": asked["soql"]}, headers=headers).json()
    while job["state"] != "JobComplete":
        time.sleep(LOOK_EVERY_SECONDS)
        job = client.get(f"{jobs}/{job['id']}", headers=headers).json()
    params = {"maxRecords": os.environ["BENCH_BULK_PAGE_ROWS"]}
    while params.get("locator") != "null":
        page = client.get(f"{jobs}/{job['id']}/results", params=params, headers=headers)
        yield page.content
        params["locator"] = page.headers["Sforce-Locator"]


def main() -> None:
    laps = Laps()
    with (
        psycopg.connect(os.environ["BENCH_DATABASE_URL"]) as connection,
        httpx.Client(trust_env=False, timeout=30) as client,
    ):
        # What is nested in a row, such as a service's own fields, is stored as it was sent.
        for nested in (dict, list):
            connection.adapters.register_dumper(nested, JsonDumper)
        for asked in json.loads(os.environ["BENCH_LISTS"]):
            table = Table(connection, asked["name"])
            with laps.lap(asked["name"]):
                if "soql" in asked:
                    for page in salesforce_pages(client, asked):
                        table.add_csv(page)
                else:
                    for rows in whmcs_pages(client, asked):
                        table.add_rows(rows)
    print(json.dumps(laps.facts()))


if __name__ == "__main__":
    main()
