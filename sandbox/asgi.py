"""As much of a web framework as an emulator needs: a request read whole, a response sent at once or in chunks."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Request(NamedTuple):
    """A request with its whole body; header names are lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    client: str  # address of the caller
    scheme: str = "http"


class Response(NamedTuple):
    """A response; a body of several chunks is sent as it is made."""

    body: bytes | Iterable[bytes]
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Response]


def json_response(content: object, status: int = 200) -> Response:
    return Response(json_bytes(content), status)


def json_bytes(content: object) -> bytes:
    """JSON in UTF-8; all of it in ASCII where a text holds half of a surrogate pair, which UTF-8 cannot say."""
    text = json.dumps(content, ensure_ascii=False, default=str)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(content, default=str).encode()


async def read_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def read_request(scope: Scope, receive: Receive) -> Request:
    client = scope.get("client")
    return Request(
        scope["method"],
        scope["path"],
        scope["query_string"].decode("latin-1"),
        {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        await read_body(receive),
        client[0] if client else "127.0.0.1",
        scope["scheme"],
    )


class HeaderName(bytes):
    """A name that stays in the casing the vendor sends, and equals itself in any other.

    uvicorn writes names in lower case. That is lawful, but clients exist that look them up as the vendor writes them
    (Airbyte's source-salesforce: `headers['Sforce-Locator']`).
    """

    __slots__ = ()

    def lower(self) -> "HeaderName":
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, bytes) and bytes.lower(self) == bytes.lower(other)

    def __hash__(self) -> int:
        return hash(bytes.lower(self))


@lru_cache(maxsize=256)
def header_name(name: str) -> HeaderName:
    return HeaderName(name.encode())


async def send_response(response: Response, send: Send) -> None:
    whole = response.body if isinstance(response.body, bytes) else None
    headers: list[tuple[bytes, bytes]] = [(_CONTENT_TYPE, response.content_type.encode())]
    headers += [(header_name(name), value.encode()) for name, value in response.headers]
    if whole is not None:
        headers.append((_CONTENT_LENGTH, str(len(whole)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if whole is None:
        for chunk in response.body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": whole or b""})


_CONTENT_TYPE, _CONTENT_LENGTH = header_name("Content-Type"), header_name("Content-Length")


def asgi(handler: Handler) -> App:
    """The ASGI app that answers with what `handler` says."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send_response(handler(await read_request(scope, receive)), send)

    return app


def form(request: Request) -> list[tuple[str, str]]:
    """Fields of a form body, URL-encoded or multipart, in order. Malformed parts are left out."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    boundary = b"--" + kind.partition("boundary=")[2].strip('"').encode()
    fields = []
    for part in request.body.split(boundary)[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = head.partition(b'name="')[2].partition(b'"')[0]
        if name:
            fields.append((name.decode(), content.removesuffix(b"\r\n").decode("utf-8", "replace")))
    return fields
