"""The engines name no vendor: what differs by vendor comes in by declarations (data sets, actions)."""

import re
from pathlib import Path

import pytest

VENDORS = re.compile("salesforce|whmcs|freebit", re.IGNORECASE)

ENGINES = sorted([*Path("pipelines/sync").glob("*.py"), *Path("pipelines/commands").glob("*.py")])

STILL_NAMING = {
    "pipelines/commands/clients.py",
    "pipelines/commands/runner.py",
    "pipelines/commands/saga.py",
}
"""To be emptied: nothing is added here."""


def vendors_in(module: Path) -> set[str]:
    return {found.lower() for found in VENDORS.findall(module.read_text())}


@pytest.mark.parametrize("module", [each for each in ENGINES if str(each) not in STILL_NAMING], ids=str)
def test_a_module_of_an_engine_names_no_vendor(module: Path) -> None:
    assert vendors_in(module) == set()


def test_whoever_has_stopped_naming_vendors_is_off_the_list() -> None:
    assert {name for name in STILL_NAMING if vendors_in(Path(name))} == STILL_NAMING
