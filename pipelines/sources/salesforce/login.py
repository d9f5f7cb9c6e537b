"""Logging in to Salesforce, by whichever way the settings allow."""

import warnings
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
    try:
        with warnings.catch_warnings():
            # The library warns with a link that holds our client id; the error says enough.
            warnings.simplefilter("ignore")
            session_id, host = SalesforceLogin(
                session=http, domain=settings.domain, sf_version=settings.api_version, **_credentials(settings)
            )
    except SalesforceAuthenticationFailed as error:
        raise login_error(error.code) from None  # the cause's text quotes the answer
    except requests.RequestException as error:
        raise UnavailableError(
            "salesforce", "did not answer at log-in", code=type(error).__name__, sent=False
        ) from error
    except (ExpatError, AttributeError) as error:
        raise UnavailableError("salesforce", "answered log-in otherwise", code="malformed", sent=False) from error
    except (OSError, ValueError, jwt.PyJWTError) as error:
        raise CredentialsError("salesforce", "the private key cannot be used", code=type(error).__name__) from error
    if not session_id:
        raise UnavailableError("salesforce", "sent no session", code="malformed", sent=False)
    return session_id, host


def _credentials(settings: SalesforceSettings) -> dict[str, Any]:
    """What the log-in needs, by the way the settings are complete for (they refuse to exist where none is)."""
    key, person = {"consumer_key": settings.client_id}, {"username": settings.username}
    secret = {"consumer_secret": _revealed(settings.client_secret)}
    password = {"password": _revealed(settings.password)}
    ways = {
        "jwt": person | key | {"privatekey_file": str(settings.private_key_file)},
        "soap": person | password | {"security_token": _revealed(settings.security_token)},
        "password": person | password | key | secret,
    }
    return ways.get(str(settings.login), key | secret)


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
