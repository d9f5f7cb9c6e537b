"""What each of the vendor's error codes means for us, decided once."""

import json
import re
from pathlib import Path

import pytest
from requests import PreparedRequest, Response

from core.errors import CredentialsError, QuotaError, RejectedError, ThrottledError, UnavailableError
from pipelines.sources.salesforce.answers import (
    MEANINGS,
    ForgottenError,
    Meaning,
    TooMuchError,
    error_from,
    login_error,
    wants_log_in,
)

CODES = [code for code in Path(__file__).with_name("codes.txt").read_text().splitlines() if not code.startswith("#")]
# Of features that the hub does not use, in the vendor's own families of names.
ELSEWHERE = re.compile(
    "DATACLOUD|CONTENT_|EMAIL|MAIL|SOCIAL|JIGSAW|EXTERNAL_|DATA_INTEGRATION|REPORT_|INBOX|MATCH_|XCLEAN|PACKAG|CUSTOM_"
    "|RETRIEVE_|ENVIRONMENT_HUB|SITE|MAX|HISTORY_FIELDS|FIELD_KEYWORD|FILTERED_LOOKUP|TABSET|WEBLINK|CONFLICTING|PORTAL_US"
    "|CANNOT_|CANT_|CAN_|IP_RANGE|LICENSE_REQ|TOKEN|FEED_|REPUTATION|PA_|DATAASSESS|LIGHT_PORTAL|SERVICE_DESK|FILE_|"
    "EXCEEDED_LEAD|EXCEEDED_MAX_S(?!IZE)|EXCEEDED_MAX_[FT]|LINEITEM|COUPLING|REQUIRE_CONNECTED|SSO_USER|ORG_SETTING"
)
# What says that it may pass, that there is too much of something, or that somebody is not let in.
TELLING = re.compile(
    "TIMEOUT|TIMED_OUT|TIME_EXCEEDED|TOO_LONG$|RUNNING|UNAVAILABLE|MAINTENANCE|LOCK|BUSY|TEMPORAR|DOWN|LIMIT|QUOTA"
    "|TOO_LARGE|TOO_MANY|SESSION|PASSWORD|LOGIN|^ORG_|TXN_SECURITY|_CLIENT|EXPIRED|INACTIVE|DISABLED|UNKNOWN|INTERNAL"
    "|LOCATOR|REPLICATION|Timeout|Quota|Server|Session|Lock|Unknown"
)
TELLING_OF_ANOTHER_THING = {
    # One record, or one request of ours.
    "ASYNC_OPERATION_LOCATOR", "INACTIVE_RULE_ERROR", "APEX_REST_SERVICES_DISABLED",
    "UNKNOWN_ATTACHMENT_EXCEPTION", "LICENSING_UNKNOWN_ERROR", "TOO_MANY_RECIPIENTS", "TOO_MANY_ENUM_VALUE",
    "TOO_MANY_POSSIBLE_USERS_EXIST", "DELETE_OPERATION_TOO_LARGE", "IMAGE_TOO_LARGE",
    "UNAVAILABLE_RECORDTYPE_EXCEPTION",
    "UNAVAILABLE_REF", "INTERNAL_CANVAS_ERROR", "FIELD_MODERATION_RULE_BLOCK", "NO_INACTIVE_DIVISION_MEMBERS",
}  # fmt: skip


def answer(code, status=400, message="", **sent):
    response = Response()
    response.status_code = status
    response._content = json.dumps([{"errorCode": code, "message": message}]).encode()
    response.request = PreparedRequest()
    response.request.prepare("GET", "https://acme.my.salesforce.com/services/data/v62.0/query", **sent)
    return response


def test_no_code_that_speaks_of_time_limits_or_access_is_left_undecided():
    telling = {code for code in CODES if TELLING.search(code) and not ELSEWHERE.search(code)}

    assert telling - MEANINGS.keys() == TELLING_OF_ANOTHER_THING


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_vendors_is_one_of_our_errors(code):
    expected = {
        Meaning.ANEW: CredentialsError,
        Meaning.OPERATOR: CredentialsError,
        Meaning.LATER: UnavailableError,
        Meaning.UNKNOWN: UnavailableError,
        Meaning.PATIENCE: ThrottledError,
        Meaning.LESS: TooMuchError,
        Meaning.FORGOTTEN: ForgottenError,
        Meaning.QUOTA: QuotaError,
        Meaning.REFUSED: RejectedError,
    }
    meaning = MEANINGS.get(code, Meaning.REFUSED)

    error = error_from(answer(code))

    assert (type(error), error.code) == (expected[meaning], code)
    assert error.nothing_came is (meaning not in {Meaning.UNKNOWN, Meaning.LESS})
    assert wants_log_in(answer(code)) is (meaning is Meaning.ANEW)


@pytest.mark.parametrize("code", [code for code, meaning in MEANINGS.items() if meaning is Meaning.REFUSED])
def test_a_server_fault_proves_no_refusal(code):
    error = error_from(answer(code, status=500))

    assert (type(error), error.code, error.nothing_came) == (UnavailableError, code, False)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        # Salesforce Help, "OAuth 2.0 Authorization Errors"; RFC 6749, 5.2; SOAP LoginFault.
        ("invalid_grant", CredentialsError), ("inactive_user", CredentialsError), ("inactive_org", CredentialsError),
        ("invalid_client_id", CredentialsError), ("invalid_client", CredentialsError), ("org_locked", CredentialsError),
        ("OAUTH_APP_BLOCKED", CredentialsError), ("INVALID_LOGIN", CredentialsError),
        ("PASSWORD_LOCKOUT", CredentialsError), ("API_CURRENTLY_DISABLED", CredentialsError),
        ("rate_limit_exceeded", ThrottledError), ("REQUEST_LIMIT_EXCEEDED", QuotaError),
        ("server_error", UnavailableError), ("temporarily_unavailable", UnavailableError),
        ("SERVER_UNAVAILABLE", UnavailableError), ("ORG_IN_MAINTENANCE", UnavailableError),
        ("SSO_SERVICE_DOWN", UnavailableError), (503, UnavailableError), (None, UnavailableError),
        ({"a": 1}, UnavailableError),
    ],
)  # fmt: skip
def test_a_log_in_that_fails_never_did_anything(code, kind):
    error = login_error(code)

    assert (type(error), error.nothing_came) == (kind, True)


@pytest.mark.parametrize(
    ("description", "advice"),
    [
        ("user hasn't approved this consumer", "not pre-authorised"),
        ("audience is invalid", "SALESFORCE_JWT_AUDIENCE"),
        ("Audience validation failed", "SALESFORCE_JWT_AUDIENCE"),
        ("expired authorization code", "clock"),
        ("ip restricted", "address"),
        ("inactive user", "not active"),
        ("authentication failure", "password"),
    ],
)
def test_a_refused_log_in_says_what_an_operator_may_do(description, advice):
    assert advice in str(login_error("invalid_grant", description))
