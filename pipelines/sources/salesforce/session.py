"""A session with Salesforce: calls that time out, are tried again, renew the session once and stop at the quota.

simple-salesforce logs in and knows addresses and headers; its own call methods are left aside, because they retry
nothing, give no headers back, and some recurse without end on a session that stays refused (reference §1.5).
"""

from collections.abc import Callable, Iterable
from threading import RLock
from typing import Any, TypeVar

import requests
from requests import Response
from simple_salesforce.api import Salesforce
from urllib3.exceptions import NewConnectionError

from core.errors import UnavailableError
from core.settings import SalesforceSettings
from pipelines.sources.calls import ONCE, Attempt, Patience, call, correlation_id, recorded
from pipelines.sources.circuit import Circuit
from pipelines.sources.salesforce.answers import error_from
from pipelines.sources.salesforce.login import logged_in
from pipelines.sources.salesforce.quota import QuotaWatch
from pipelines.sources.salesforce.route import Route

Answer = TypeVar("Answer")


class Session:
    """One call at a time: neither requests' session nor simple-salesforce is made for threads."""

    def __init__(self, settings: SalesforceSettings, circuit: Circuit) -> None:
        self._circuit = circuit
        self._settings = settings
        self._patience = Patience(settings.retry_attempts)
        self._quota = QuotaWatch(settings.quota_stop_percent)
        self._lock = RLock()
        self._salesforce: Salesforce | None = None
        self._http = requests.Session()
        self._http.mount("https://", self._route())

    def _route(self) -> Route:
        base_url = str(self._settings.base_url) if self._settings.base_url else None
        return Route(self._settings.timeout_seconds, base_url)

    def send(
        self,
        method: str,
        path: str,
        operation: str,
        read: Callable[[Response], Answer],
        headers: dict[str, str] | None = None,
        *,
        once: bool = False,
        **sent: Any,
    ) -> Answer:
        """What `read` makes of the answer to a call; an answer it finds unusable is asked for again.

        `path` is below the API version, or from the host's root where it begins with a slash. `operation` names the
        call in the log. `sent` goes to requests (`params`, `json`, `data`). `once`: it changes something, and would do
        so again; an UnavailableError that does not say `nothing_came` then leaves the outcome unknown.

        Raises:
            QuotaError: the calls are used up, or the share of them that we may use.
            CredentialsError: the log-in, or a session just opened, is refused.
            RejectedError: Salesforce refused the call, `code` being its `errorCode`.
            UnavailableError: no usable answer, after every try.
        """
        return call(
            ONCE if once else self._patience,
            lambda attempt: read(self._once(method, path, operation, attempt, headers or {}, **sent)),
            self._circuit,
        )

    def pass_on(
        self, path: str, operation: str, content_type: str, body: Iterable[bytes], read: Callable[[Response], Answer]
    ) -> Answer:
        """What `read` makes of the answer to a POST whose body is sent on as it comes: `send`, `once`, for large ones.

        It may take as long as the body does, so other calls go on beside it. What the body raises comes through, and
        Salesforce then has half a call, which it drops.
        """

        def once(attempt: Attempt) -> Answer:
            with self._lock:
                self._quota.check()
            with requests.Session() as http:
                http.mount("https://", self._route())
                headers = {"Content-Type": content_type}
                response = self._sent("POST", path, operation, attempt, headers, http, data=body)
            if response.status_code == 401:
                # What is gone cannot be sent again; the next caller logs in.
                with self._lock:
                    self._salesforce = None
                raise UnavailableError("salesforce", "ended the session", code="session_ended", sent=False)
            if response.status_code >= 300:
                raise error_from(response)
            return read(response)

        return call(ONCE, once, self._circuit)

    def opened(self, *, renewed: bool = False) -> tuple[str, str]:
        """The session id, and the address of the instance it is for; `renewed`: after logging in anew.

        Raises:
            CredentialsError, UnavailableError: the log-in brought no session.
        """
        with self._lock:
            if renewed:
                self._salesforce = None
            salesforce = self._opened(Attempt(1, correlation_id()))
            return str(salesforce.session_id), f"https://{salesforce.sf_instance}"

    def _once(
        self, method: str, path: str, operation: str, attempt: Attempt, headers: dict[str, str], **sent: Any
    ) -> Response:
        with self._lock:
            self._quota.check()
            response = self._sent(method, path, operation, attempt, headers, self._http, **sent)
            if response.status_code == 401:
                # Sessions end after some hours: log in once more, then take no for an answer.
                self._salesforce = None
                response = self._sent(method, path, operation, attempt, headers, self._http, **sent)
        if response.status_code >= 300:
            raise error_from(response)
        return response

    def _sent(  # noqa: PLR0917 - a call's own parts
        self,
        method: str,
        path: str,
        operation: str,
        attempt: Attempt,
        headers: dict[str, str],
        http: requests.Session,
        **sent: Any,
    ) -> Response:
        with self._lock:
            salesforce = self._opened(attempt)
        url = f"https://{salesforce.sf_instance}{path}" if path.startswith("/") else f"{salesforce.base_url}{path}"
        headers = {
            **salesforce.headers,
            "X-Request-ID": attempt.request_id,
            "Sforce-Call-Options": "client=hub",
        } | headers
        with recorded("salesforce", operation, attempt) as outcome:
            try:
                response = http.request(method, url, headers=headers, allow_redirects=False, **sent)
            except requests.RequestException as error:
                raise UnavailableError(
                    "salesforce", "did not answer", code=type(error).__name__, sent=_was_sent(error)
                ) from error
            outcome.status = response.status_code
        if (counted := self._quota.note(response.headers.get("Sforce-Limit-Info"))) is not None:
            self._circuit.counted(*counted)
        return response

    def _opened(self, attempt: Attempt) -> Salesforce:
        if self._salesforce is None:
            with recorded("salesforce", "login", attempt) as outcome:
                session_id, host = logged_in(self._settings, self._http)
                outcome.status = 200
            # Given a session instead of credentials, the library never logs in by itself.
            self._salesforce = Salesforce(
                session_id=session_id, instance=host, session=self._http, version=self._settings.api_version
            )
            del self._salesforce.headers["X-PrettyPrint"]
        return self._salesforce

    def close(self) -> None:
        self._http.close()
        self._circuit.close()


def _was_sent(error: requests.RequestException) -> bool:
    """Whether the call may have reached Salesforce: a connection that was never made carried nothing."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return not isinstance(error, requests.ConnectTimeout) and not isinstance(reason, NewConnectionError)
