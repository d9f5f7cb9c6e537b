"""`hub gateway`: the gateway behind granian, one process, until a signal comes."""

from granian.constants import HTTPModes, Interfaces, Loops
from granian.server import Server
from litestar import Litestar

from core.logging import configure
from core.settings import GatewaySettings, load
from pipelines.gateway.app import create_gateway


def application() -> Litestar:
    """Built inside the worker, from the environment."""
    configure()
    return create_gateway(load(GatewaySettings))


def serve() -> None:
    """Serve on GATEWAY_HOST:GATEWAY_PORT; SIGTERM and Ctrl-C let running requests finish.

    Raises:
        SettingsError: a variable is missing or malformed; before anything listens.
    """
    settings = load(GatewaySettings)
    Server(
        "pipelines.gateway.serve:application",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        workers=1,
        workers_kill_timeout=5,
        log_access=False,
    ).serve()
