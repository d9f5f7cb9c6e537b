"""Real systems all at once or none: a half-configured hub does not start."""

import pytest

from cli.up.sources import SandboxSettings, chosen
from core.errors import SettingsError
from core.settings import FreebitSettings, SalesforceSettings, WhmcsSettings, load
from tests.cli.conftest import Hub

REAL = {
    "SALESFORCE_DOMAIN": "acme.my",
    "SALESFORCE_CLIENT_ID": "id",
    "SALESFORCE_CLIENT_SECRET": "secret",
    "WHMCS_URL": "https://billing.example.com",
    "WHMCS_IDENTIFIER": "identifier",
    "WHMCS_SECRET": "secret",
    "FREEBIT_BASE_URL": "https://freebit.example.com/emptool/api",
    "FREEBIT_OEM_ID": "OEM1",
    "FREEBIT_OEM_KEY": "key",
}


def test_one_system_alone_asks_for_the_others_by_variable_and_example(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALESFORCE_DOMAIN", "acme.my")

    ended = hub("up")

    assert ended.code == 1
    assert "WHMCS_URL: Field required (for example https://billing.example.com)" in ended.err
    assert "FREEBIT_OEM_KEY: Field required" in ended.err
    assert "Traceback" not in ended.err


def test_a_malformed_address_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, REAL | {"WHMCS_URL": "billing dot example"})

    with pytest.raises(SettingsError) as refused:
        chosen()

    assert str(refused.value).startswith("WHMCS_URL: ")
    assert "billing dot" not in str(refused.value)


def test_all_three_configured_start_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, REAL)

    assert chosen() is None


def test_a_budget_alone_tunes_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHMCS_PAGE_ROWS", "50")

    assert chosen() == SandboxSettings()


def test_what_the_sandbox_hands_out_is_all_that_the_clients_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, SandboxSettings(whmcs_port=9403).environment())

    assert str(load(WhmcsSettings).url) == "http://127.0.0.1:9403/"
    assert load(SalesforceSettings).client_id == "sandbox-client"
    assert load(FreebitSettings).oem_id == "sandbox-oem"


def test_a_budget_that_is_set_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEBIT_CALLS_PER_MINUTE", "5")

    assert SandboxSettings().environment()["FREEBIT_CALLS_PER_MINUTE"] == "5"


def _set(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
