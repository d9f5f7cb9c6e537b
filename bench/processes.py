"""Starting what is measured, and ending it whatever happens."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from bench.errors import BenchError
from bench.peers import ROOT

PATIENCE_SECONDS = 60.0

CREDENTIALS = {
    "SALESFORCE_DOMAIN": "sandbox.my",
    "SALESFORCE_CLIENT_ID": "sandbox-client",
    "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
    "SALESFORCE_BULK_POLL_SECONDS": "0.1",
    "WHMCS_IDENTIFIER": "sandbox-identifier",
    "WHMCS_SECRET": "sandbox-secret",
}
"""How one gets in to the sandbox's Salesforce and WHMCS."""


def finished(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a contestant to its end: the JSON object on the last line it prints.

    Raises:
        BenchError: it failed; the text ends with the last lines it wrote.
    """
    ran = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise BenchError(f"{' '.join(command[:3])} failed:\n{_tail(ran.stderr or ran.stdout)}")
    facts: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    return facts


@contextmanager
def serving(command: Sequence[str], environment: Mapping[str, str], url: str) -> Iterator[None]:
    """Keep a server running for as long as the context; it answers `url` with 200 before this yields.

    Raises:
        BenchError: it ended, or did not answer in time.
    """
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_answering(process, url, command)
        yield
    finally:
        ended(process)


@dataclass(frozen=True)
class Sandbox:
    """Where a sandbox answers."""

    salesforce: str
    whmcs: str


@contextmanager
def sandbox(customers: int) -> Iterator[str]:
    """The address of a WHMCS stand-in for that many customers, in a process of its own."""
    with whole_sandbox(customers) as sources:
        yield sources.whmcs


@contextmanager
def whole_sandbox(customers: int) -> Iterator[Sandbox]:
    """A sandbox with that many customers, in a process of its own.

    Raises:
        BenchError: it did not start.
    """
    ports = {f"SANDBOX_{name}_PORT": "0" for name in ("SALESFORCE", "SALESFORCE_GRPC", "WHMCS", "FREEBIT")}
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox"],
        cwd=ROOT,
        env=os.environ | ports | {"SANDBOX_CUSTOMERS": str(customers), "SANDBOX_SEED": "1", "SANDBOX_QUIRKS": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        # It names all that it is once it answers; the customers come last.
        lines = takewhile(lambda line: not line.startswith("customers"), process.stdout or ())
        addresses = {line.split()[0]: line.split()[1] for line in lines}
        if "whmcs" not in addresses:
            raise BenchError("the sandbox did not start; `python -m sandbox` says why")
        yield Sandbox(addresses["salesforce"], addresses["whmcs"].removesuffix("/includes/api.php"))
    finally:
        ended(process)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def fetched(url: str, headers: Mapping[str, str] | None = None) -> bytes:
    """The body of a 200 answer of a server of ours.

    Raises:
        OSError: it does not answer, or not with success.
    """
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310 # our own servers only
    # No proxy stands between us and ourselves.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
        body: bytes = answer.read()
        return body


def _wait_until_answering(process: subprocess.Popen[bytes], url: str, command: Sequence[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fetched(url)
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"{' '.join(command[1:4])} does not serve {url}: {error}") from error
            time.sleep(0.1)
        else:
            return


def ended(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-12:])
