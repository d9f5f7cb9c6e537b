"""What settings mean together: which log-in is complete, for whom an assertion is, and which secrets are too short."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import SettingsError
from core.settings import (
    ApiSettings,
    AuthSettings,
    GatewaySettings,
    HubSettings,
    MailSettings,
    SalesforceSettings,
    UiSettings,
    require_mail,
)

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


MAIL = {"smtp_host": "mail.example.com", "mail_from": "a@example.com", "portal_url": "https://portal.example.com"}


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ({"smtp_host": "mail.example.com"}, "MAIL_FROM"),
        ({"smtp_host": "mail.example.com", "mail_from": "a@example.com"}, "PORTAL_URL"),
        (MAIL | {"portal_url": "http://portal.example.com"}, "PORTAL_URL"),
        (MAIL | {"smtp_security": "none"}, "SMTP_SECURITY"),
        (MAIL | {"smtp_user": "hub"}, "SMTP_PASSWORD"),
        (MAIL | {"smtp_user": "hub", "smtp_password_file": "/nowhere/at/all"}, "SMTP_PASSWORD_FILE"),
    ],
)
def test_mail_that_others_could_read_or_that_leads_nowhere_is_refused(given: dict[str, Any], variable: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}: "):
        require_mail(HubSettings(hub_mode="production"), MailSettings(**given))


def test_mail_may_go_unsecured_in_development_and_need_not_go_at_all() -> None:
    require_mail(HubSettings(hub_mode="production"), MailSettings(**MAIL))
    require_mail(HubSettings(hub_mode="production"), MailSettings())
    require_mail(HubSettings(hub_mode="development"), MailSettings(**MAIL | {"smtp_security": "none"}))


@pytest.mark.parametrize("said", ["nobody", "", "a@example.com, b@example.com", "a@example.com\nBcc: b@example.com"])
def test_messages_are_from_one_address(said: str) -> None:
    with pytest.raises(ValidationError, match="must be one e-mail address"):
        MailSettings(mail_from=said)


def test_the_password_of_the_e_mail_server_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "smtp").write_text("hush\n")

    assert MailSettings(smtp_password_file=tmp_path / "smtp").password == "hush"
    assert MailSettings(smtp_password="hush").password == "hush"
    assert MailSettings().password is None


PORTAL, SHOP = "https://portal.example.com", "https://shop.example.org"


@pytest.mark.parametrize(
    ("domain", "origins", "fit"),
    [
        ("portal.example.com", (PORTAL,), [PORTAL]),
        ("example.com", (PORTAL, SHOP, "https://example.com:8443"), [PORTAL, "https://example.com:8443"]),
        ("localhost", ("http://localhost:5173",), ["http://localhost:5173"]),
        (None, (PORTAL,), []),
    ],
)
def test_passkeys_are_for_the_pages_that_are_on_their_domain(
    domain: str | None, origins: tuple[str, ...], fit: list[str]
) -> None:
    assert AuthSettings(passkey_domain=domain, origins=origins).passkey_origins == fit


@pytest.mark.parametrize(
    ("domain", "origins"),
    [
        ("example.com", ()),
        ("example.com", (SHOP,)),
        ("example.com", ("http://portal.example.com",)),  # browsers offer none there
        ("example.com", ("https://badexample.com",)),
        ("portal.example.com", ("https://example.com",)),
    ],
)
def test_a_domain_of_passkeys_that_no_page_is_on_is_refused(domain: str, origins: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="AUTH_PASSKEY_DOMAIN: none of AUTH_ORIGINS"):
        AuthSettings(passkey_domain=domain, origins=origins)


@pytest.mark.parametrize("domain", ["https://example.com", "com", "127.0.0.1", "Example.com", "example.com:8000", ""])
def test_what_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(ValidationError):
        AuthSettings(passkey_domain=domain, origins=(PORTAL,))
