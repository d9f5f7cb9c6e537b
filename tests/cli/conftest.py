"""Running `hub` in this process, away from whatever stack the developer runs."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.main import main
from tests.conftest import Database

FOREIGN = ("SALESFORCE_", "WHMCS_", "FREEBIT_", "SANDBOX_", "API_", "DAGSTER_", "GATEWAY_", "COMMANDS_", "AUTH_",
           "SMTP_", "MAIL_", "PORTAL_")  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Hub = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    # `hub up` decides for the processes it starts by its own environment, which here is ours.
    before = dict(os.environ)
    for name in [*os.environ]:
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    for name in ("DATABASE_URL", "SYNC_DATABASE_URL", "AUTH_DATABASE_URL", "ANALYST_DATABASE_URL", "HUB_UI_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hub:
    """`hub("status", "--json")` as typed in a pipe."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["hub", *arguments])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run


@pytest.fixture
def joined(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A migrated, empty database that commands find."""
    monkeypatch.setenv("DATABASE_URL", database.owner)
    monkeypatch.setenv("SYNC_DATABASE_URL", database.sync)
    monkeypatch.setenv("API_DATABASE_URL", database.api)
    monkeypatch.setenv("AUTH_DATABASE_URL", database.auth)
    monkeypatch.setenv("ANALYST_DATABASE_URL", database.analyst)
    monkeypatch.setenv("API_JWT_KEY", "k" * 32)
    return database
