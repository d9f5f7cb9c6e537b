"""Starting and stopping the three emulators: one event loop in a thread, three ports."""

import asyncio
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import grpc
import uvicorn

from sandbox.asgi import App, json_response
from sandbox.certificates import write_certificate
from sandbox.config import Config
from sandbox.control import CutError, wrapped
from sandbox.freebit.app import create_app as freebit_app
from sandbox.freebit.app import label as freebit_label
from sandbox.mailbox import mailbox
from sandbox.salesforce.app import create_app as salesforce_app
from sandbox.salesforce.app import page_before as salesforce_page_before
from sandbox.salesforce.credentials import Credentials
from sandbox.salesforce.org import Org
from sandbox.salesforce.pubsub.changes import Publisher
from sandbox.salesforce.pubsub.controls import EventControls
from sandbox.salesforce.pubsub.service import PubSub
from sandbox.salesforce.sessions import Sessions
from sandbox.state import State
from sandbox.whmcs.app import create_app as whmcs_app
from sandbox.whmcs.app import label as whmcs_label
from sandbox.whmcs.app import page_before as whmcs_page_before
from sandbox.world import World


def apps(config: Config, world: World, state: State, sessions: Sessions) -> dict[str, App]:
    """Each system's ASGI app behind the control plane."""
    credentials = Credentials(public_key=config.salesforce_public_key)
    return {
        "salesforce": wrapped(
            salesforce_app(world, state, credentials, sends_date=True, sessions=sessions),
            system="salesforce",
            world=world,
            state=state,
            page_before=salesforce_page_before,
            host=config.host,
        ),
        "whmcs": wrapped(
            whmcs_app(world, state, config),
            system="whmcs",
            world=world,
            state=state,
            label=whmcs_label,
            page_before=whmcs_page_before,
            host=config.host,
        ),
        "freebit": wrapped(
            freebit_app(world, state, config),
            system="freebit",
            world=world,
            state=state,
            label=freebit_label,
            host=config.host,
        ),
    }


