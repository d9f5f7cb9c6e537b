"""The page about actions says what the actions say."""

from pathlib import Path

from cli.actions_page import page

PAGE = Path(__file__).parents[2] / "docs" / "actions.md"


def test_the_page_in_docs_is_what_the_actions_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"
