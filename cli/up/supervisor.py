"""`hub up` from beginning to end: what is started, in which order, and that all of it is stopped."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from cli.environment import publish
from cli.logins import ROLES, ensure_keys, ensure_logins
from cli.needs import NEEDS
from cli.up import databases, postgres, secrets, sources
from cli.up.alone import alone
from cli.up.opening import Opening
from cli.up.ports import Port, require_free
from cli.up.processes import Processes
from cli.up.stack import WORKSPACE, Stack
from cli.up.survivor import survivor
from core.errors import HubError, SettingsError
from core.settings import (
    KINDS,
    ApiSettings,
    GatewaySettings,
    HubSettings,
    MailSettings,
    load,
    require,
    require_mail,
    require_mode,
    url_as,
    url_variable,
)
from sql.migrate import upgrade

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

# Names that begin so are the hub's business, whoever set them.
OURS = (
    "API_",
    "AUTH_",
    "COMMANDS_",
    "DAGSTER_",
    "SALESFORCE_",
    "WHMCS_",
    "FREEBIT_",
    "GATEWAY_",
    "HUB_UI_",
    "MAIL_",
    "PORTAL_",
    "SMTP_",
    "SANDBOX_",
    "SYNC_DATABASE_",
    "ANALYST_DATABASE_",
)


# Of customers' tokens; of authenticator apps' secrets; what WHMCS signs webhooks with; what the API shows the gateway;
# of links into the UI.
KEYS = ("API_JWT_KEY", "AUTH_FACTOR_KEYS", "API_WHMCS_WEBHOOK_SECRET", "GATEWAY_TOKEN", "HUB_UI_KEY")


class ProcessEndedError(HubError):
    """One of the stack's processes ended by itself."""


def run(console: Console) -> None:
    """Run the stack until a signal asks to stop, then leave nothing running.

    Raises:
        HubError: it cannot start, or one of its processes ended.
    """
    with ExitStack() as stack:
        stack.enter_context(_signals_interrupt())
        try:
            _run(console, stack)
        except KeyboardInterrupt:
            console.print("Stopping …")
        finally:
            # A second Ctrl-C must not leave half of it running.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            stack.close()
    console.print("Stopped; the data stays for the next time.")


def _run(console: Console, stack: ExitStack) -> None:
    settings, sandbox = load(HubSettings), sources.chosen()
    home = settings.home
    _make_folders(home)
    stack.enter_context(alone(home))
    os.environ.update(_chosen(settings, sandbox))
    require(*KINDS)  # Said now, not by the death of a process.
    require_mode(load(HubSettings), load(ApiSettings))
    require_mail(load(HubSettings), load(MailSettings))
    gateway = load(GatewaySettings)
    ours = (
        Port("API_PORT", settings.api_port, settings.api_host),
        Port("DAGSTER_PORT", settings.dagster_port),
        Port("GATEWAY_PORT", gateway.port, gateway.host),
    )
    require_free((*ours, *(sandbox.ports() if sandbox else ())))
    stack.enter_context(survivor(home))
    with console.status("Starting PostgreSQL …"):
        os.environ.update(_databases(settings, stack))
    with console.status("Migrating …"):
        upgrade(os.environ["DATABASE_URL"])
        ensure_logins(load(HubSettings))
        ensure_keys(os.environ["DATABASE_URL"])
    os.environ.update({url_variable(role): url_as(load(HubSettings), role) for role in ROLES})
    shutil.copyfile(ROOT / "dagster.yaml", home / "dagster" / "dagster.yaml")
    published = publish(home, _decided(settings))
    stack.callback(published.unlink, missing_ok=True)
    _supervise(Stack(settings, sandbox, home / "logs"), console)


def _make_folders(home: Path) -> None:
    try:
        for folder in (home, home / "logs", home / "dagster"):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"HUB_HOME: no folder can be made there: {error.strerror} (for example .hub)") from error


def _chosen(settings: HubSettings, sandbox: sources.SandboxSettings | None) -> dict[str, str]:
    home = settings.home
    ours = {"HUB_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    ours["HUB_MODE"] = os.environ.get("HUB_MODE") or ("development" if sandbox else "production")
    keys = KEYS if ours["HUB_MODE"] == "development" else KEYS[1:]
    ours |= {variable: secrets.chosen(variable, home) for variable in keys}
    if sandbox is None:
        return ours
    passed_on = {
        "SANDBOX_WHMCS_WEBHOOK_URL": f"http://{settings.api_host}:{settings.api_port}/webhooks/whmcs",
        "SANDBOX_WHMCS_WEBHOOK_SECRET": ours["API_WHMCS_WEBHOOK_SECRET"],
        "SANDBOX_MAIL_FOLDER": str(home / "mail"),
    }
    return ours | sandbox.environment() | passed_on


def _databases(settings: HubSettings, stack: ExitStack) -> dict[str, str]:
    """The URLs of the hub's database and of Dagster's; starts the embedded server where none is configured."""
    url = settings.database_url
    if url is None:
        url = databases.ensure(stack.enter_context(postgres.embedded(settings.home / "postgres")), "hub")
    return {"DATABASE_URL": url, "DAGSTER_DATABASE_URL": databases.of_dagster(settings, url)}


def _decided(settings: HubSettings) -> dict[str, str]:
    """What another terminal needs to join: everything this one was given or chose."""
    ours = {name: value for name, value in os.environ.items() if name.startswith(OURS) and value}
    return ours | {
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "API_HOST": settings.api_host,
        "API_PORT": str(settings.api_port),
        "DAGSTER_PORT": str(settings.dagster_port),
    }


def _supervise(stack: Stack, console: Console) -> None:
    opening = Opening(stack, console)
    console.print("Bringing the data in; the API and the Dagster UI start beside it.")
    processes = Processes(stack.logs, then=opening.start)
    lines = {
        **({"sandbox": [sys.executable, "-m", "sandbox"]} if stack.sandbox else {}),
        **{name: [sys.executable, "-m", "cli", name] for name in ("api", "gateway", "listen", "apply", "forward")},
        "dagster-daemon": [str(BIN / "dagster-daemon"), "run", "-w", str(WORKSPACE)],
        "dagster": [sys.executable, "-m", "cli", "dagster"],
    }
    for name, line in lines.items():
        processes.add(name, line, NEEDS[name].of(os.environ))
    try:
        processes.loop()
    finally:
        opening.stop()
        processes.sweep()
    if processes.ended_first is not None:
        raise ProcessEndedError(_obituary(processes, processes.ended_first))
    console.print("Stopping …")


def _obituary(processes: Processes, name: str) -> str:
    log = processes.log(name)
    last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    return "\n  ".join([f"{name} ended, so everything was stopped. The end of {log}:", *last])


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM and a closed terminal end us as Ctrl-C does, at any moment."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    # honcho, once it runs, handles those two itself.
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
