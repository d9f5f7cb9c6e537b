"""The engines name no vendor: what differs by vendor comes in by declarations (data sets, actions)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENDORS = re.compile("salesforce|whmcs|freebit", re.IGNORECASE)
ENGINES = sorted(
    module.relative_to(ROOT) for engine in ("sync", "commands") for module in (ROOT / "pipelines" / engine).glob("*.py")
)


@pytest.mark.parametrize("module", ENGINES, ids=str)
def test_a_module_of_an_engine_names_no_vendor(module: Path) -> None:
    assert VENDORS.findall((ROOT / module).read_text()) == []
