"""What a client is made of, how it is installed, and how it says what it did."""

import json
import os
import shutil
import subprocess
import venv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sandbox.server import RunningSandbox

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".clients"
_INSTALL_SECONDS, _TOUR_SECONDS = 600, 300


@dataclass(frozen=True)
class Step:
    """One action of a client; `reason` says why it failed, and is empty when it worked."""

    action: str
    reason: str = ""


@dataclass(frozen=True)
class Stage:
    """What a client is given: a sandbox of its own, and what its environment must say.

    `trust`: the certificate of the TLS ports. `tunnel`: the proxy that leads hard-coded hosts to the sandbox; only for
    clients that need it, because some use a proxy for plain HTTP to this machine too.
    """

    sandbox: RunningSandbox
    trust: dict[str, str]
    tunnel: dict[str, str]


@dataclass(frozen=True)
class Client:
    """A program that others wrote. `lock` names the file of pinned versions; its folder holds the rest."""

    name: str
    version: str
    lock: Path
    tour: Callable[["Client", Stage], Iterable[Step]]

    @property
    def folder(self) -> Path:
        """Where its packages are installed."""
        return CACHE / self.name


class InstallError(Exception):
    """A client's packages cannot be had."""


def install(client: Client) -> None:
    """Install what the lock pins, unless it is there already.

    Raises:
        InstallError: the package manager is not here or gave up; the text is the end of what it said.
    """
    stamp, wanted = client.folder / ".installed", sha256(client.lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(client.folder, ignore_errors=True)
    client.folder.mkdir(parents=True)
    if client.lock.name == "package-lock.json":
        _install_node(client)
    else:
        _install_python(client)
    stamp.write_text(wanted)


def _install_node(client: Client) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(client.lock.with_name(name), client.folder)
    # No package of a client runs code of its own while it is installed.
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], client.folder)


def _install_python(client: Client) -> None:
    venv.create(client.folder / "venv", with_pip=True)
    pip = [str(program(client, "python")), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--no-deps", "--require-hashes", "-r", str(client.lock)], client.folder)


def program(client: Client, name: str) -> Path:
    """A program of the client's own Python environment."""
    return client.folder / "venv" / "bin" / name


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise InstallError(_last_line(done.stderr or done.stdout) or f"{command[0]} ended with {done.returncode}")


# -- tours ---------------------------------------------------------------------------------------------------------
def node_tour(client: Client, stage: Stage, arguments: dict[str, str]) -> Iterator[Step]:
    """The steps of the client's `tour.mjs`, which is given the arguments as JSON and prints one JSON line a step."""
    for script in (client.lock.with_name("tour.mjs"), HERE / "steps.mjs"):
        shutil.copy(script, client.folder)
    done = output_of(["node", "tour.mjs", json.dumps(arguments)], client, stage.trust)
    for line in done.stdout.splitlines():
        if line.startswith('{"action"'):
            yield Step(**json.loads(line))
    if done.returncode:
        yield Step("the tour itself", _last_line(done.stderr) or f"ended with {done.returncode}")


def output_of(command: list[str], client: Client, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What a client's process printed, run in the client's folder with these variables added."""
    return subprocess.run(
        command,
        cwd=client.folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=_TOUR_SECONDS,
        check=False,
    )


def tried(action: str, attempt: Callable[[], object]) -> Step:
    """The step that says whether the attempt went well: it raised nothing."""
    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - whatever a client does wrong is its line in the table
        return Step(action, _last_line(str(error)) or type(error).__name__)
    return Step(action)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


__all__ = ["CACHE", "Client", "InstallError", "Stage", "Step", "install", "node_tour", "output_of", "program", "tried"]
