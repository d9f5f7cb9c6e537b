"""`hub gateway`: the two things that must pass through to a source at once. Only our own API may ask: a shared token.

It holds the sources' credentials so that the API need not. What passes through is in no log, and a document is never
whole in memory: each piece is sent on before the next is taken.
"""

import hmac
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
import anyio.from_thread
import anyio.to_thread
import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import NotAuthorizedException
from litestar.params import JSONBody, QueryParameter

from core.errors import CredentialsError, HubError, SourceError
from core.logging import logger
from core.settings import GatewaySettings
from domain.customer.identity import MOST_BYTES
from pipelines.commands.clients import Clients

log = logger(__name__)

SSO_SECONDS = 60
"""How long WHMCS honours a single sign-on token (reference, section 2.20)."""
LONGEST_UPLOAD_SECONDS = 120.0
"""So long may a document take to come: a thread waits for it."""
UPLOADS_AT_ONCE = 16
"""Fewer than there are threads, so that documents which come slowly hold up no link."""


class TooSlowError(HubError):
    """What is to pass through does not come."""


class PayLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose invoice: ids in WHMCS."""

    client: Annotated[str, msgspec.Meta(pattern=r"^\d{1,12}$")]
    invoice: Annotated[str, msgspec.Meta(pattern=r"^\d{1,12}$")]


@post("/pay-links", status_code=200)
async def pay_link(request: Request[Any, Any, Any], data: JSONBody[PayLink]) -> dict[str, Any]:
    """A link that signs the client in and shows the invoice, good for a minute and for one use."""
    clients: Clients = request.app.state["clients"]

    def ask() -> dict[str, Any]:
        # Another token does no harm, so a failed call may be repeated.
        return clients.whmcs.call(
            "CreateSsoToken",
            client_id=data.client,
            destination="sso:custom_redirect",
            sso_redirect_path=f"viewinvoice.php?id={data.invoice}",
        )

    answer = await anyio.to_thread.run_sync(ask)
    return {"url": str(answer["redirect_url"]), "expiresInSeconds": SSO_SECONDS}


@post("/identity-documents", status_code=200, request_max_body_size=MOST_BYTES)
async def identity_document(
    request: Request[Any, Any, Any],
    account: Annotated[str, QueryParameter(pattern=r"^[A-Za-z0-9]{18}$")],
    name: Annotated[str, QueryParameter(pattern=r"^[a-z0-9-]{8,64}\.(jpg|png|pdf)$")],
) -> dict[str, str]:
    """Put a document on a Salesforce account, once for each name."""
    clients: Clients = request.app.state["clients"]
    pieces = request.stream()
    gives_up_at = anyio.current_time() + LONGEST_UPLOAD_SECONDS

    async def next_piece() -> bytes | None:
        with anyio.move_on_at(gives_up_at):
            return await anext(pieces, None)
        raise TooSlowError("the document does not arrive")

    def as_they_come() -> Iterator[bytes]:
        while (piece := anyio.from_thread.run(next_piece)) is not None:
            yield piece

    def keep() -> str:
        known = clients.salesforce.find("SELECT Id FROM ContentVersion WHERE PathOnClient = {}", name)
        if known:
            for _ in as_they_come():
                continue  # whoever sends hears the answer when all is sent
            return str(known[0]["Id"])
        fields = {"Title": "Identity document", "PathOnClient": name, "FirstPublishLocationId": account}
        return clients.salesforce.create_file(fields, as_they_come())

    return {"document": await anyio.to_thread.run_sync(keep, limiter=request.app.state["uploads"])}


@get("/health")
async def health() -> dict[str, str]:
    """It is there; whether the sources are is known when they are asked."""
    return {"status": "ok"}


def create_gateway(settings: GatewaySettings) -> Litestar:
    """The gateway as an ASGI application.

    Raises:
        SettingsError: a source's settings are missing.
    """
    clients = Clients()
    token = settings.token.get_secret_value()

    def only_with_token(request: Request[Any, Any, Any]) -> None:
        given = request.headers.get("authorization", "")
        if request.url.path != "/health" and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise NotAuthorizedException

    @asynccontextmanager
    async def open_clients(app: Litestar) -> AsyncIterator[None]:
        app.state["clients"] = clients
        app.state["uploads"] = anyio.CapacityLimiter(UPLOADS_AT_ONCE)
        try:
            yield
        finally:
            clients.close()

    return Litestar(
        route_handlers=[pay_link, identity_document, health],
        before_request=only_with_token,
        lifespan=[open_clients],
        exception_handlers={SourceError: _source_failed, TooSlowError: _too_slow},
        openapi_config=None,
        logging_config=None,
    )


def _source_failed(_: Request[Any, Any, Any], error: SourceError) -> Response[dict[str, str]]:
    # Only who and why, in our own words; the sources' texts stay behind.
    log.warning("gateway.failed", system=error.system, code=error.code)
    status = 502 if isinstance(error, CredentialsError) else 503
    return Response({"system": error.system}, status_code=status)


def _too_slow(_: Request[Any, Any, Any], __: TooSlowError) -> Response[dict[str, str]]:
    return Response({}, status_code=408)
