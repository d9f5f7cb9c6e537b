"""`hub api`: the application behind granian, one process, until a signal comes."""

from granian.constants import HTTPModes, Interfaces, Loops
from granian.server import Server
from litestar import Litestar

from core.logging import configure
from core.settings import ApiSettings, GatewaySettings, HubSettings, environment_has, load
from read_api.app import create_app


def application() -> Litestar:
    """Built inside the worker, from the environment."""
    configure()
    gateway = load(GatewaySettings) if environment_has("GATEWAY_TOKEN") else None
    return create_app(load(HubSettings), load(ApiSettings), gateway=gateway)


def serve() -> None:
    """Serve on API_HOST:API_PORT; SIGTERM and Ctrl-C let running requests finish.

    Raises:
        SettingsError: a variable is missing or malformed; before anything listens.
    """
    hub = load(HubSettings)
    load(ApiSettings)
    Server(
        "read_api.serve:application",
        factory=True,
        address=hub.api_host,
        port=hub.api_port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        workers=1,
        workers_kill_timeout=5,
        websockets=True,
        log_access=False,
    ).serve()
