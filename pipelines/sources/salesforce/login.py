"""Logging in to Salesforce, by whichever way the settings allow."""

import warnings
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import jwt
import requests
from pydantic import SecretStr
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import SalesforceLogin

from core.errors import CredentialsError, UnavailableError
from core.settings import SalesforceSettings
from pipelines.sources.salesforce.answers import login_error


def logged_in(settings: SalesforceSettings, http: requests.Session) -> tuple[str, str]:
    """A session id and the host of the instance it is for.

    Raises:
        CredentialsError: Salesforce does not know us, or the private key cannot be read.
        UnavailableError: no usable answer. What we logged in for was not begun, so nothing came of it.
    """
    if settings.login == "jwt":
        _check_key(settings)
    try:
        with warnings.catch_warnings():
            # The library warns with a link that holds our client id; the error says enough.
            warnings.simplefilter("ignore")
            session_id, host = SalesforceLogin(session=http, sf_version=settings.api_version, **_credentials(settings))
    except SalesforceAuthenticationFailed as error:
        raise login_error(error.code, error.auth_message) from None  # the cause's text quotes the answer
    except requests.RequestException as error:
        code = type(error).__name__
        raise UnavailableError("salesforce", "did not answer at log-in", code=code, sent=False) from error
    except (ExpatError, AttributeError, TypeError, ValueError, RecursionError) as error:
        # The library's ways of not understanding an answer.
        problem = "answered log-in with something else"
        raise UnavailableError("salesforce", problem, code="malformed", sent=False) from error
    if not session_id or not isinstance(session_id, str):
        raise UnavailableError("salesforce", "sent no session", code="malformed", sent=False)
    return session_id, host


def _check_key(settings: SalesforceSettings) -> None:
    """Sign something, so that what the key cannot do is not taken for what Salesforce cannot.

    Raises:
        CredentialsError: the file cannot be read, or holds no RSA key that is open to us.
    """
    try:
        jwt.encode({}, Path(str(settings.private_key_file)).read_bytes(), algorithm="RS256")
    except (OSError, ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise CredentialsError("salesforce", "the private key cannot be used", code=type(error).__name__) from error


def _credentials(settings: SalesforceSettings) -> dict[str, Any]:
    """What the log-in needs, by the way the settings are complete for (they refuse to exist where none is).

    The library takes the first way that its arguments are complete for, so it is given no others. `domain` is the
    host it asks; of an assertion it is the audience, and `instance_url` the host before `.salesforce.com`.
    """
    key, person = {"consumer_key": settings.client_id}, {"username": settings.username}
    secret = {"consumer_secret": _revealed(settings.client_secret)}
    password, token = _revealed(settings.password) or "", _revealed(settings.security_token) or ""
    domain = {"domain": settings.domain}
    match settings.login:
        case "jwt":
            audience = settings.assertion_audience.removeprefix("https://").removesuffix(".salesforce.com")
            private_key = {"privatekey_file": str(settings.private_key_file)}
            return person | key | private_key | {"domain": audience, "instance_url": settings.domain}
        case "password":
            # Where the org asks for the token, it stands behind the password (source: username-password flow).
            return person | key | secret | domain | {"password": password + token}
        case "soap":
            return person | domain | {"password": password, "security_token": token}
        case _:
            return key | secret | domain


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
