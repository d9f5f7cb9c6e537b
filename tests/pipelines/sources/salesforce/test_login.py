"""Logging in to Salesforce, by each of the ways that settings may allow."""

import json
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from core.errors import CredentialsError, SettingsError, ThrottledError, UnavailableError
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.salesforce.login import logged_in
from pipelines.sources.salesforce.route import Route
from tests.pipelines.sources.salesforce.conftest import DATA, SECRET, logins, result

SOAP = {
    "username": "u@example.com", "password": "p", "security_token": "T", "client_id": None, "client_secret": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            ({"error": "invalid_grant", "error_description": "user hasn't approved this consumer"}, 400),
            CredentialsError,
        ),
        (({"error": "invalid_client"}, 401), CredentialsError),
        (({"error": "rate_limit_exceeded"}, 400), ThrottledError),
        (({"access_token": "s"}, 200), UnavailableError),
        (({}, 503), UnavailableError),
    ],
)
def test_a_log_in_that_fails_says_whether_trying_again_may_help(source, client, json_reply, answer, kind):
    source.answers(json_reply(*answer))

    with pytest.raises(kind) as caught:
        client.count("SELECT COUNT() FROM Account")

    assert SECRET not in str(caught.value)
    assert logins(source) == (1 if kind is CredentialsError else 2)


def test_a_log_in_page_of_html_is_no_refusal(source, client, reply):
    source.answers(reply("<html>down</html>", 503))

    with pytest.raises(UnavailableError):
        client.count("SELECT COUNT() FROM Account")


def test_settings_that_allow_no_log_in_say_what_is_missing(settings):
    with pytest.raises(SettingsError, match="SALESFORCE_CLIENT_ID: no way to log in is complete"):
        settings(client_id=None)


def test_a_private_key_that_cannot_be_read_is_for_an_operator(settings, tmp_path):
    key = tmp_path / "key.pem"
    key.write_text("nonsense")

    given = settings(username="u@example.com", private_key_file=key)
    with SalesforceClient(given) as client, pytest.raises(CredentialsError):
        client.count("SELECT COUNT() FROM Account")


def private_key(folder):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return folder / "key.pem"


@pytest.mark.parametrize(
    ("changes", "grant"),
    [
        ({}, "client_credentials"),
        ({"username": "u@example.com", "password": "p&<"}, "password"),
        ({"username": "u@example.com", "private_key_file": ...}, "urn:ietf:params:oauth:grant-type:jwt-bearer"),
    ],
)
def test_each_oauth_log_in_sends_its_own_grant(*, source, settings, org, json_reply, tmp_path, changes, grant):
    org(json_reply(result()))
    if "private_key_file" in changes:
        changes = {**changes, "private_key_file": private_key(tmp_path)}

    with SalesforceClient(settings(**changes)) as client:
        client.count("SELECT COUNT() FROM Account")

    assert parse_qs(source.requests[0].body)["grant_type"] == [grant]


def test_a_password_with_a_token_logs_in_by_soap(source, settings, reply):
    answer = (
        "<r><serverUrl>https://acme.my.salesforce.com/services/Soap/u/62.0/00D</serverUrl><sessionId>s1</sessionId></r>"
    )
    source.script = lambda request: reply(answer if "/Soap/u/" in request.path else json.dumps(result()))

    with SalesforceClient(settings(**SOAP)) as client:
        client.count("SELECT COUNT() FROM Account")

    assert [request.path.partition("?")[0] for request in source.requests] == [
        "/services/Soap/u/62.0",
        f"{DATA}/queryAll",
    ]


# -- SOAP is on its way out (A19): V: SOAP API end-of-life policy ----------------------------------------------------


def test_oauth_comes_before_soap_with_the_token_behind_the_password(source, settings, org, json_reply):
    org(json_reply(result()))

    with SalesforceClient(settings(username="u@example.com", password="p", security_token="T")) as client:
        client.count("SELECT COUNT() FROM Account")

    form = parse_qs(source.requests[0].body)
    assert (form["grant_type"], form["password"]) == (["password"], ["pT"])


def test_a_version_without_soap_log_in_refuses_to_start_and_names_the_variables(settings):
    with pytest.raises(SettingsError) as caught:
        settings(**SOAP, api_version="65.0")

    for name in ("SALESFORCE_API_VERSION", "SALESFORCE_SECURITY_TOKEN", "SALESFORCE_CLIENT_ID"):
        assert name in str(caught.value)


