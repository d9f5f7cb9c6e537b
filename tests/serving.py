"""The read API as its own process on a free port, for tests that need a real socket and a real server."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import httpx

from tests.waiting import until

KEY = "k" * 32


@contextmanager
def served_api(database: Any) -> Iterator[str]:
    """The address of an API over that database, live; it ends with the context."""
    with api_process(database) as (url, _):
        yield url


@contextmanager
def api_process(
    database: Any, output: IO[bytes] | None = None, **variables: str
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The same, and its process. output: where all that it writes goes. variables: further ones of its environment."""
    port = free_port()
    environment = os.environ | {
        "DATABASE_URL": database.owner, "API_DATABASE_URL": database.api, "AUTH_DATABASE_URL": database.auth,
        "API_PORT": str(port), "API_JWT_KEY": KEY,
        "API_JWT_ISSUER": "data-sync-hub", "API_JWT_AUDIENCE": "portal", **variables,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "api"], env=environment, stdout=output, stderr=output or subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_live(url, process)
        yield url, process
    finally:
        process.terminate()
        process.wait(timeout=60)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def _wait_until_live(url: str, process: "subprocess.Popen[bytes]") -> None:
    with httpx.Client(timeout=1) as client:
        until(lambda: process.poll() is not None or _is_live(client, url))
    assert process.poll() is None, "the API ended"


def _is_live(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False
