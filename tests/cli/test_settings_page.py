"""Every setting is documented, in docs/settings.md and in .env.example, as it is."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from cli.settings_page import KINDS, environment_file, page, settings_of

ROOT = Path(__file__).parents[2]
SANDBOX_READS = {"customers", "seed", "quirks", "whmcs_timezone"}


@pytest.mark.parametrize(("path", "generated"), [("docs/settings.md", page), (".env.example", environment_file)])
def test_the_page_is_what_the_settings_say_now(path: str, generated: Callable[[], str]) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == generated(), f"run `make docs` to write {path} again"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_setting_says_what_it_is_for(kind: type[BaseSettings]) -> None:
    silent = [name for name, field in kind.model_fields.items() if not field.description]

    assert silent == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_setting_has_an_effect(kind: type[BaseSettings]) -> None:
    folders = ("cli", "core", "pipelines", "read_api")
    code = "\n".join(file.read_text(encoding="utf-8") for name in folders for file in (ROOT / name).rglob("*.py"))

    unused = [name for name in kind.model_fields if not re.search(rf"\.{name}\b", code)]

    # The sandbox reads these from its environment.
    assert set(unused) - SANDBOX_READS == set()


def test_names_an_org_decides_are_settings_too() -> None:
    variables = {setting.variable for kind in KINDS for setting in settings_of(kind)}

    assert {"WHMCS_VOCABULARY__CUSTOMER_NUMBER_FIELD_ID", "FREEBIT_VOCABULARY__PLAN_NAMES"} <= variables
