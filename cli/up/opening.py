"""What happens while the stack's processes run: wait until they answer, run the first sync, say where everything is."""

import os
import signal
import subprocess
import sys
import threading

import httpx
from rich.console import Console
from rich.markup import escape

from cli.needs import NEEDS
from cli.up.stack import Stack
from cli.up.welcome import welcome
from core.errors import HubError

# Dagster loads its code twice on a small machine.
PATIENCE_SECONDS = 180.0
GRACE_SECONDS = 5.0


class Opening:
    """A thread beside the supervisor's loop; `stop` ends it at any moment."""

    def __init__(self, stack: Stack, console: Console) -> None:
        self._stack = stack
        self._console = console
        self._stopped = threading.Event()
        self._sync: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._open, name="opening", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._sync is not None and self._sync.poll() is None:
            self._sync.send_signal(signal.SIGINT)
            try:
                self._sync.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._sync.kill()
        if self._thread.is_alive():
            self._thread.join(GRACE_SECONDS)

    def _open(self) -> None:
        stack = self._stack
        answering = (
            self._answers(*(f"{url}/__sandbox__/world" for url in stack.sandbox.urls().values()))
            if stack.sandbox
            else True
        )
        synced = answering and self._first_sync()
        # The API's own routes answer from the first moment; its readiness follows the data.
        ready = answering and self._answers(f"{stack.api}/health", f"{stack.dagster}/server_info")
        if self._stopped.is_set():
            return
        if not ready:
            self._console.print(f"[red]Not everything answers;[/red] what does not has its log in {stack.logs}")
            return
        try:
            welcome(stack, self._console, synced=synced)
        except HubError as error:
            self._console.print(f"[red]hub: {escape(str(error))}[/red]")

    def _first_sync(self) -> bool:
        """In a process of its own, so that it can be stopped at any moment and its memory is given back."""
        environment = NEEDS["dagster-daemon"].of(os.environ)  # It does what a run that the daemon launches does.
        self._sync = subprocess.Popen([sys.executable, "-m", "cli", "sync"], stdout=subprocess.DEVNULL, env=environment)
        return self._sync.wait() == 0

    def _answers(self, *urls: str) -> bool:
        """Wait until all of them do."""
        waiting = list(urls)
        with httpx.Client(timeout=2.0) as client:
            for _ in range(int(PATIENCE_SECONDS / 0.2)):
                waiting = [url for url in waiting if not _answers(client, url)]
                if not waiting:
                    return True
                if self._stopped.wait(0.2):
                    return False
        return False


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code < 500
    except httpx.HTTPError:
        return False
