"""The tables and columns of a data set's declaration, as the parts of a statement that psycopg quotes."""

from collections.abc import Iterable

from psycopg.sql import SQL, Composed, Identifier
from sqlalchemy import Table


def qualified(table: Table) -> Identifier:
    """The table's name with its schema."""
    return Identifier(table.schema, table.name) if table.schema else Identifier(table.name)


def listed(columns: Iterable[str], prefix: str = "") -> Composed:
    """The columns with commas between; the prefix is such as `t.`."""
    return SQL(", ").join(SQL(prefix) + Identifier(column) for column in columns)


def account_column(table: Table) -> str | None:
    """The column that says which account a row belongs to; none where rows belong to nobody."""
    if "account_id" in table.c:
        return "account_id"
    return "id" if table.name == "customer_accounts" else None


def account_of(table: Table, alias: str) -> Composed:
    """The account that a row of the table belongs to, as an expression: null where rows belong to nobody."""
    column = account_column(table)
    return SQL("{}").format(Identifier(alias, column)) if column else SQL("NULL::uuid").format()


def entity(table: Table) -> SQL:
    """How the change log calls the table's rows, as a literal."""
    return SQL("'{}'".format(table.name))  # noqa: UP032 - a table's own name, from metadata
