"""Three ways in, and every way of being turned away."""

from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from sandbox.asgi import Request
from sandbox.salesforce.credentials import Credentials
from sandbox.salesforce.oauth import TokenEndpoint
from sandbox.salesforce.sessions import Sessions
from sandbox.state import State

TOKEN_PATH = "/services/oauth2/token"
USER = {"username": "hub@sandbox.example", "password": "sandbox-password"}


@pytest.fixture(scope="module")
def private_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(private_key) -> bytes:
    none = serialization.NoEncryption()
    return private_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_id": "sandbox-client"}, "invalid_client"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "no.jwt.at-all"}, "invalid_grant"),
        (
            {
                "grant_type": "password",
                "client_id": "sandbox-client",
                "client_secret": "sandbox-secret",
                "username": "hub@sandbox.example",
                "password": "wrong",
            },
            "invalid_grant",
        ),
    ],
)
def test_a_refused_grant_is_an_object_that_names_its_error(emulated, form, error):
    answer = emulated.session().post("https://login.salesforce.com" + TOKEN_PATH, data=form)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    ("password", "token", "code"),
    [("wrong", "TOKEN", "INVALID_LOGIN"), ("sandbox-password", "", "LOGIN_MUST_USE_SECURITY_TOKEN")],
)
def test_a_refused_soap_login_is_a_fault_that_simple_salesforce_reads(emulated, password, token, code):
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        emulated.login(username="hub@sandbox.example", password=password, security_token=token)

    assert refused.value.code == code


def test_a_session_dies_of_disuse_with_an_array_and_simple_salesforce_logs_in_again(emulated, sf):
    first = sf.session_id
    emulated.state.clock.advance(timedelta(hours=3).total_seconds())

    answer = emulated.session().get(f"{emulated.url}/services/data/v60.0/limits", headers=sf.headers)
    found = sf.query("SELECT COUNT() FROM Account")

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")
    assert "Sforce-Limit-Info" not in answer.headers
    assert found["totalSize"] > 0
    assert sf.session_id != first


def test_soap_opens_a_session(emulated):
    sf = emulated.login(**USER, security_token="TOKEN")

    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] == len(emulated.world.accounts)


def test_client_credentials_open_a_session_by_form_as_well_as_by_basic_authorization(emulated):
    form = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}

    answer = emulated.session().post("https://acme.my.salesforce.com" + TOKEN_PATH, data=form).json()

    assert emulated.client().session_id.startswith(answer["access_token"].split("!")[0] + "!")
    assert answer["instance_url"] == emulated.url
    assert set(map(type, answer.values())) == {str}
    assert "expires_in" not in answer


def test_a_jwt_with_a_textual_expiry_opens_a_session(emulated, private_key):
    sf = emulated.login(
        username="hub@sandbox.example", consumer_key="sandbox-client", privatekey=pem(private_key).decode()
    )

    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] > 0


def test_the_password_flow_opens_a_session(emulated):
    sf = emulated.login(
        username="hub@sandbox.example",
        password="sandbox-passwordTOKEN",
        consumer_key="sandbox-client",
        consumer_secret="sandbox-secret",
    )

    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] > 0


@pytest.mark.parametrize(
    ("changed", "description"),
    [
        ({"sub": "someone@else.example"}, "user hasn't approved this consumer"),
        ({"aud": "https://evil.example"}, "audience is invalid"),
        ({"aud": "https://evil.salesforce.com"}, "audience is invalid"),
        ({"aud": "login.salesforce.com"}, "audience is invalid"),
        ({"exp": 1}, "expired authorization code"),
        ({"exp": "soon"}, "expired authorization code"),
    ],
)
def test_an_assertion_is_believed_only_with_the_right_claims(emulated, private_key, changed, description):
    claims = {"iss": "sandbox-client", "sub": "hub@sandbox.example", "aud": "https://login.salesforce.com"}
    assertion = jwt.encode({**claims, "exp": 4102444800, **changed}, pem(private_key), algorithm="RS256")
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}

    answer = emulated.session().post("https://login.salesforce.com" + TOKEN_PATH, data=form)

    assert answer.json()["error_description"] == description


def test_an_org_can_insist_on_one_audience(emulated, private_key):
    emulated.state.quirks["salesforce.audience"] = "https://login.salesforce.com"
    claims = {"iss": "sandbox-client", "sub": "hub@sandbox.example", "exp": 4102444800}

    def status(audience: str) -> int:
        assertion = jwt.encode({**claims, "aud": audience}, pem(private_key), algorithm="RS256")
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        return emulated.session().post("https://acme.my.salesforce.com" + TOKEN_PATH, data=form).status_code

    assert (status("https://login.salesforce.com"), status("https://acme.my.salesforce.com")) == (200, 400)


def test_with_a_public_key_only_its_private_key_signs_assertions(private_key, tmp_path):
    key_file = tmp_path / "public.pem"
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    key_file.write_bytes(private_key.public_key().public_bytes(serialization.Encoding.PEM, spki))
    state = State()
    endpoint = TokenEndpoint(Credentials(public_key=key_file), Sessions(state), state.clock)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = {
        "iss": "sandbox-client",
        "sub": "hub@sandbox.example",
        "aud": "https://login.salesforce.com",
        "exp": 4102444800,
    }

    def status(key) -> int:
        assertion = jwt.encode(claims, pem(key), algorithm="RS256")
        body = f"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion={assertion}".encode()
        return endpoint.answer(Request("POST", TOKEN_PATH, "", {}, body, ""), "http://127.0.0.1").status

    assert (status(private_key), status(stranger)) == (200, 400)


def test_who_am_i(emulated, sf):
    answer = emulated.session().get(f"{emulated.url}/services/oauth2/userinfo", headers=sf.headers).json()

    assert answer["preferred_username"] == "hub@sandbox.example"
    assert sf.session_id.startswith(answer["organization_id"][:15])