@dataclass
class RunningSandbox:
    """Three emulators that answer; `salesforce_grpc` is host:port of the event bus. Leaving the context ends them."""

    config: Config
    world: World
    state: State
    salesforce_url: str
    salesforce_grpc: str
    whmcs_url: str
    freebit_url: str
    salesforce_tls_url: str  # these two are empty without TLS
    salesforce_grpc_tls: str
    _stop: Callable[[], None] = field(repr=False)

    def stop(self) -> None:
        """Close the ports and wait until nothing runs; a second call does nothing."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(config: Config | None = None) -> RunningSandbox:
    """Start the emulators; they answer when this returns.

    Raises:
        OSError: a port is taken.
    """
    config, forget_certificate = _certified(config or Config())
    world, state = World(config.seed, config.customers), State(config.quirks)
    ports = {"salesforce": config.salesforce_port, "whmcs": config.whmcs_port, "freebit": config.freebit_port}
    if config.tls:
        ports["salesforce_tls"] = config.salesforce_tls_port
    try:
        sockets = _listening(config.host, ports)
    except OSError:
        forget_certificate()
        raise
    sessions = Sessions(state)
    served = apps(config, world, state, sessions)
    servers = [(_server(app, dated=system != "salesforce"), sockets[system]) for system, app in served.items()]
    if config.tls:
        secured = _server(served["salesforce"], dated=False, certificate=config.tls_certificate, key=config.tls_key)
        servers.append((secured, sockets["salesforce_tls"]))
    events = _Events(config, world, state, sessions)
    thread = threading.Thread(target=_run, args=(servers, events, state), name="sandbox", daemon=True)
    thread.start()
    events.started.wait(timeout=10)
    if events.port == 0:
        thread.join(timeout=10)
        for sock in sockets.values():
            sock.close()
        forget_certificate()
        raise OSError(f"port {events.missing_port} is taken")
    urls = {
        system: f"http{'s' if system.endswith('_tls') else ''}://{config.host}:{sock.getsockname()[1]}"
        for system, sock in sockets.items()
    }

    def stop() -> None:
        for server, _ in servers:
            server.should_exit = True
        thread.join(timeout=10)
        for sock in sockets.values():
            sock.close()
        forget_certificate()

    grpc_tls = f"{config.host}:{events.tls_port}" if config.tls else ""
    addresses = {"salesforce": urls.get("salesforce_tls", ""), "events": grpc_tls}
    state.gets["mail"] = mailbox(config.mail_folder)
    state.gets["tls"] = lambda *_: json_response({"certificate": str(config.tls_certificate or ""), **addresses})
    return RunningSandbox(
        config,
        world,
        state,
        urls["salesforce"],
        f"{config.host}:{events.port}",
        urls["whmcs"],
        urls["freebit"],
        urls.get("salesforce_tls", ""),
        grpc_tls,
        stop,
    )


def _certified(config: Config) -> tuple[Config, Callable[[], None]]:
    """The configuration with a certificate, where TLS is asked for, and what removes the one that was made."""
    if not config.tls or config.tls_certificate:
        return config, lambda: None
    folder = TemporaryDirectory(prefix="sandbox-tls-")
    certificate, key = Path(folder.name, "certificate.pem"), Path(folder.name, "key.pem")
    write_certificate(certificate, key)
    return replace(config, tls_certificate=certificate, tls_key=key), folder.cleanup


class _Events:
    """The event bus of Salesforce: a gRPC server in the same loop, on a port of its own, and on another with TLS."""

    def __init__(self, config: Config, world: World, state: State, sessions: Sessions) -> None:
        publisher = Publisher(Org(world, state), state)
        self._service = PubSub(publisher, sessions, state)
        EventControls(publisher, self._service, state)
        self._config = config
        self._server: grpc.aio.Server | None = None
        self.started = threading.Event()
        self.port, self.tls_port = 0, 0
        self.missing_port = 0  # the one that could not be had

    async def start(self) -> None:
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers((self._service.handler(),))
        config = self._config
        try:
            self.missing_port = config.salesforce_grpc_port
            self.port = self._server.add_insecure_port(f"{config.host}:{config.salesforce_grpc_port}")
            if config.tls_certificate and config.tls_key:
                self.missing_port = config.salesforce_grpc_tls_port
                pair = (config.tls_key.read_bytes(), config.tls_certificate.read_bytes())
                address = f"{config.host}:{config.salesforce_grpc_tls_port}"
                self.tls_port = self._server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
            await self._server.start()
        except RuntimeError:
            self.port = 0
        self.started.set()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(grace=0.2)


def _listening(host: str, ports: dict[str, int]) -> dict[str, socket.socket]:
    """A listening socket per system, so that calls made before the loop turns only wait; all or none."""
    sockets: dict[str, socket.socket] = {}
    try:
        for system, port in ports.items():
            sockets[system] = socket.create_server((host, port), backlog=1024)
    except OSError:
        for sock in sockets.values():
            sock.close()
        raise
    return sockets


def _server(app: App, *, dated: bool, certificate: Path | None = None, key: Path | None = None) -> uvicorn.Server:
    """A server for one port; `dated`: it adds real time as Date, else the emulator names its own time."""
    settings = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=dated,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    return uvicorn.Server(settings)


def _run(servers: list[tuple[uvicorn.Server, socket.socket]], events: _Events, state: State) -> None:
    async def serve() -> None:
        state.loop = asyncio.get_running_loop()
        await events.start()
        if events.port:
            await asyncio.gather(*(server.serve(sockets=[sock]) for server, sock in servers))
        await events.stop()
        state.loop = None

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop where there is one: it doubles the calls per second."""
    try:
        import uvloop  # noqa: PLC0415 - not every platform has it
    except ImportError:
        return None
    return uvloop.new_event_loop


__all__ = ["CutError", "RunningSandbox", "apps", "start"]
