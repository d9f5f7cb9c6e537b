"""`hub forward`."""

import signal
import threading

from cli.database import require_plain_login
from cli.examples import examples

EXAMPLES = examples(
    ("hub forward", "beside `hub up`'s own, it shares the work"),
    ("COMMANDS_BATCH=1 hub forward", "a Dagster run for every command"),
)


def forward() -> None:
    """Do what customers asked for: each command as a Dagster job, its steps written down as they are taken.

    Runs until Ctrl-C, which lets the step in hand end and gives the rest back. Any number may run.
    """
    from cli.dagster_run import lasting_instance
    from core.settings import CommandSettings, HubSettings, load, url_as
    from pipelines.commands.forwarder import Forwarder

    require_plain_login("hub_sync")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with lasting_instance() as instance:
        forwarder = Forwarder(load(CommandSettings), url_as(load(HubSettings), "hub_sync"), instance)
        # Not in the main thread, where a Dagster run would take the signals for itself and break off in mid-step.
        thread = threading.Thread(target=forwarder.follow, args=(stopped,), name="forward")
        thread.start()
        while thread.is_alive():
            thread.join(1.0)
