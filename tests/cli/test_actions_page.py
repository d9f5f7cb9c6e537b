"""The page about actions says what the actions say."""

from pathlib import Path

from cli.actions_page import ASKED_BY, ROUTES, page
from pipelines.commands.actions import ACTIONS

PAGE = Path(__file__).parents[2] / "docs" / "actions.md"


def test_the_page_in_docs_is_what_the_actions_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_action_says_who_asks_for_it() -> None:
    assert set(ASKED_BY) | set(ROUTES) == set(ACTIONS)
