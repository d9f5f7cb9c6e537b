"""What settings mean together: which log-in is complete, for whom an assertion is, and which secrets are too short."""

from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import SettingsError
from core.settings import ApiSettings, GatewaySettings, SalesforceSettings, UiSettings

OAUTH = {"client_id": "id", "client_secret": "hush"}
USER = {"username": "hub@acme.example", "password": "hush"}


def salesforce(**given: Any) -> SalesforceSettings:
    """Settings of an org; nothing that is not given is set, whatever the environment says."""
    names = ("client_id", "client_secret", "username", "password", "security_token", "private_key_file", "jwt_audience")
    return SalesforceSettings(**{"domain": "acme.my"} | dict.fromkeys(names) | given)


@pytest.mark.parametrize(
    ("given", "login"),
    [
        (OAUTH | USER | {"private_key_file": "/key.pem", "security_token": "t"}, "jwt"),
        ({"client_id": "id", "username": "hub@acme.example", "private_key_file": "/key.pem"}, "jwt"),
        (OAUTH | USER | {"security_token": "t"}, "password"),
        (OAUTH, "client_credentials"),
        (OAUTH | {"username": "hub@acme.example"}, "client_credentials"),
        (OAUTH | USER | {"domain": "login"}, "password"),
        (USER | {"security_token": "t"}, "soap"),
        (USER | {"security_token": "t", "api_version": "64.0"}, "soap"),
        (OAUTH | USER | {"security_token": "t", "api_version": "65.0"}, "password"),
    ],
)
def test_the_first_log_in_that_is_complete_is_used_and_soap_last(given: dict[str, Any], login: str) -> None:
    assert salesforce(**given).login == login


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"client_id": "id"},
        USER,
        OAUTH | {"domain": "login"},  # client credentials are a My Domain's (Salesforce Help, OAuth 2.0 flows)
        OAUTH | {"domain": "test"},
        USER | {"security_token": "t", "api_version": "65.0"},
        {"client_id": "id", "private_key_file": "/key.pem"},
    ],
)
def test_without_a_complete_log_in_the_start_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"^SALESFORCE_(CLIENT_ID|API_VERSION): ") as refused:
        salesforce(**given)

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("domain", "audience"),
    [
        ("acme.my", "https://login.salesforce.com"),
        ("login", "https://login.salesforce.com"),
        ("test", "https://test.salesforce.com"),
        ("acme--uat.sandbox.my", "https://test.salesforce.com"),
        ("acme--uat.my", "https://test.salesforce.com"),
        ("acme.scratch.my", "https://test.salesforce.com"),
    ],
)
def test_an_assertion_is_for_the_log_in_of_the_orgs_kind(domain: str, audience: str) -> None:
    """Salesforce Help, OAuth 2.0 JWT Bearer Flow: `aud`."""
    key = {"client_id": "id", "username": "hub@acme.example", "private_key_file": "/key.pem"}

    assert salesforce(**key, domain=domain).assertion_audience == audience


@pytest.mark.parametrize(
    ("kind", "name", "least"),
    [
        (ApiSettings, "jwt_key", 32),
        (ApiSettings, "whmcs_webhook_secret", 16),
        (GatewaySettings, "token", 32),
        (UiSettings, "key", 32),
    ],
)
def test_a_secret_that_could_be_guessed_is_refused_and_not_repeated(kind: Any, name: str, least: int) -> None:
    needed = {"jwt_key": "k" * 32} if kind is ApiSettings else {}

    assert kind(**needed | {name: "x" * least})
    with pytest.raises(ValidationError, match=f"at least {least} characters") as refused:
        kind(**needed | {name: "x" * (least - 1)})
    assert "xxx" not in str(refused.value)


def test_the_hubs_own_user_writes_for_customers_unless_others_are_named() -> None:
    others = {"portal_users": ("portal@acme.example",)}

    assert salesforce(**OAUTH, **USER).vocabulary.portal_users == ("hub@acme.example",)
    assert salesforce(**OAUTH, **USER, vocabulary=others).vocabulary.portal_users == ("portal@acme.example",)
