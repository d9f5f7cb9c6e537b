"""The arrow points inward: the domain knows nothing of the outside."""

import ast
from pathlib import Path

import pytest

OUTER = {
    "bench", "cli", "core", "dagster", "httpx", "litestar", "pipelines", "psycopg", "read_api", "sandbox", "sql",
    "sqlalchemy",
}  # fmt: skip


@pytest.mark.parametrize("module", sorted(Path("domain").rglob("*.py")), ids=str)
def test_the_domain_knows_nothing_of_the_outside(module):
    imports = [
        node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = {
        alias.name if isinstance(node, ast.Import) else node.module or "" for node in imports for alias in node.names
    }

    assert {name.split(".")[0] for name in names}.isdisjoint(OUTER)
