"""`hub up` from an empty folder to Ctrl-C, with a small sandbox: the whole promise of `make up`."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import scratch
from tests.waiting import until

# All that `hub up` listens on, so that a stack which somebody uses on this machine is in nobody's way.
PORTS = (
    "API_PORT",
    "DAGSTER_PORT",
    "GATEWAY_PORT",
    "SANDBOX_SALESFORCE_PORT",
    "SANDBOX_SALESFORCE_GRPC_PORT",
    "SANDBOX_WHMCS_PORT",
    "SANDBOX_FREEBIT_PORT",
)
OF_SOURCES = {"SALESFORCE_CLIENT_SECRET", "WHMCS_SECRET", "FREEBIT_OEM_KEY"}
MAY_HOLD = {
    "cli api": {
        "API_DATABASE_URL",
        "AUTH_DATABASE_URL",
        "API_JWT_KEY",
        "AUTH_FACTOR_KEYS",
        "API_WHMCS_WEBHOOK_SECRET",
        "GATEWAY_TOKEN",
    },
    "cli gateway": {"SYNC_DATABASE_URL", "GATEWAY_TOKEN", *OF_SOURCES},
    "cli listen": {"SYNC_DATABASE_URL", "SALESFORCE_CLIENT_SECRET"},
    "cli apply": {"SYNC_DATABASE_URL", "DAGSTER_DATABASE_URL", *OF_SOURCES},
    "cli forward": {"SYNC_DATABASE_URL", "DAGSTER_DATABASE_URL", *OF_SOURCES},
    "cli dagster": {"DAGSTER_DATABASE_URL", "HUB_UI_KEY"},
    "dagster-daemon": {"SYNC_DATABASE_URL", "DAGSTER_DATABASE_URL", *OF_SOURCES},
    "postgres": set(),
    "sandbox": {"SANDBOX_WHMCS_WEBHOOK_SECRET"},
}
SECRETS = {"DATABASE_URL", "ANALYST_DATABASE_URL", *(name for held in MAY_HOLD.values() for name in held)}

READY = "Ctrl-C stops everything"
PATIENCE_SECONDS = 300.0
INSERTED_SINCE_START = (
    "copy (select sum(inserted) from sync.runs where started_at > pg_postmaster_start_time()) to stdout"
)
ROOT = Path(__file__).parents[2]


class Up:
    """A running `hub up`, and what it has said until it was ready."""

    def __init__(self, process: subprocess.Popen[str], environment: dict[str, str], said: list[str]) -> None:
        self.process = process
        self.environment = environment
        self.said = said

    def value_of(self, name: str) -> str:
        return next(line.removeprefix(name).strip() for line in self.said if line.startswith(name))

    def hub(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command in another terminal, which knows nothing but HUB_HOME."""
        known = {name: value for name, value in self.environment.items() if name not in PORTS}
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT, env=known, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
        )  # fmt: skip

    def stop(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        rest = self.process.communicate(timeout=60)[0]
        return self.process.returncode, rest


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # Not under pytest's own folder, for the reason that tests/conftest.py gives.
    path = Path(tempfile.mkdtemp(prefix="hub-up-", dir=scratch()))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        ports = {name: str(taken.getsockname()[1]) for name, taken in zip(PORTS, sockets, strict=True)}
    ours = {"PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "USER"}
    inherited = {name: value for name, value in os.environ.items() if name in ours}
    return inherited | ports | {"HUB_HOME": str(home), "SANDBOX_CUSTOMERS": "20"}


@contextmanager
def _up(environment: dict[str, str]) -> Iterator[Up]:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "up"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    impatience = threading.Timer(PATIENCE_SECONDS, process.terminate)
    impatience.start()
    try:
        yield Up(process, environment, _said_until_ready(process))
    finally:
        impatience.cancel()
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def _said_until_ready(process: subprocess.Popen[str]) -> list[str]:
    said = []
    for line in process.stdout or ():
        said.append(line)
        if READY in line:
            return said
    pytest.fail("hub up ended before it was ready:\n" + "".join(said))


def _left_running(home: Path) -> list[str]:
    return [" ".join(process.cmdline()) for process in _running(home)]


def _running(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HUB_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _by_command(home: Path) -> dict[str, psutil.Process]:
    """One process of each kind, by what it runs."""
    lines = {process: " ".join(process.cmdline()) for process in _running(home)}
    return {
        name: process for process, line in lines.items() for name in MAY_HOLD
        if line.endswith(f"-m {name}") or f"bin/{name}" in line
    }  # fmt: skip


def _foreign(name: str, process: psutil.Process, decided: dict[str, str]) -> set[str]:
    """The secrets of others that stand in a process's environment, under whatever name."""
    own = {decided.get(secret) for secret in MAY_HOLD[name]}
    return {secret for secret in SECRETS if decided[secret] in {*process.environ().values()} - own}


def test_from_an_empty_folder_to_ctrl_c_and_on_until_it_is_killed(environment: dict[str, str], home: Path) -> None:
    with _up(environment) as up:
        answered = subprocess.run(
            shlex.split(up.value_of("try")), capture_output=True, text=True, check=True, timeout=30
        )
        status = json.loads(up.hub("status", "--json").stdout)
        decided = json.loads((home / "environment.json").read_text())
        foreign = {name: _foreign(name, process, decided) for name, process in _by_command(home).items()}
        invited = up.hub("user", "add", "taro@example.com", "--customer", up.value_of("demo customer"), "--link")
        until(lambda: "ログインの準備ができました" in httpx.get(up.value_of("mailbox")).text)
        links = (up.value_of("Dagster UI"), up.hub("dagster", "--link", "--operate").stdout.strip())
        into_ui = [httpx.get(link).status_code for link in links]
        twin = subprocess.run(
            [sys.executable, "-m", "cli", "up"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

        code, farewell = up.stop(signal.SIGINT)

    assert [line for line in up.said if "Warning" in line] == []
    assert json.loads(answered.stdout)["data"]
    assert (invited.returncode, invited.stderr) == (0, "")
    assert {row["dataset"]: row["last_status"] for row in status if row["system"] != "hub"} == dict.fromkeys(
        (row["dataset"] for row in status if row["system"] != "hub"), "succeeded"
    )
    assert sum(sum(row["rows"].values()) for row in status) > 100
    # What let somebody in is another process's nowhere: not the owner's database, nor other systems' keys.
    assert foreign == {name: set() for name in MAY_HOLD}
    assert into_ui == [303, 303]
    assert (twin.returncode, "runs in" in twin.stderr) == (1, True)
    assert (code, "Stopped" in farewell) == (0, True)
    assert _left_running(home) == []
    assert not (home / "environment.json").exists()

    with _up(environment) as again:
        inserted = again.hub("psql", "-c", INSERTED_SINCE_START).stdout
        running = _running(home)

        again.stop(signal.SIGKILL)

    assert inserted.strip() == "0"
    assert psutil.wait_procs(running, timeout=60)[1] == []
    assert _left_running(home) == []
    assert not (home / "environment.json").exists()
    assert not (home / "postgres" / "postmaster.pid").exists()


def test_a_process_that_dies_takes_the_stack_down_and_is_named(environment: dict[str, str], home: Path) -> None:
    with _up(environment) as up:
        api = next(
            child
            for child in psutil.Process(up.process.pid).children(recursive=True)
            if child.cmdline()[-2:] == ["cli", "api"]
        )
        api.kill()
        code, rest = up.process.wait(60), (up.process.stdout.read() if up.process.stdout else "")

    assert code == 1
    assert "hub: api ended, so everything was stopped" in rest
    assert _left_running(home) == []
