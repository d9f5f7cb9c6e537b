"""Who tidies up after a killed supervisor does so once its processes have let go, and leaves the next stack alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.environment import FILE
from cli.up import survivor
from cli.up.alone import OtherStackError, alone


@pytest.fixture
def published(tmp_path: Path) -> Path:
    file = tmp_path / FILE
    file.write_text('{"API_HOST": "127.0.0.1", "API_PORT": "8000"}')
    return file


def test_it_waits_for_the_last_of_those_who_die_to_let_go(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = iter([OtherStackError("still dying"), OtherStackError("still dying")])

    @contextmanager
    def held_a_little_longer(home: Path) -> Iterator[None]:
        for refusal in refusals:
            raise refusal
        with alone(home):
            yield

    monkeypatch.setattr(survivor, "alone", held_a_little_longer)

    survivor.tidy_up(published.parent)

    assert not published.exists()


def test_it_leaves_the_next_stack_alone(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survivor, "PATIENCE_SECONDS", 0.0)

    with alone(published.parent):
        survivor.tidy_up(published.parent)

    assert published.exists()
