"""`hub apply`."""

import signal
import threading

from cli.database import require_plain_login
from cli.examples import examples

EXAMPLES = examples(
    ("hub apply", "beside `hub up`'s own, it stands by and takes over"),
    ("HUB_POLL_SECONDS=0 hub apply", "only notifications, no polls"),
)


def apply() -> None:
    """Apply notifications within milliseconds, and poll for what sources did not notify of every HUB_POLL_SECONDS.

    Sends people their e-mail, too. Runs until Ctrl-C. Any number may run: one leads for each system, the others stand
    by.
    """
    from cli.dagster_run import shared_instance
    from pipelines.events.service import serve

    require_plain_login("hub_sync")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with shared_instance() as instance:
        serve(stopped, instance)
