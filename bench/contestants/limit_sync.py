"""The bare limit: fetch, `json.loads`, COPY of the rows as sent into a plain table. No check, no key, no second look.

Environment: BENCH_DATABASE_URL, BENCH_WHMCS_URL, BENCH_PAGE_ROWS. Prints its facts as JSON.
"""

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
from psycopg.sql import SQL, Identifier

from bench.contestants.memory import peak_megabytes

FORM = {
    "action": "GetInvoices",
    "responsetype": "json",
    "identifier": "sandbox-identifier",
    "secret": "sandbox-secret",
    "orderby": "id",
    "order": "asc",
}


def pages(url: str, page_rows: int) -> Iterator[list[dict[str, Any]]]:
    with httpx.Client(trust_env=False, timeout=30) as client:
        offset, total = 0, 1
        while offset < total:
            form = FORM | {"limitstart": str(offset), "limitnum": str(page_rows)}
            body = json.loads(client.post(f"{url}/includes/api.php", data=form).content)
            rows = body["invoices"]["invoice"]
            offset, total = offset + len(rows), int(body["totalresults"])
            yield rows


def main() -> None:
    started, made = time.monotonic(), False
    url, page_rows = os.environ["BENCH_WHMCS_URL"], int(os.environ["BENCH_PAGE_ROWS"])
    with psycopg.connect(os.environ["BENCH_DATABASE_URL"]) as connection:
        for rows in pages(url, page_rows):
            names = list(rows[0])
            listed = SQL(", ").join(map(Identifier, names))
            if not made:
                columns = SQL(", ").join(SQL("{} text").format(Identifier(name)) for name in names)
                connection.execute(SQL("CREATE TABLE invoices ({})").format(columns))
            # One transaction a page, as ours.
            with connection.cursor().copy(SQL("COPY invoices ({}) FROM STDIN").format(listed)) as copy:
                for row in rows:
                    copy.write_row([row[name] for name in names])
            connection.commit()
            made = True
    print(json.dumps({"seconds": time.monotonic() - started, "peak_mb": peak_megabytes()}))


if __name__ == "__main__":
    main()
