"""The way to what must reach a source at once: `hub gateway`, which has the credentials that the API has not."""

from collections.abc import AsyncIterator
from typing import Any

import httpx

from core.errors import HubError
from core.settings import GatewaySettings

PATIENCE_SECONDS = 20.0


class GatewayDownError(HubError):
    """The gateway, or the source behind it, does not answer."""


class Gateway:
    """One process's way there. Nothing of what passes through is kept or logged."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._http = httpx.AsyncClient(
            base_url=str(settings.address),
            headers={"Authorization": f"Bearer {settings.token.get_secret_value()}"},
            timeout=PATIENCE_SECONDS,
            trust_env=False,
        )

    async def pay_link(self, client: str, invoice: str) -> dict[str, Any]:
        """`url`, good for one use within `expiresInSeconds`.

        Raises:
            GatewayDownError: in every case but success; here and below.
        """
        return await self._asked("/pay-links", json={"client": client, "invoice": invoice})

    async def keep_document(self, account: str, name: str, content: AsyncIterator[bytes], media_type: str) -> None:
        """Put a document on a Salesforce account, once for each name. It is sent on as it comes."""
        where = {"account": account, "name": name}
        headers = {"Content-Type": media_type}
        await self._asked("/identity-documents", params=where, content=content, headers=headers)

    async def _asked(self, path: str, **sent: Any) -> dict[str, Any]:
        try:
            answer = await self._http.post(path, **sent)
        except httpx.HTTPError as error:
            raise GatewayDownError("the gateway does not answer") from error
        if answer.status_code != 200:
            raise GatewayDownError(f"the gateway answered {answer.status_code}")
        found: dict[str, Any] = answer.json()
        return found

    async def close(self) -> None:
        await self._http.aclose()
