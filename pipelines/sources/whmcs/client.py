"""WHMCS's classic API over HTTP: one address, an action per call. Thread-safe."""

import re
from collections.abc import Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Self

import httpx

from core.errors import RejectedError, SourceError, UnavailableError
from core.settings import WhmcsSettings
from pipelines.sources.calls import ONCE, Attempt, Budget, Patience, call, is_local, recorded, was_sent
from pipelines.sources.circuit import Circuit
from pipelines.sources.whmcs.answers import WRONG_PASSWORD, body_of
from pipelines.sources.whmcs.form import encoded
from pipelines.sources.whmcs.halving import Reading, may_be_a_rows_fault, page_in_halves
from pipelines.sources.whmcs.lists import ListPage, page_from

_BEYOND = 1_000_000_000
"""An offset at which no list has a row."""
_FALSE = {"false", "0", "off", "no"}
_FIRST_ID = re.compile(rb"<id>(?:<!\[CDATA\[)?(\d+)")


class WhmcsClient:
    """Calls within the budget of `calls_per_second`, over connections that are kept."""

    def __init__(self, settings: WhmcsSettings, circuit: Circuit | None = None) -> None:
        self._circuit = circuit or Circuit()
        self._url = f"{str(settings.url).rstrip('/')}/includes/api.php"
        self._credentials = {"identifier": settings.identifier, "secret": settings.secret.get_secret_value()}
        if settings.access_key is not None:
            self._credentials["accesskey"] = settings.access_key.get_secret_value()
        self._patience = Patience(settings.retry_attempts)
        self._budget = Budget(settings.calls_per_second, seconds=1, circuit=self._circuit)
        self._http = httpx.Client(
            timeout=httpx.Timeout(settings.timeout_seconds, pool=None),
            # PHP runs the calls of one session one after the other: we never return the cookie that makes one.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency),
            trust_env=not is_local(settings.url.host),
        )

    def call(self, action: str, **params: object) -> dict[str, Any]:
        """The answer to a read action, as sent.

        Raises:
            RejectedError: WHMCS refused the call; `code` is `not_found` where the record does not exist.
            CredentialsError: it does not know us or does not let us.
            UnavailableError: no usable answer, after every try.
        """
        return self._called(self._patience, action, params)

    def change(self, action: str, **params: object) -> dict[str, Any]:
        """The answer to an action that changes something: called once, because nothing there notices a repeat.

        Raises:
            As `call`; an UnavailableError that does not say `nothing_came` leaves the outcome unknown.
        """
        return self._called(ONCE, action, params)

    def user_with(self, email: str, password: str) -> str | None:
        """The id of the user who logs in with these; None: nobody does, or a second factor may be asked for besides.

        Users log in, clients are billed: their ids are apart (reference, section 2.22). Called once, as wrong passwords
        may be counted there; and the password is no part of what the call is said to be about.

        Raises:
            As `call`, where it is not about the password.
        """
        params = {"email": email, "password2": password}
        try:
            answer = self._called(ONCE, "ValidateLogin", params, about="a log-in")
        except RejectedError as error:
            if error.code != WRONG_PASSWORD:
                raise
            return None
        user = str(answer.get("userid", ""))
        if not user.isdecimal():
            raise UnavailableError("whmcs", "did not say which user it is", code="malformed")
        # Half an answer lets nobody in: without a second factor both are there.
        second_factor = str(answer.get("twoFactorEnabled", "")).strip().lower()
        return user if second_factor in _FALSE and answer.get("passwordhash") else None

    def pages(
        self,
        action: str,
        collection: str,
        limitnum: int,
        offset: int = 0,
        *,
        set_aside: bool = False,
        **params: object,
    ) -> Iterator[ListPage]:
        """The pages of a list from `offset` on, at least one. It ends where WHMCS says so or sends nothing more.

        The list may move while it is read: rows then repeat or are skipped, and `total` changes. With `set_aside`, rows
        that WHMCS cannot hand over are named on their page instead of failing it: for callers that take no absence for
        granted.

        Raises:
            As `call`.
        """

        def page_of(patience: Patience, offset: int, rows: int) -> ListPage:
            body = self._called(patience, action, {"limitstart": offset, "limitnum": rows, **params})
            return page_from(body, collection, offset)

        reading = Reading(
            # A part of a page that failed is soon requested in smaller parts: only a single row is worth every try.
            page=lambda offset, rows: page_of(ONCE if rows > 1 else self._patience, offset, rows),
            probe=lambda: self.call(action, limitstart=_BEYOND, limitnum=1, **params),
            id_at=lambda offset: self._first_id(action, limitstart=offset, limitnum=1, **params),
        )
        while True:
            try:
                page = page_of(self._patience, offset, limitnum)
            except SourceError as error:
                if not set_aside or not may_be_a_rows_fault(error):
                    raise
                page = page_in_halves(reading, offset, limitnum, error)
            yield page
            if page.next_offset == offset or (page.counted and page.next_offset >= page.total):
                return
            offset = page.next_offset

    def _called(
        self, patience: Patience, action: str, params: Mapping[str, object], about: object = None
    ) -> dict[str, Any]:
        return call(
            patience,
            lambda attempt: self._answer(action, params, attempt),
            self._circuit,
            about=(action, params if about is None else about),
        )

    def _answer(self, action: str, params: Mapping[str, object], attempt: Attempt) -> dict[str, Any]:
        with recorded("whmcs", action, attempt) as outcome:
            response = self._post(action, {"responsetype": "json", **params}, attempt)
            outcome.status = response.status_code
            return body_of(response.status_code, response.content, response.headers.get("Retry-After"))

    def _first_id(self, action: str, **params: object) -> str | None:
        """The id of a list's first row from its answer in XML, which may hold bytes that JSON may not; None without."""

        def ask(attempt: Attempt) -> str | None:
            with recorded("whmcs", action, attempt) as outcome:
                response = self._post(action, {"responsetype": "xml", **params}, attempt)
                outcome.status = response.status_code
            found = _FIRST_ID.search(response.content) if response.status_code == 200 else None
            return found[1].decode() if found else None

        try:
            return call(ONCE, ask, self._circuit, about=(action, params))
        except UnavailableError:
            return None

    def _post(self, action: str, params: Mapping[str, object], attempt: Attempt) -> httpx.Response:
        self._budget.wait()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Request-ID": attempt.request_id}
        content = encoded({"action": action, **self._credentials, **params})
        try:
            return self._http.post(self._url, content=content, headers=headers)
        except httpx.RequestError as error:
            raise UnavailableError(
                "whmcs", "did not answer", code=type(error).__name__, sent=was_sent(error)
            ) from error

    def close(self) -> None:
        self._http.close()
        self._circuit.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
