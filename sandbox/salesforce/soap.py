"""SOAP login(): the one SOAP call that clients still make (salesforce.md, section 1.2)."""

import re
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from sandbox.asgi import Request, Response
from sandbox.salesforce import versions
from sandbox.salesforce.credentials import Credentials
from sandbox.salesforce.org import ORGANIZATION_ID
from sandbox.salesforce.rows import USER_ID
from sandbox.salesforce.sessions import Sessions

_NAMESPACE = "{urn:partner.soap.sforce.com}"
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope'
    ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com"'
    ' xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    "<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)
_NIL = object()


class SoapLogin:
    """Answers login() with a session, or a fault."""

    def __init__(self, credentials: Credentials, sessions: Sessions) -> None:
        self._credentials, self._sessions = credentials, sessions

    def answer(self, request: Request, base_url: str, version: str) -> Response:
        if not versions.has_login(version):
            return _fault("UNSUPPORTED_API_VERSION", f"login() is not available in API version {version}")
        username, password = _given(request.body)
        known = self._credentials
        if username != known.username:
            return _fault("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
        if password == known.password and not _trusts_caller(request.body):
            return _fault("LOGIN_MUST_USE_SECURITY_TOKEN", "Invalid username, password, security token.")
        if password not in {known.password, known.password + known.security_token}:
            return _fault("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
        result = self._result(base_url, version)
        return _xml(f"<loginResponse><result>{result}</result></loginResponse>", 200)

    def _result(self, base_url: str, version: str) -> str:
        server_url = f"{base_url}/services/Soap/u/{version}/{ORGANIZATION_ID[:15]}"
        # Clients index these by position: the order is part of the answer.
        return (
            _elements(
                {
                    "metadataServerUrl": server_url.replace("/u/", "/m/"),
                    "passwordExpired": "false",
                    "sandbox": "true",
                    "serverUrl": server_url,
                    "sessionId": self._sessions.open(),
                    "userId": USER_ID,
                }
            )
            + f"<userInfo>{_elements(self._user())}</userInfo>"
        )

    def _user(self) -> dict[str, object]:
        return {
            "accessibilityMode": "false",
            "chatterExternal": "false",
            "currencySymbol": "¥",
            "orgAttachmentFileSizeLimit": "5242880",
            "orgDefaultCurrencyIsoCode": "JPY",
            "orgDefaultCurrencyLocale": "ja_JP",
            "orgDisallowHtmlAttachments": "false",
            "orgHasPersonAccounts": "false",
            "organizationId": ORGANIZATION_ID,
            "organizationMultiCurrency": "false",
            "organizationName": "Sandbox",
            "profileId": "00e5i000000PROFAAA",
            "roleId": _NIL,
            "sessionSecondsValid": str(int(self._sessions.lifetime.total_seconds())),
            "userDefaultCurrencyIsoCode": _NIL,
            "userEmail": self._credentials.username,
            "userFullName": "Data Hub",
            "userId": USER_ID,
            "userLanguage": "en_US",
            "userLocale": "en_US",
            "userName": self._credentials.username,
            "userTimeZone": "GMT",
            "userType": "Standard",
            "userUiSkin": "Theme3",
        }


def _given(body: bytes) -> tuple[str | None, str | None]:
    try:
        # Entities cannot be declared in the messages clients send, and the sandbox listens to its own machine.
        login = ET.fromstring(body).find(f".//{_NAMESPACE}login")  # noqa: S314
    except ET.ParseError:
        login = None
    if login is None:
        return None, None
    return login.findtext(f"{_NAMESPACE}username"), login.findtext(f"{_NAMESPACE}password")


def _trusts_caller(body: bytes) -> bool:
    """A caller that names its organization is taken to come from a trusted address."""
    return re.search(rb"<[\w:]*organizationId>", body) is not None


def _elements(values: dict[str, object]) -> str:
    return "".join(
        f'<{name} xsi:nil="true"/>' if value is _NIL else f"<{name}>{escape(str(value))}</{name}>"
        for name, value in values.items()
    )


def _fault(code: str, message: str) -> Response:
    detail = (
        f"<detail><sf:LoginFault><sf:exceptionCode>{code}</sf:exceptionCode>"
        f"<sf:exceptionMessage>{escape(message)}</sf:exceptionMessage></sf:LoginFault></detail>"
    )
    fault = f"<faultcode>{code}</faultcode><faultstring>{code}: {escape(message)}</faultstring>{detail}"
    return _xml(f"<soapenv:Fault>{fault}</soapenv:Fault>", 500)


def _xml(body: str, status: int) -> Response:
    return Response(_ENVELOPE.format(body=body).encode(), status, "text/xml; charset=utf-8")
