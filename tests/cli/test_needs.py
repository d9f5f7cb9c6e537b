"""Each process has the secrets it works with, and no other's: one that is broken into gives away no more."""

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from cli.needs import NEEDS
from cli.settings_page import KINDS

OF_SALESFORCE = {
    "SALESFORCE_CLIENT_SECRET",
    "SALESFORCE_PASSWORD",
    "SALESFORCE_SECURITY_TOKEN",
}
OF_SOURCES = {*OF_SALESFORCE, "WHMCS_SECRET", "WHMCS_ACCESS_KEY", "FREEBIT_OEM_KEY"}
OF_DAGSTER = {"SYNC_DATABASE_URL", "DAGSTER_DATABASE_URL"}

HELD = {
    "postgres": set(),
    "survivor": set(),
    "sandbox": {"SANDBOX_WHMCS_WEBHOOK_SECRET"},
    "api": {
        "API_DATABASE_URL",
        "AUTH_DATABASE_URL",
        "API_JWT_KEY",
        "AUTH_FACTOR_KEYS",
        "API_WHMCS_WEBHOOK_SECRET",
        "GATEWAY_TOKEN",
    },
    "gateway": {"SYNC_DATABASE_URL", "GATEWAY_TOKEN", *OF_SOURCES},
    "listen": {"SYNC_DATABASE_URL", *OF_SALESFORCE},
    "apply": {*OF_DAGSTER, *OF_SOURCES, "SMTP_PASSWORD"},
    "forward": {*OF_DAGSTER, *OF_SOURCES},
    "dagster-daemon": {*OF_DAGSTER, *OF_SOURCES},
    "dagster": {"DAGSTER_DATABASE_URL", "HUB_UI_KEY"},
}


def _secrets_of(kind: type[BaseSettings]) -> set[str]:
    """Variables of one kind of settings that let somebody in."""
    prefix = str(kind.model_config.get("env_prefix", ""))
    return {
        f"{prefix}{name}".upper()
        for name, field in kind.model_fields.items()
        if field.annotation in {SecretStr, SecretStr | None} or name.endswith("database_url")
    }


# As an operator's shell might have them: all in one.
EVERYTHING = dict.fromkeys(
    {
        *(variable for kind in KINDS for variable in _secrets_of(kind)),
        *("SANDBOX_WHMCS_WEBHOOK_SECRET", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY"),
    },
    "hush",
)


@pytest.mark.parametrize("process", sorted(NEEDS))
def test_a_process_is_given_its_own_secrets_and_no_others(process: str) -> None:
    given = NEEDS[process].of(EVERYTHING)

    assert set(given) == HELD[process]


def test_a_process_is_given_what_any_program_needs_and_its_settings_in_either_case() -> None:
    environment = {
        "PATH": "/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HUB_HOME": "/hub", "whmcs_page_rows": "10",
        "WHMCS_VOCABULARY__TIMEZONE": "UTC", "FREEBIT_VOCABULARY": "{}", "https_proxy": "http://proxy",
    }  # fmt: skip

    assert NEEDS["apply"].of(environment) == environment
    assert set(NEEDS["api"].of(environment)) == {"PATH", "LC_ALL", "TZ", "HUB_HOME", "FREEBIT_VOCABULARY"}
