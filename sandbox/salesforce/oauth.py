"""The OAuth token endpoint: JWT bearer, client credentials, username and password (salesforce.md, section 1.1)."""

import base64
import binascii
import hashlib
import re
from datetime import datetime
from urllib.parse import parse_qsl, unquote

import jwt
from jwt.types import Options

from sandbox.asgi import Request, Response, json_response
from sandbox.salesforce.credentials import Credentials
from sandbox.salesforce.org import ORGANIZATION_ID
from sandbox.salesforce.rows import USER_ID
from sandbox.salesforce.sessions import Sessions
from sandbox.state import Clock

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCE = re.compile(r"https://(?:login|test|[\w-]+(?:--[\w-]+\.sandbox)?\.my)\.salesforce\.com")
AUDIENCE_QUIRK = "salesforce.audience"  # state.quirks: the only audience that assertions may name
_UNCHECKED: Options = {"verify_signature": True, "verify_exp": False, "verify_aud": False, "verify_iat": False}


class GrantError(Exception):
    """The token endpoint says no."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description


class TokenEndpoint:
    """Opens sessions for whoever proves to be the sandbox's client."""

    def __init__(self, credentials: Credentials, sessions: Sessions, clock: Clock) -> None:
        self._credentials, self._sessions, self._clock = credentials, sessions, clock

    def answer(self, request: Request, base_url: str) -> Response:
        """`base_url`: how the caller reached us, which is where its instance lives."""
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            self._check(form, request, base_url)
        except GrantError as refused:
            return json_response({"error": refused.error, "error_description": refused.description}, 400)
        return json_response(self._token(base_url))

    def _check(self, form: dict[str, str], request: Request, base_url: str) -> None:
        """Raises GrantError."""
        match form.get("grant_type"):
            case "client_credentials":
                self._check_client(*_client(form, request))
            case "password":
                self._check_client(*_client(form, request))
                self._check_password(form.get("username", ""), form.get("password", ""))
            case "refresh_token":
                self._check_client(*_client(form, request))
                if form.get("refresh_token") != self._credentials.refresh_token:
                    raise GrantError("invalid_grant", "expired access/refresh token")
            case grant if grant == _JWT_BEARER:
                self._check_assertion(form.get("assertion", ""), base_url)
            case _:
                raise GrantError("unsupported_grant_type", "grant type not supported")

    def _check_client(self, client_id: str, secret: str) -> None:
        if client_id != self._credentials.client_id:
            raise GrantError("invalid_client_id", "client identifier invalid")
        if secret != self._credentials.client_secret:
            raise GrantError("invalid_client", "invalid client credentials")

    def _check_password(self, username: str, password: str) -> None:
        known = self._credentials
        # The security token is appended; an org that trusts the caller's address does without.
        if username != known.username or password not in {known.password, known.password + known.security_token}:
            raise GrantError("invalid_grant", "authentication failure")

    def _check_assertion(self, assertion: str, base_url: str) -> None:
        claims = self._claims(assertion)
        if claims.get("iss") != self._credentials.client_id:
            raise GrantError("invalid_client_id", "client identifier invalid")
        if claims.get("sub") != self._credentials.username:
            raise GrantError("invalid_grant", "user hasn't approved this consumer")
        if not self._is_ours(str(claims.get("aud", "")).rstrip("/"), base_url):
            raise GrantError("invalid_grant", "audience is invalid")
        # Clients exist that send `exp` as text.
        if not _is_ahead(claims.get("exp"), self._clock.now()):
            raise GrantError("invalid_grant", "expired authorization code")

    def _is_ours(self, audience: str, base_url: str) -> bool:
        """A log-in host, the org's own address, or the one audience that the quirk leaves."""
        only = self._sessions.state.quirks.get(AUDIENCE_QUIRK)
        if only:
            return audience == only
        return audience == base_url or _AUDIENCE.fullmatch(audience) is not None

    def revoke(self, request: Request) -> Response:
        """End the session of a token, as "Revoke OAuth Tokens" says: GET or POST with `token`."""
        given = dict(parse_qsl(request.body.decode("utf-8", "replace"))) | dict(parse_qsl(request.query))
        if given.get("token") == self._credentials.refresh_token or self._sessions.end(given.get("token", "")):
            return Response(b"")
        return json_response({"error": "invalid_token", "error_description": "invalid token: token"}, 400)

    def _claims(self, assertion: str) -> dict[str, object]:
        key = self._credentials.public_key
        try:
            if jwt.get_unverified_header(assertion).get("alg") != "RS256":
                raise GrantError("invalid_grant", "invalid assertion")
            if key is None:
                return dict(jwt.decode(assertion, options={"verify_signature": False}))
            return dict(jwt.decode(assertion, key.read_text(), algorithms=["RS256"], options=_UNCHECKED))
        except jwt.PyJWTError as error:
            raise GrantError("invalid_grant", "invalid assertion") from error

    def _token(self, base_url: str) -> dict[str, str]:
        token = self._sessions.open()
        return {
            "access_token": token,
            "instance_url": base_url,
            "id": f"{base_url}/id/{ORGANIZATION_ID}/{USER_ID}",
            "token_type": "Bearer",
            "issued_at": str(int(self._clock.now().timestamp() * 1000)),
            "signature": base64.b64encode(hashlib.sha256(token.encode()).digest()).decode(),
            "scope": "api web",
        }


def _client(form: dict[str, str], request: Request) -> tuple[str, str]:
    """Client id and secret, from the form or from Basic authorization."""
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return unquote(name), unquote(secret)


def _is_ahead(expiry: object, now: datetime) -> bool:
    try:
        return int(str(expiry)) > now.timestamp()
    except ValueError:
        return False
