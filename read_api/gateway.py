"""Calls of `hub gateway`: what must reach a source at once, with credentials that the API does not have."""

from collections.abc import AsyncIterator
from typing import Any

import httpx

from core.errors import HubError
from core.settings import GatewaySettings
from read_api.http.problems.errors import InvalidFieldError

PATIENCE_SECONDS = 20.0
UPLOAD_PATIENCE_SECONDS = 90.0
"""The gateway takes a document apart and asks Salesforce twice before it answers."""
UPLOADS_AT_ONCE, LINKS_AT_ONCE, LOG_INS_AT_ONCE = 32, 32, 8
"""Connections of one API process, apart, so that none waits for another."""


class GatewayDownError(HubError):
    """The gateway, or the source behind it, does not answer."""


class Gateway:
    """One process's connections to it. Nothing of what passes through is kept or logged."""

    def __init__(self, settings: GatewaySettings) -> None:
        def client(patience: float, at_once: int) -> httpx.AsyncClient:
            return httpx.AsyncClient(
                base_url=str(settings.address),
                headers={"Authorization": f"Bearer {settings.token.get_secret_value()}"},
                timeout=httpx.Timeout(patience, pool=5.0),
                limits=httpx.Limits(max_connections=at_once),
                trust_env=False,
            )

        self._links = client(PATIENCE_SECONDS, LINKS_AT_ONCE)
        self._log_ins = client(PATIENCE_SECONDS, LOG_INS_AT_ONCE)
        self._uploads = client(UPLOAD_PATIENCE_SECONDS, UPLOADS_AT_ONCE)

    async def pay_link(self, client: str, invoice: str) -> dict[str, Any]:
        """`url`, good for one use within `expiresInSeconds`.

        Raises:
            GatewayDownError: in every case but success; here and below.
        """
        return await _posted(self._links, "/pay-links", json={"client": client, "invoice": invoice})

    async def billing_client(self, email: str, password: str) -> str | None:
        """The WHMCS client whose owner logs in with these; None: nobody does. The password is asked about once."""
        sent = {"email": email, "password": password}
        client: str | None = (await _posted(self._log_ins, "/billing-log-ins", json=sent))["client"]
        return client

    async def keep_document(self, account: str, name: str, content: AsyncIterator[bytes], media_type: str) -> None:
        """Put a document on a Salesforce account, once for each name, made anew. It is handed on as it comes.

        Raises:
            InvalidFieldError: it is not taken, or did not come in time.
        """
        where = {"account": account, "name": name}
        headers = {"Content-Type": media_type}
        await _posted(self._uploads, "/identity-documents", params=where, content=content, headers=headers)

    async def close(self) -> None:
        await self._links.aclose()
        await self._log_ins.aclose()
        await self._uploads.aclose()


async def _posted(client: httpx.AsyncClient, path: str, **sent: Any) -> dict[str, Any]:
    try:
        answer = await client.post(path, **sent)
    except httpx.HTTPError as error:
        raise GatewayDownError("the gateway does not answer") from error
    if answer.status_code == 422:
        raise InvalidFieldError("body", str(answer.json()["reason"]))
    if answer.status_code == 408:
        raise InvalidFieldError("body", "must arrive within a minute")
    if answer.status_code != 200:
        raise GatewayDownError(f"the gateway answered {answer.status_code}")
    found: dict[str, Any] = answer.json()
    return found
