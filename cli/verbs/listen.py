"""`hub listen`."""

import signal
import threading

from cli.database import hub_url, require_plain_login
from cli.examples import examples

EXAMPLES = examples(
    ("hub listen", "beside `hub up`'s own, it stands by and takes over"),
    ("SALESFORCE_EVENTS_ENTITIES=Account,Order hub listen", "only what the org's edition allows"),
)


def listen() -> None:
    """Follow Salesforce's events and store what they tell in the inbox, where `hub apply` takes it.

    Runs until Ctrl-C. One listens at a time; others stand by and take over.
    """
    from core.settings import EventSettings, load
    from pipelines.events.listener import listen as follow
    from pipelines.sources.connect import source_of
    from pipelines.sources.salesforce.pubsub.bus import EventBus

    require_plain_login("hub_sync")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    settings = load(EventSettings)
    source = source_of("salesforce")
    bus = EventBus(settings, source.client)
    try:
        follow(settings, bus, hub_url("hub_sync"), stopped)
    finally:
        bus.close()
        source.client.close()
