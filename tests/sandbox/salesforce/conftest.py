"""The emulator behind a real socket, and simple_salesforce led to it."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import requests
import uvicorn
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

from sandbox.salesforce.app import create_app
from sandbox.state import State
from sandbox.world import World

CUSTOMERS = 60


class Redirecting(HTTPAdapter):
    """Sends every call to the emulator, whichever of Salesforce's hosts it was meant for."""

    def __init__(self, netloc: str) -> None:
        super().__init__()
        self._netloc = netloc

    def send(self, request, **options):
        request.url = urlsplit(request.url)._replace(scheme="http", netloc=self._netloc).geturl()
        request.headers["Host"] = self._netloc
        return super().send(request, **{**options, "timeout": 20})


@dataclass
class Emulated:
    """A running emulator and the means to reach it."""

    netloc: str
    state: State
    world: World
    _sessions: list[requests.Session] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    def session(self) -> requests.Session:
        session = requests.Session()
        session.mount("https://", Redirecting(self.netloc))
        self._sessions.append(session)
        return session

    def login(self, **credentials: str) -> Salesforce:
        return Salesforce(session=self.session(), version="60.0", **credentials)

    def client(self) -> Salesforce:
        return self.login(consumer_key="sandbox-client", consumer_secret="sandbox-secret", domain="acme.my")

    def call(self, method: str, path: str, **options: object) -> requests.Response:
        """An authorized REST call below /services/data/v60.0/."""
        token = self.client().session_id
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        return self.session().request(
            method, f"https://acme.my.salesforce.com/services/data/v60.0/{path}", headers=headers, **options
        )

    def close(self) -> None:
        for session in self._sessions:
            session.close()
        self._sessions.clear()


@pytest.fixture(scope="module")
def running() -> Iterator[Emulated]:
    state, world = State(), World(1, CUSTOMERS)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = create_app(world, state, sends_date=True)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, date_header=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield Emulated(f"127.0.0.1:{listening.getsockname()[1]}", state, world)
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def emulated(running: Emulated) -> Iterator[Emulated]:
    yield running
    running.close()
    running.state.reset()


@pytest.fixture
def sf(emulated: Emulated) -> Salesforce:
    return emulated.client()


@pytest.fixture
def an_account(sf: Salesforce) -> Callable[..., str]:
    def create(**fields: object) -> str:
        return sf.Account.create({"Name": "Acme", **fields})["id"]

    return create
