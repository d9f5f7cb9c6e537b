"""How simple-salesforce reaches the network: always with a timeout, and to `base_url` where one is set."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter


class Route(HTTPAdapter):
    """Adds what simple-salesforce lacks: it sets no timeout and puts `https://` and the org's host into every address.

    Mounted at `https://` it therefore sees every call, log-in included (reference §1.4).
    """

    def __init__(self, timeout_seconds: float, base_url: str | None) -> None:
        self._timeout_seconds = timeout_seconds
        self._base = urlsplit(base_url) if base_url else None
        super().__init__()

    def send(  # noqa: PLR0917 - the order is requests' own
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        if self._base is not None:
            parts = urlsplit(request.url or "")
            path = self._base.path.rstrip("/") + parts.path
            request.url = urlunsplit(parts._replace(scheme=self._base.scheme, netloc=self._base.netloc, path=path))
            # The environment's proxies were chosen for Salesforce's own address.
            proxies = {}
        return super().send(request, stream, timeout or self._timeout_seconds, verify, cert, proxies)


class Straight(Session):
    """Follows no redirect, not even the library's at log-in: what we send is for the address we were given."""

    def get_redirect_target(self, resp: Response) -> None:  # noqa: ARG002 - requests' own
        return None
