"""`hub gateway`: the three things that must pass through to a source at once. Only our own API may ask: a shared token.

It holds the sources' credentials so that the API need not. What passes through is in no log. A document is taken as a
whole, 5 MiB at most, and made anew before it is sent on (decision 0022).
"""

import hmac
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
import anyio.to_thread
import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import NotAuthorizedException
from litestar.params import JSONBody, QueryParameter

from core.errors import CredentialsError, HubError, RejectedError, SourceError
from core.logging import logger
from core.settings import GatewaySettings
from domain.common.text import unescaped
from domain.customer.identity import MOST_BYTES
from domain.customer.providers.whmcs.mapper import identity
from pipelines.gateway import cleaning
from pipelines.gateway.cleaning import RefusedError
from pipelines.sources.clients import Clients
from pipelines.sources.whmcs.answers import NOT_FOUND
from pipelines.sources.whmcs.client import WhmcsClient

log = logger(__name__)

SSO_SECONDS = 60
"""How long WHMCS honours a single sign-on token (reference, section 2.20)."""
ARRIVES_WITHIN_SECONDS = 60.0
"""So long may a document take to come, all of it."""
UPLOADS_AT_ONCE = 16
"""Each is held in memory, 5 MiB at most; who comes when all places are taken is asked to come again."""
CLEANED_AT_ONCE = 2
"""Taking a document apart is work for a processor, and may take a gigabyte of memory."""
CLEANED_WITHIN_SECONDS = 30.0
LOGINS_AT_ONCE = 4
"""Who comes when all are taken is asked to come again."""
LINKS_AT_ONCE = 16
"""Threads of their own: neither documents, links nor log-ins wait for another."""


class TooSlowError(HubError):
    """What is to pass through does not come."""


class FullError(HubError):
    """As much passes through as may at a time."""


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

    answer = await anyio.to_thread.run_sync(ask, limiter=request.app.state["links"])
    return {"url": str(answer["redirect_url"]), "expiresInSeconds": SSO_SECONDS}


class BillingLogIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody logs in to the billing system with."""

    email: Annotated[str, msgspec.Meta(max_length=254)]
    password: Annotated[str, msgspec.Meta(max_length=1000)]


@post("/billing-log-ins", status_code=200)
async def billing_log_in(request: Request[Any, Any, Any], data: JSONBody[BillingLogIn]) -> dict[str, str | None]:
    """The client whose owner logs in with these, and who has the e-mail address; null: nobody does."""
    clients: Clients = request.app.state["clients"]
    log_ins: anyio.CapacityLimiter = request.app.state["log_ins"]
    if not log_ins.available_tokens:
        raise FullError("no more log-ins may come just now")
    return {
        "client": await anyio.to_thread.run_sync(
            owned_client, clients.whmcs, data.email, data.password, limiter=log_ins
        )
    }


def owned_client(whmcs: WhmcsClient, email: str, password: str) -> str | None:
    """Raises SourceError: as `WhmcsClient.user_with`."""
    user = whmcs.user_with(email, password)
    # Whether the password was right is not to be told from how long it takes.
    try:
        body = whmcs.call("GetClientsDetails", email=email)
    except RejectedError as error:
        if error.code != NOT_FOUND:
            raise
        return None
    client = body.get("client", body)
    found, owner = identity(client), client.get("owner_user_id")
    # Ids of clients and users are apart: a client that does not say whose it is is nobody's.
    if not found or not owner or str(owner) != user or client.get("status") == "Closed":
        return None
    has_address = (unescaped(str(client.get("email", ""))) or "").lower() == email.lower()
    return str(found) if has_address else None


@post("/identity-documents", status_code=200, request_max_body_size=MOST_BYTES)
async def identity_document(
    request: Request[Any, Any, Any],
    account: Annotated[str, QueryParameter(pattern=r"^[A-Za-z0-9]{18}$")],
    name: Annotated[str, QueryParameter(pattern=r"^[a-z0-9-]{8,64}\.(jpg|png|pdf)$")],
) -> dict[str, str]:
    """Put a document on a Salesforce account, once for each name: all of it came, and was made anew (cleaning.py)."""
    clients: Clients = request.app.state["clients"]
    uploads: anyio.CapacityLimiter = request.app.state["uploads"]
    if not uploads.available_tokens:
        raise FullError("no more documents may come just now")
    async with uploads:
        document = await _arrived(request)
        media_type = request.headers.get("content-type", "")
        async with request.app.state["cleaned"]:
            cleaned = await clean(document, media_type)

        def keep() -> str:
            known = clients.salesforce.find("SELECT Id FROM ContentVersion WHERE PathOnClient = {}", name)
            if known:
                return str(known[0]["Id"])
            fields = {"Title": "Identity document", "PathOnClient": name, "FirstPublishLocationId": account}
            return clients.salesforce.create_file(fields, [cleaned])

        return {"document": await anyio.to_thread.run_sync(keep, limiter=request.app.state["keeping"])}


async def _arrived(request: Request[Any, Any, Any]) -> bytes:
    """The whole document.

    Raises:
        TooSlowError: it does not come in time.
        RequestEntityTooLarge: it is larger than may be sent.
    """
    with anyio.move_on_after(ARRIVES_WITHIN_SECONDS):
        return await request.body()
    raise TooSlowError("the document does not arrive")


async def clean(document: bytes, media_type: str) -> bytes:
    """The document, made anew by a process of its own that knows nothing of ours.

    Raises:
        RefusedError: it may not be sent.
    """
    command = [sys.executable, "-I", cleaning.__file__, media_type, str(MOST_BYTES)]
    with anyio.move_on_after(CLEANED_WITHIN_SECONDS):
        # Without an environment: what takes the file apart must not find our credentials there.
        done = await anyio.run_process(command, input=document, check=False, env={})
        if done.returncode == 0:
            return done.stdout
        if done.returncode == cleaning.REFUSED:
            raise RefusedError(done.stdout.decode())
        log.warning("gateway.cleaning_ended", status=done.returncode)
    raise RefusedError("cannot be read")


@get("/health")
async def health() -> dict[str, str]:
    """It is there; whether the sources are is known when they are asked."""
    return {"status": "ok"}


def create_gateway(settings: GatewaySettings) -> Litestar:
    """The gateway as an ASGI application.

    Raises:
        SettingsError: a source's settings are missing.
    """
    clients = Clients(for_customers=True)
    token = settings.token.get_secret_value()

    def only_with_token(request: Request[Any, Any, Any]) -> None:
        given = request.headers.get("authorization", "")
        if request.url.path != "/health" and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise NotAuthorizedException

    @asynccontextmanager
    async def open_clients(app: Litestar) -> AsyncIterator[None]:
        app.state["clients"] = clients
        app.state["log_ins"] = anyio.CapacityLimiter(LOGINS_AT_ONCE)
        app.state["links"] = anyio.CapacityLimiter(LINKS_AT_ONCE)
        app.state["uploads"] = anyio.CapacityLimiter(UPLOADS_AT_ONCE)
        app.state["keeping"] = anyio.CapacityLimiter(UPLOADS_AT_ONCE)
        app.state["cleaned"] = anyio.CapacityLimiter(CLEANED_AT_ONCE)
        try:
            yield
        finally:
            clients.close()

    return Litestar(
        route_handlers=[pay_link, billing_log_in, identity_document, health],
        before_request=only_with_token,
        lifespan=[open_clients],
        exception_handlers={
            SourceError: _source_failed,
            TooSlowError: _too_slow,
            FullError: _full,
            RefusedError: _refused,
        },
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


def _full(_: Request[Any, Any, Any], __: FullError) -> Response[dict[str, str]]:
    return Response({}, status_code=503)


def _refused(_: Request[Any, Any, Any], error: RefusedError) -> Response[dict[str, str]]:
    return Response({"reason": str(error)}, status_code=422)
