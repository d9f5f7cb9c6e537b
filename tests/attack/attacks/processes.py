"""What the machine's other users, and its web pages, see and reach."""

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import httpx

from bench.peers import ROOT
from cli.up.postgres import embedded
from tests.attack.suite import Seen, attack
from tests.attack.target import Target
from tests.serving import free_port

SECRETS = re.compile(r"^(SALESFORCE|WHMCS|FREEBIT)_.*(SECRET|PASSWORD|KEY|TOKEN)|^(SYNC_)?DATABASE_URL$")


@attack("4")
def database_beside_a_long_path(_: Target) -> Seen:
    """However long HUB_HOME is, the embedded database's socket is in a folder closed to others, and trusts nobody."""
    # Directly under the temporary folder: the server may run as another user.
    with tempfile.TemporaryDirectory(prefix="hub-attack-") as folder:
        home = Path(folder) / ("long-" * 20) / "pg"
        home.parent.mkdir(parents=True)
        try:
            with embedded(home) as url:
                found = re.search(r"host=([^&]+)", url)
                socket_folder = Path((found[1] if found else "").replace("%2F", "/"))
                mode = socket_folder.stat().st_mode & 0o777
                rules = (home / "pg_hba.conf").read_text()
        except Exception as error:  # noqa: BLE001 - to refuse to start is a promise kept
            return Seen(held=True, what=f"does not start: {type(error).__name__}")
    trusts = [line for line in rules.splitlines() if re.search(r"^\s*(local|host).*\btrust\b", line)]
    return Seen(
        not mode & 0o077 and not trusts, f"the socket's folder has mode {mode:o}; {len(trusts)} rules say trust"
    )


@attack("8")
def password_in_ps(target: Target) -> Seen:
    """No command line shows a password: any local user reads them all."""
    word = f"pw{os.getpid()}secret"
    environment = (
        os.environ
        | target.hub.environment
        | {
            "DATABASE_URL": f"postgresql://somebody:{word}@127.0.0.1:{free_port()}/none?connect_timeout=2",
        }
    )
    for name in ("ANALYST_DATABASE_URL", "SYNC_DATABASE_URL", "API_DATABASE_URL", "AUTH_DATABASE_URL"):
        environment[name] = environment["DATABASE_URL"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "psql", "-c", "select 1"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    shown, ends = False, time.monotonic() + 20
    while process.poll() is None and time.monotonic() < ends and not shown:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                shown = shown or word.encode() in path.read_bytes()
    process.kill()
    process.wait()
    return Seen(not shown, f"the password was {'' if shown else 'not '}seen on a command line")


@attack("7", quick=True)
def secrets_of_others(target: Target) -> Seen:
    """The API's process knows no secret of the sources, nor the owner's database."""
    environment = dict(target.hub.environment)
    try:
        # What `hub up` gives a process: the variables that its settings name.
        given = import_module("cli.needs").NEEDS["api"].of(environment)
    except ModuleNotFoundError:
        given = environment
    names = {name for name in given if SECRETS.search(name)}
    return Seen(not names, f"in its environment: {sorted(names) or 'none'}")


@attack("3")
def foreign_page_drives_dagster(target: Target) -> Seen:
    """The Dagster UI answers to its own names and sessions; no web page drives it."""
    port = free_port()
    environment = os.environ | target.hub.environment | {"DAGSTER_PORT": str(port), "HUB_UI_KEY": "u" * 32}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "dagster"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    query, foreign = {"query": "{ version }"}, {"Origin": "https://a.example"}
    try:
        found, ends = {}, time.monotonic() + 60
        while time.monotonic() < ends and process.poll() is None and len(found) < 4:
            with suppress(httpx.TransportError):
                url = f"http://127.0.0.1:{port}/graphql"
                found["no session"] = httpx.get(url, params=query).status_code
                found["foreign host"] = httpx.get(url, params=query, headers={"Host": "attacker.example"}).status_code
                found["foreign origin"] = httpx.post(url, json=query, headers=foreign).status_code
                found["no session, asked as the UI does"] = httpx.post(url, json=query).status_code
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait()
    held = len(found) == 4 and all(status in {401, 403, 405, 421} for status in found.values())
    return Seen(held, f"answered {found or 'nothing: no guarded UI here (hub dagster)'}")


@attack("13", quick=True)
def build_backend_unpinned(_: Target) -> Seen:
    """Installing fetches nothing without a hash: the build backend is pinned too."""
    makefile = (ROOT / "Makefile").read_text()
    lines = [line.strip() for line in makefile.splitlines() if "--editable" in line]
    held = bool(lines) and all("--no-build-isolation" in line for line in lines)
    return Seen(held, f"{len(lines)} installs of the project; built in isolation: {not held}")
