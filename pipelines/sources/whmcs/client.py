"""WHMCS's classic API over HTTP: one address, an action per call. Thread-safe."""

from collections.abc import Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Self

import httpx

from core.errors import UnavailableError
from core.settings import WhmcsSettings
from pipelines.sources.calls import ONCE, Attempt, Budget, Patience, call, is_local, recorded, was_sent
from pipelines.sources.circuit import AlwaysClosed, Circuit
from pipelines.sources.whmcs.answers import body_of
from pipelines.sources.whmcs.form import encoded
from pipelines.sources.whmcs.lists import ListPage, page_from


class WhmcsClient:
    """Calls within the budget of `calls_per_second`, over connections that are kept."""

    def __init__(self, settings: WhmcsSettings, circuit: Circuit | None = None) -> None:
        self._circuit = circuit or AlwaysClosed()
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

    def _called(self, patience: Patience, action: str, params: Mapping[str, object]) -> dict[str, Any]:
        content = encoded({"action": action, "responsetype": "json", **self._credentials, **params})
        return call(
            patience, lambda attempt: self._once(action, content, attempt), self._circuit, about=(action, params)
        )

    def pages(
        self, action: str, collection: str, limitnum: int, offset: int = 0, **params: object
    ) -> Iterator[ListPage]:
        """The pages of a list from `offset` on, at least one. It ends where WHMCS says so or sends nothing more.

        The list may move while it is read: rows then repeat or are skipped, and `total` changes.
        """
        while True:
            body = self.call(action, limitstart=offset, limitnum=limitnum, **params)
            page = page_from(body, collection, offset)
            yield page
            counted = "totalresults" in body
            if page.next_offset == offset or (counted and page.next_offset >= page.total):
                return
            offset = page.next_offset

    def _once(self, action: str, content: bytes, attempt: Attempt) -> dict[str, Any]:
        self._budget.wait()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Request-ID": attempt.request_id}
        with recorded("whmcs", action, attempt) as outcome:
            try:
                response = self._http.post(self._url, content=content, headers=headers)
            except httpx.RequestError as error:
                raise UnavailableError(
                    "whmcs", "did not answer", code=type(error).__name__, sent=was_sent(error)
                ) from error
            outcome.status = response.status_code
            return body_of(response.status_code, response.content, response.headers.get("Retry-After"))

    def close(self) -> None:
        self._http.close()
        self._circuit.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