# -- the audience of an assertion (A18): simple-salesforce#672, PR#711, restforce PR#886 -----------------------------


class Noting(Route):
    """Our way to the network, which notes where calls were meant to go before it leads them elsewhere."""

    def __init__(self, base_url):
        super().__init__(5.0, base_url)
        self.meant_for = []

    def send(self, request, *args, **options):
        self.meant_for.append(urlsplit(request.url).netloc)
        return super().send(request, *args, **options)


@pytest.mark.parametrize(
    ("domain", "given", "audience"),
    [
        ("login", None, "https://login.salesforce.com"),
        ("test", None, "https://test.salesforce.com"),
        ("acme.my", None, "https://login.salesforce.com"),
        ("acme--dev.sandbox.my", None, "https://test.salesforce.com"),
        ("ability-app-1234.scratch.my", None, "https://test.salesforce.com"),
        ("acme.my", "https://acme.my.salesforce.com", "https://acme.my.salesforce.com"),
        ("acme.my", "https://test.salesforce.com", "https://test.salesforce.com"),
    ],
)
def test_an_assertion_is_for_its_audience_and_goes_to_our_domain(  # noqa: PLR0917
    source, settings, org, tmp_path, domain, given, audience
):
    org()
    keyed = settings(
        username="u@example.com", private_key_file=private_key(tmp_path), domain=domain, jwt_audience=given
    )
    route = Noting(source.url)
    with requests.Session() as http:
        http.mount("https://", route)
        logged_in(keyed, http)

    assertion = parse_qs(source.requests[0].body)["assertion"][0]
    assert jwt.decode(assertion, options={"verify_signature": False})["aud"] == audience
    assert route.meant_for == [f"{domain}.salesforce.com"]


def test_an_audience_that_the_org_does_not_want_says_which_setting_helps(source, client, json_reply):
    source.answers(json_reply({"error": "invalid_grant", "error_description": "audience is invalid"}, 400))

    with pytest.raises(CredentialsError, match="SALESFORCE_JWT_AUDIENCE"):
        client.count("SELECT COUNT() FROM Account")


def encrypted(folder):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))


def elliptic(folder):
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    content = ec.generate_private_key(ec.SECP256R1()).private_bytes(serialization.Encoding.PEM, *form)
    (folder / "key.pem").write_bytes(content)


def absent(_folder):
    """No file at all."""


@pytest.mark.parametrize("make", [encrypted, elliptic, absent])
def test_a_key_that_cannot_sign_is_for_an_operator(source, settings, tmp_path, make):
    make(tmp_path)

    given = settings(username="u@example.com", private_key_file=tmp_path / "key.pem")
    with SalesforceClient(given) as client, pytest.raises(CredentialsError, match="private key"):
        client.count("SELECT COUNT() FROM Account")

    assert source.requests == []


# -- answers that are none -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {"body": "", "status": 302, "headers": {"Location": "https://elsewhere.example/login"}},
        {"body": "", "status": 307, "headers": {"Location": "https://elsewhere.example/login"}},
        {"body": "<html>maintenance</html>"},
        {"body": b"\xe9\xff", "status": 500},
        {"body": "[]"},
        {"body": "null"},
        {"body": '{"error":{"code":1}}', "status": 400},
        {"body": '{"access_token":1,"instance_url":"https://x"}'},
        {"body": '{"access_token":"s","instance_url":1}'},
        {"body": ""},
        {"body": '{"error":"server_error"}', "status": 500},
        {"body": '{"error":"unknown_error","error_description":"retry your request"}', "status": 400},
    ],
    ids=lambda answer: f"{answer['body']} {answer.get('status', 200)}",
)
@pytest.mark.parametrize("way", ["oauth", "soap"])
def test_an_answer_to_a_log_in_that_is_none_is_requested_again_and_nothing_came(source, settings, reply, answer, way):
    source.answers(reply(**answer))

    with (
        SalesforceClient(settings(**(SOAP if way == "soap" else {}))) as client,
        pytest.raises(UnavailableError) as caught,
    ):
        client.create("Case", {"Subject": "x"})

    assert caught.value.nothing_came
    assert {request.path.partition("?")[0] for request in source.requests} <= {
        "/services/oauth2/token",
        "/services/Soap/u/62.0",
    }
