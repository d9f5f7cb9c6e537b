"""Freebit's MVNO API over HTTP: a call is a POST of one form field holding JSON, an answer an envelope. Thread-safe."""

import json
from collections.abc import Mapping
from datetime import date
from time import monotonic
from typing import Any, Self

import httpx
from pydantic_core import from_json

from core.errors import CredentialsError, UnavailableError
from core.settings import FreebitSettings
from core.storable import storable_json
from pipelines.sources.calls import (
    ONCE,
    Attempt,
    Budget,
    Patience,
    call,
    failure,
    is_local,
    recorded,
    was_sent,
)
from pipelines.sources.circuit import Circuit
from pipelines.sources.freebit import assumptions
from pipelines.sources.freebit.key import KeyRing

Body = dict[str, Any]


class FreebitClient:
    """Reads about one line a call, within the budget of `calls_per_minute`. Answers are whole, envelope included."""

    def __init__(self, settings: FreebitSettings, circuit: Circuit | None = None) -> None:
        self._circuit = circuit or Circuit()
        self._base_url = f"{str(settings.base_url).rstrip('/')}/"
        self._login = {"oemId": settings.oem_id, "oemKey": settings.oem_key.get_secret_value()}
        self._patience = Patience(
            settings.retry_attempts, assumptions.FIRST_WAIT_SECONDS, assumptions.LONGEST_WAIT_SECONDS
        )
        self._budget = Budget(settings.calls_per_minute, seconds=60, circuit=self._circuit)
        self._key = KeyRing(self._authenticate, monotonic)
        self._http = httpx.Client(
            timeout=httpx.Timeout(settings.timeout_ms / 1000, connect=assumptions.CONNECT_SECONDS, pool=None),
            limits=httpx.Limits(max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency),
            trust_env=not is_local(settings.base_url.host),
        )

    def account_detail(self, msisdn: str) -> Body:
        """PA03-02: state, plan, options and remaining quota (KB) of a line, in `responseDatas`. Digits only."""
        wanted = [{"kind": assumptions.LINE_KIND, "account": msisdn}]
        return self._read(assumptions.ACCOUNT_DETAIL, {"version": assumptions.DETAIL_VERSION, "requestDatas": wanted})

    def traffic(self, msisdn: str) -> Body:
        """PA05-01: KB used today and on up to 30 days before, yesterday first, in `traffic`."""
        return self._read(assumptions.TRAFFIC, {"account": msisdn})

    def quota_history(self, msisdn: str, from_date: date, to_date: date) -> Body:
        """PA05-02: data added between two dates of Tokyo, both included, newest first, in `quotaHistory` (KB)."""
        period = {"fromDate": f"{from_date:{assumptions.DATE}}", "toDate": f"{to_date:{assumptions.DATE}}"}
        return self._read(assumptions.QUOTA_HISTORY, {"account": msisdn, **period})

    def change(self, path: str, request: Body) -> Body:
        """The answer to an API that changes a line: called once, because most there do it again when asked again.

        Raises:
            BusyError: Freebit still works on an earlier change of the line, or it was too recent.
            RejectedError, CredentialsError, UnavailableError: as a read; an UnavailableError that does not say
                `nothing_came` leaves the outcome unknown.
        """
        return self._called(ONCE, path, request)

    def _read(self, path: str, request: Body) -> Body:
        """The answer to a read.

        Raises:
            RejectedError: Freebit refused the call, `code` being its own.
            CredentialsError: it does not know us.
            UnavailableError: no usable answer, after every try.
        """
        return self._called(self._patience, path, request)

    def _called(self, patience: Patience, path: str, request: Body) -> Body:
        return call(
            patience, lambda attempt: self._with_key(path, request, attempt), self._circuit, about=(path, request)
        )

    def _with_key(self, path: str, request: Body, attempt: Attempt) -> Body:
        key = self._key.current(attempt)
        try:
            return self._post(path, {"authKey": key, **request}, attempt)
        except CredentialsError as error:
            if not error.nothing_came:
                raise
            # A key may die early: one new key and one more call, then we give up.
            key = self._key.instead_of(key, attempt)
            return self._post(path, {"authKey": key, **request}, attempt)

    def _authenticate(self, attempt: Attempt) -> str:
        """PA01-01: a key for later calls.

        Raises:
            SourceError: there is none. What the key is for was not begun, so nothing came of it.
        """
        try:
            key = self._post(assumptions.AUTHENTICATE, self._login, attempt).get("authKey")
        except CredentialsError as error:
            raise CredentialsError("freebit", error.reason, code=error.code) from error
        except UnavailableError as error:
            if error.nothing_came:
                raise
            wait = error.retry_after
            raise UnavailableError("freebit", error.reason, code=error.code, sent=False, retry_after=wait) from error
        if not isinstance(key, str) or not key:
            raise UnavailableError("freebit", "sent no key", code="malformed", sent=False)
        return key

    def _post(self, path: str, request: Mapping[str, object], attempt: Attempt) -> Body:
        self._budget.wait()
        form = {"json": json.dumps(request, ensure_ascii=False)}
        with recorded("freebit", path, attempt) as outcome:
            try:
                response = self._http.post(
                    self._base_url + path, data=form, headers={"X-Request-ID": attempt.request_id}
                )
            except httpx.RequestError as error:
                raise UnavailableError(
                    "freebit", "did not answer", code=type(error).__name__, sent=was_sent(error)
                ) from error
            outcome.status = response.status_code
            return _body_of(response)

    def close(self) -> None:
        self._http.close()
        self._circuit.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _body_of(response: httpx.Response) -> Body:
    """The envelope, if it says success: `resultCode` 100, a number or a text, whatever the HTTP status of 200 says."""
    if by_status := failure("freebit", response.status_code, response.headers.get("Retry-After")):
        raise by_status
    try:
        body = from_json(storable_json(response.content))
    except ValueError as error:
        raise UnavailableError("freebit", "answered with something other than JSON", code="malformed") from error
    if not isinstance(body, dict) or "resultCode" not in body:
        raise UnavailableError("freebit", "answered without a result", code="malformed")
    if str(body["resultCode"]) != "100":
        status = body.get("status")
        detail = status.get("statusCode") if isinstance(status, dict) else body.get("statusCode")
        raise assumptions.error_from(str(body["resultCode"]), str(detail).zfill(3))
    return body
