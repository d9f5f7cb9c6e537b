"""Sandboxes for tests: emulators called in process, and running servers on free ports."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from sandbox.asgi import Request, Response
from sandbox.config import Config
from sandbox.freebit.app import Emulator
from sandbox.server import RunningSandbox, start
from sandbox.state import State
from sandbox.whmcs.app import Endpoint
from sandbox.whmcs.install import Install
from sandbox.world import World

FORM = {"content-type": "application/x-www-form-urlencoded"}


class Whmcs(NamedTuple):
    """An install called in process."""

    world: World
    state: State
    endpoint: Endpoint

    def post(self, fields: dict[str, object], *, path: str = "/includes/api.php") -> tuple[int, bytes]:
        """(status, body) of a call with exactly these fields."""
        body = urlencode(fields).encode()
        return _read(self.endpoint.answer(Request("POST", path, "", FORM, body, "192.0.2.7")))

    def call(self, action: str, **params: object) -> Any:
        """The JSON of a call in good standing."""
        credentials = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}
        status, body = self.post({**credentials, "action": action, **params})
        assert status == 200
        return json.loads(body)

    def ids(self, action: str, plural: str, singular: str, *, limitnum: int = 250, **params: object) -> list[int]:
        """Ids of the whole list, read page by page."""
        found: list[int] = []
        while True:
            answer = self.call(action, limitstart=len(found), limitnum=limitnum, **params)
            rows = answer[plural][singular] if answer.get(plural) else []
            if not rows:
                return found
            found += [int(row["id"]) for row in rows]


class Freebit(NamedTuple):
    """Freebit called in process."""

    world: World
    state: State
    emulator: Emulator

    def call(self, path: str, document: object, *, base: str = "/emptool/api/") -> Any:
        body = urlencode({"json": json.dumps(document)}).encode()
        _, content = _read(self.emulator.answer(Request("POST", base + path, "", FORM, body, "192.0.2.7")))
        return json.loads(content)

    def key(self) -> str:
        return str(self.call("authOem/", {"oemId": "sandbox-oem", "oemKey": "sandbox-oem-key"})["authKey"])


def _read(response: Response) -> tuple[int, bytes]:
    return response.status, response.body if isinstance(response.body, bytes) else b"".join(response.body)


@pytest.fixture(scope="session")
def world() -> World:
    return World(seed=1, customers=1200)


@pytest.fixture
def whmcs(world: World) -> Whmcs:
    state = State()
    return Whmcs(world, state, Endpoint(Install(world, state, Config())))


@pytest.fixture
def freebit(world: World) -> Freebit:
    state = State()
    return Freebit(world, state, Emulator(world, state, Config()))


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with start(
        Config(customers=60, salesforce_port=0, salesforce_grpc_port=0, whmcs_port=0, freebit_port=0)
    ) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    """The module's servers, as at the start."""
    running.state.reset()
    return running
