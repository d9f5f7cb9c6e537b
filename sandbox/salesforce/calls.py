"""A REST call without HTTP around it, so that composite requests can make calls of their own."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sandbox.salesforce.errors import SalesforceError, not_found


@dataclass(frozen=True)
class RestCall:
    """A call below /services/data/vXX.X; `path` has neither that prefix nor slashes at its ends."""

    method: str
    path: str
    version: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | dict[str, object] | None = None

    def json(self) -> object:
        """The body. Raises SalesforceError: JSON_PARSER_ERROR."""
        if not isinstance(self.body, bytes):
            return self.body
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise SalesforceError(400, "JSON_PARSER_ERROR", f"The body is no JSON: {error}") from error


@dataclass(frozen=True)
class Answer:
    """What a call is answered with; `body` is JSON unless it is bytes, which are CSV."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[..., Answer]


class Routes:
    """Handlers by method and path; `{name}` in a path is handed over as text, `{value}` with its slashes."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def add(self, method: str, path: str, handler: Handler) -> None:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path.replace("{value}", "(?P<value>.+)"))
        self._routes.append((method, re.compile(pattern, re.IGNORECASE), handler))

    def find(self, call: RestCall) -> tuple[Handler, dict[str, str]]:
        """Raises SalesforceError: NOT_FOUND or METHOD_NOT_ALLOWED."""
        allowed = set()
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(call.path)
            if match and method == call.method:
                return handler, match.groupdict()
            allowed |= {method} if match else set()
        if allowed:
            problem = f"HTTP Method '{call.method}' not allowed. Allowed are {','.join(sorted(allowed))}"
            raise SalesforceError(405, "METHOD_NOT_ALLOWED", problem)
        raise not_found()
