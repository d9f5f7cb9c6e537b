"""A REST call without HTTP around it, so that composite requests can make calls of their own."""

import json
import re
from base64 import b64encode
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
        """The body; one of parts as if its bytes had been sent in base64. Raises SalesforceError: JSON_PARSER_ERROR."""
        if not isinstance(self.body, bytes):
            return self.body
        if self.headers.get("content-type", "").startswith("multipart/form-data"):
            return _of_parts(self.body, self.headers["content-type"].partition("boundary=")[2].strip('"'))
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


def _of_parts(body: bytes, boundary: str) -> object:
    """A record from its part of JSON and its part of bytes, in that order ("Insert or Update Blob Data")."""
    record: dict[str, object] = {}
    for part in body.split(f"--{boundary}".encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        content = content.removesuffix(b"\r\n")
        if b"application/json" in head.lower():
            record |= json.loads(content)
        else:
            record[head.partition(b'name="')[2].partition(b'"')[0].decode()] = b64encode(content).decode()
    if not body.rstrip().endswith(f"--{boundary}--".encode()):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "The multipart body does not end")
    return record
