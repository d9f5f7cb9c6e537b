"""SQL lives in .sql files named for what they answer; this reads them."""

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """The text of sql/queries/<name>.sql, for psycopg (`%(name)s` parameters).

    Raises:
        FileNotFoundError: there is no such file.
    """
    return (files("sql") / "queries" / f"{name}.sql").read_text(encoding="utf-8")
