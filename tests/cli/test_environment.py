"""Another terminal finds the running stack, and nobody else reads its keys."""

import json
import os
import stat
from pathlib import Path

import pytest

from cli.environment import join_running_stack, publish
from cli.up.secrets import chosen


@pytest.fixture
def home() -> Path:
    path = Path(os.environ["HUB_HOME"])
    path.mkdir()
    return path


@pytest.mark.usefixtures("home")
def test_where_nothing_runs_nothing_is_taken_over() -> None:
    before = dict(os.environ)

    join_running_stack()

    assert dict(os.environ) == before


def test_a_variable_set_here_wins_over_the_stacks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(home, {"DATABASE_URL": "postgresql://stack/hub", "API_PORT": "8001"})
    monkeypatch.setenv("DATABASE_URL", "postgresql://mine/hub")
    monkeypatch.setenv("API_PORT", "")  # so that the test's own environment is restored

    join_running_stack()

    assert os.environ["DATABASE_URL"] == "postgresql://mine/hub"
    assert os.environ["API_PORT"] == "8001"


def test_only_its_owner_may_read_it_even_where_an_open_file_lay_there(home: Path) -> None:
    (home / "environment.json").write_text("{}")
    (home / "environment.json").chmod(0o644)

    path = publish(home, {"API_JWT_KEY": "key"})

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"API_JWT_KEY": "key"}


def test_the_key_of_tokens_is_made_once_and_kept_private(home: Path) -> None:
    first, second = chosen("API_JWT_KEY", home), chosen("API_JWT_KEY", home)

    assert first == second
    assert len(first) == 64
    assert stat.S_IMODE((home / "secrets" / "api_jwt_key").stat().st_mode) == 0o600


def test_a_configured_key_is_used_and_not_stored(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_JWT_KEY", "mine")

    assert chosen("API_JWT_KEY", home) == "mine"
    assert not (home / "secrets").exists()
