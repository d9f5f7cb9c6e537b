"""All that the hub holds of a customer, as a zip of JSON: a file per table, and a manifest of what is in them.

Keys, hashes and salts are left out: they would tell nothing, and let somebody in.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from psycopg import Connection
from psycopg.sql import SQL
from sqlalchemy import Table

from pipelines.personal.holdings import Customer, customers_tables, handed_out, theirs
from pipelines.sync.tables import qualified
from sql.personal import by_entity, personal, secret

ROWS_AT_ONCE = 50


def export(connection: Connection[Any], customer: Customer, to: IO[bytes], *, at: datetime) -> dict[str, int]:
    """Write the archive, a row at a time, in the transaction that is open; how many rows each table gave."""
    files: dict[str, dict[str, object]] = {}
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in customers_tables():
            rows, digest = _written(archive, f"{table.fullname}.json", _rows(connection, table, customer))
            if rows:
                columns = [column.name for column in (*personal(table), *by_entity(table))]
                files[table.fullname] = {"rows": rows, "sha256": digest, "about": table.comment, "personal": columns}
        manifest = {
            "customer": str(customer.id),
            "accounts": [str(each) for each in customer.accounts],
            "madeAt": at.isoformat(),
            "files": files,
            "columns": "docs/data-dictionary.md says what each column holds",
        }
        archive.writestr("manifest.json", json.dumps(manifest, ensure_ascii=False, indent=2))
    return {name: int(str(each["rows"])) for name, each in files.items()}


def _rows(connection: Connection[Any], table: Table, customer: Customer) -> Iterator[str]:
    query = SQL("SELECT (({}) - %(left_out)s::text[])::text FROM {} r WHERE {}").format(
        SQL(handed_out(table)), qualified(table), SQL(theirs(table) or "false")
    )
    left_out = [column.name for column in secret(table)]
    with connection.cursor("export") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        for (row,) in cursor.execute(query, {**customer.finds, "left_out": left_out}):
            yield row


def _written(archive: zipfile.ZipFile, name: str, rows: Iterator[str]) -> tuple[int, str]:
    """How many rows, and the SHA-256 of the file."""
    count, digest = 0, hashlib.sha256()
    with archive.open(name, "w", force_zip64=True) as file:

        def write(text: str) -> None:
            digest.update(text.encode())
            file.write(text.encode())

        write("[")
        for row in rows:
            write(f"{',' if count else ''}\n{row}")
            count += 1
        write("\n]\n")
    return count, digest.hexdigest()
