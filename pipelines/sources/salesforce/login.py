"""Logging in to Salesforce, by whichever way the settings allow."""

import warnings
from typing import Any
from xml.parsers.expat import ExpatError

import jwt
import requests
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import SalesforceLogin

from core.errors import CredentialsError, SettingsError, UnavailableError
from core.settings import SalesforceSettings
from pipelines.sources.salesforce.answers import login_error


def logged_in(settings: SalesforceSettings, http: requests.Session) -> tuple[str, str]:
    """A session id and the host of the instance it is for.

    Raises:
        SettingsError: the settings allow none of the ways.
        CredentialsError: Salesforce does not know us, or the private key cannot be read.
        UnavailableError: no usable answer.
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
        raise UnavailableError("salesforce", "did not answer at log-in", code=type(error).__name__) from error
    except (ExpatError, AttributeError) as error:
        raise UnavailableError("salesforce", "answered log-in with something else", code="malformed") from error
    except (OSError, ValueError, jwt.PyJWTError) as error:
        raise CredentialsError("salesforce", "the private key cannot be used", code=type(error).__name__) from error
    if not session_id:
        raise UnavailableError("salesforce", "sent no session", code="malformed")
    return session_id, host


def _credentials(settings: SalesforceSettings) -> dict[str, Any]:
    """What the log-in needs: a private key (JWT bearer), a password (with a token by SOAP, else OAuth), or a secret."""
    secret, password = settings.client_secret, settings.password
    if settings.private_key_file and settings.username and settings.client_id:
        return {
            "username": settings.username,
            "consumer_key": settings.client_id,
            "privatekey_file": str(settings.private_key_file),
        }
    if settings.username and password and settings.security_token:
        return {
            "username": settings.username,
            "password": password.get_secret_value(),
            "security_token": settings.security_token.get_secret_value(),
        }
    if settings.username and password and settings.client_id and secret:
        return {
            "username": settings.username,
            "password": password.get_secret_value(),
            "consumer_key": settings.client_id,
            "consumer_secret": secret.get_secret_value(),
        }
    if settings.client_id and secret and settings.domain not in {"login", "test"}:
        return {"consumer_key": settings.client_id, "consumer_secret": secret.get_secret_value()}
    raise SettingsError(
        "SALESFORCE_CLIENT_ID: no way to log in is complete; set SALESFORCE_USERNAME with SALESFORCE_PRIVATE_KEY_FILE "
        "and SALESFORCE_CLIENT_ID, or with SALESFORCE_PASSWORD and SALESFORCE_SECURITY_TOKEN, or SALESFORCE_CLIENT_ID "
        "with SALESFORCE_CLIENT_SECRET and a My Domain as SALESFORCE_DOMAIN"
    )
