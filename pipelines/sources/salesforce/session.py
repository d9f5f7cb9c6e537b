"""A session with Salesforce: calls that time out, are tried again, renew the session once and stop at the quota.

simple-salesforce logs in and knows addresses and headers; its own call methods are left aside, because they retry
nothing, give no headers back, and some recurse without end on a session that stays refused (reference §1.5).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, TypeVar

import requests
from requests import Response
from simple_salesforce.api import Salesforce
from urllib3.exceptions import NewConnectionError

from core.errors import UnavailableError
from core.settings import SalesforceSettings
from pipelines.sources.calls import ONCE, Attempt, Patience, call, correlation_id, recorded
from pipelines.sources.circuit import Circuit
from pipelines.sources.salesforce.answers import error_from, wants_log_in
from pipelines.sources.salesforce.login import logged_in
from pipelines.sources.salesforce.quota import QuotaWatch
from pipelines.sources.salesforce.route import Route, Straight

Answer = TypeVar("Answer")


class Session:
    """Thread-safe: each call borrows connections of its own, because those of requests are not made for threads."""

    def __init__(self, settings: SalesforceSettings, circuit: Circuit) -> None:
        self._circuit = circuit
        self._settings = settings
        self._patience = Patience(settings.retry_attempts)
        self._quota = QuotaWatch(settings.quota_stop_percent)
        self._login = Lock()
        self._salesforce: Salesforce | None = None
        self._idle: SimpleQueue[requests.Session] = SimpleQueue()

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
        """What `read` makes of the answer to a call; an answer it finds unusable is requested again.

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
            lambda attempt: read(self._once(method, path, operation, attempt, headers=headers or {}, **sent)),
            self._circuit,
            about=(method, path, sent),
        )

    def pass_on(
        self, path: str, operation: str, content_type: str, body: Iterable[bytes], read: Callable[[Response], Answer]
    ) -> Answer:
        """What `read` makes of the answer to a POST whose body is sent on as it comes: `send`, `once`, for large ones.

        What the body raises comes through, and Salesforce then has half a call, which it drops.
        """

        def once(attempt: Attempt) -> Answer:
            self._quota.check()
            headers = {"Content-Type": content_type}
            salesforce = self._opened(attempt)
            response = self._sent(salesforce, "POST", path, operation, attempt, headers, data=body)
            if wants_log_in(response):
                # What is gone cannot be sent again, but whoever calls next does so with a session anew.
                self._forget(salesforce)
                raise UnavailableError("salesforce", "ended the session", code="session_ended", refused=True)
            if response.status_code >= 300:
                raise error_from(response)
            return read(response)

        return call(ONCE, once, self._circuit, about=path)

    def opened(self, *, renewed: bool = False) -> tuple[str, str]:
        """The session id, and the address of the instance it is for; `renewed`: after logging in anew.

        Raises:
            CredentialsError, UnavailableError: the log-in brought no session.
        """
        instead_of = self._salesforce if renewed else None
        salesforce = self._opened(Attempt(1, correlation_id()), instead_of)
        return str(salesforce.session_id), f"https://{salesforce.sf_instance}"

    def _once(self, method: str, path: str, operation: str, attempt: Attempt, **sent: Any) -> Response:
        self._quota.check()
        salesforce = self._opened(attempt)
        response = self._sent(salesforce, method, path, operation, attempt, **sent)
        if wants_log_in(response):
            # Sessions end after some hours, and orgs move: log in once more, then take no for an answer.
            renewed = self._opened(attempt, instead_of=salesforce)
            response = self._sent(renewed, method, path, operation, attempt, **sent)
        if response.status_code >= 300:
            raise error_from(response)
        return response

    def _sent(  # noqa: PLR0917 - what makes one call
        self,
        salesforce: Salesforce,
        method: str,
        path: str,
        operation: str,
        attempt: Attempt,
        headers: dict[str, str],
        **sent: Any,
    ) -> Response:
        url = f"https://{salesforce.sf_instance}{path}" if path.startswith("/") else f"{salesforce.base_url}{path}"
        headers = {
            **salesforce.headers,
            "X-Request-ID": attempt.request_id,
            "Sforce-Call-Options": "client=hub",
        } | headers
        with recorded("salesforce", operation, attempt) as outcome, self._borrowed() as http:
            try:
                response = http.request(method, url, headers=headers, allow_redirects=False, **sent)
            except requests.RequestException as error:
                was_sent = _was_sent(error)
                if not was_sent:
                    # The name of an instance that an org has left is taken away one day (Gravity-Forms-Salesforce#298).
                    self._forget(salesforce)
                raise UnavailableError(
                    "salesforce", "did not answer", code=type(error).__name__, sent=was_sent
                ) from error
            outcome.status = response.status_code
        if (counted := self._quota.note(response.headers.get("Sforce-Limit-Info"))) is not None:
            self._circuit.counted(*counted)
        return response

    def _opened(self, attempt: Attempt, instead_of: Salesforce | None = None) -> Salesforce:
        """The session, the same for all threads; another one than `instead_of`, which was refused."""
        with self._login:
            if self._salesforce is None or self._salesforce is instead_of:
                self._salesforce = None
                self._salesforce = self._logged_in(attempt)
            return self._salesforce

    def _forget(self, salesforce: Salesforce) -> None:
        """Let whoever calls next log in, unless somebody has done so since."""
        with self._login:
            if self._salesforce is salesforce:
                self._salesforce = None

    def _logged_in(self, attempt: Attempt) -> Salesforce:
        with recorded("salesforce", "login", attempt) as outcome, self._borrowed() as http:
            session_id, host = logged_in(self._settings, http)
            outcome.status = 200
            # Given a session instead of credentials, the library never logs in by itself.
            salesforce = Salesforce(
                session_id=session_id, instance=host, session=http, version=self._settings.api_version
            )
        del salesforce.headers["X-PrettyPrint"]
        return salesforce

    @contextmanager
    def _borrowed(self) -> Iterator[requests.Session]:
        try:
            http = self._idle.get_nowait()
        except Empty:
            http = Straight()
            base_url = str(self._settings.base_url) if self._settings.base_url else None
            http.mount("https://", Route(self._settings.timeout_seconds, base_url))
        try:
            yield http
        finally:
            self._idle.put(http)

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()
        self._circuit.close()


def _was_sent(error: requests.RequestException) -> bool:
    """Whether the call may have reached Salesforce: a connection that was never made carried nothing."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return not isinstance(error, requests.ConnectTimeout) and not isinstance(reason, NewConnectionError)
