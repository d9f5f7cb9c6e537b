"""What READMEs and docs name exists: files, folders, targets of make, commands of hub."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from cli.main import app

ROOT = Path(__file__).parents[1]
FOLDERS = [each for each in sorted(ROOT.iterdir()) if each.is_dir() and not each.name.startswith(".")]
LISTED = [str(page.relative_to(ROOT)) for folder in (ROOT, *FOLDERS)
          for page in (folder.glob("*.md") if folder == ROOT else sorted(folder.rglob("*.md")))]  # fmt: skip
# Decisions and the changelog tell of their own day.
PAGES = [page for page in LISTED if "decisions/0" not in page and page != "CHANGELOG.md"]

QUOTED = re.compile(r"`([^`\n]+)`|\]\(([^)#\s]+)")
PATH = re.compile(r"[\w.\-*<>]+(/[\w.\-*<>]+)*/?")
FILE = re.compile(r"\.(py|sql|md|toml|yaml|lock|php)$")
PLACEHOLDER = re.compile(r"<\w+>")
MADE_LATER = {
    ".hub/",
    ".hub/mail/",
    "results/*.json",
    "postgres/",
    "dagster/",
    "logs/",
    "secrets/",
    ".clients/<name>/",
    ".mutants/",
    ".campaign/",
}
"""What running it makes."""
ELSEWHERE = {"configuration.php", "includes/hooks/", "Asia/Tokyo"}
"""WHMCS's own files, and a name of a time zone."""
CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
MAKE = re.compile(r"(?:^|[ (])make ([a-z]+)", re.MULTILINE)
HUB_COMMANDS = vars(typer.main.get_command(app))["commands"]
HUB = re.compile(r"(?:^|[/(])hub ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", re.MULTILINE)


def paths(text: str) -> Iterator[str]:
    """What is quoted or linked and looks like a path, but for addresses."""
    for quoted, linked in QUOTED.findall(text):
        if linked and "://" not in linked:
            yield linked
        elif quoted and PATH.fullmatch(quoted) and ("/" in quoted or FILE.search(quoted)):
            yield quoted


def exists(path: str, page: Path) -> bool:
    """Whether it is there, seen from the project's root or the page's folder; a name alone, anywhere under it."""
    pattern = PLACEHOLDER.sub("*", path).rstrip("/")
    beside = ROOT if page.parent.name == "docs" else page.parent
    return any(any(found) for found in (ROOT.glob(pattern), page.parent.glob(pattern), beside.rglob(pattern)))


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = set(paths((ROOT / page).read_text())) - MADE_LATER - ELSEWHERE
    ours = sorted(path for path in named if not path.startswith("<HUB_HOME>/"))

    assert [path for path in ours if not exists(path, ROOT / page)] == []


@pytest.mark.parametrize("page", [*PAGES, "Makefile"])
def test_every_command_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    code = text if page == "Makefile" else "\n".join(block or quoted for block, quoted in CODE.findall(text))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(MAKE.findall(code)) - targets == set()
    assert [named for named in HUB.findall(code) if not is_a_command(*named)] == []


def is_a_command(name: str, under: str) -> bool:
    command = HUB_COMMANDS.get(name)
    below = getattr(command, "commands", None)
    return command is not None and (not below or not under or under in below)
