"""The read API inside the server's process: built from the environment."""

import gc

from litestar import Litestar

from core.logging import configure
from core.settings import ApiSettings, AuthSettings, GatewaySettings, HubSettings, PlanSettings, environment_has, load
from read_api.app import create_app

# Objects that came and did not go, before the youngest are looked through; rounds of those before the middle ones are;
# and rounds of these before all are: a million objects, some 100 MB at the very most.
COLLECTED_AFTER = (5_000, 5, 40)


def application() -> Litestar:
    """Built inside the worker, from the environment."""
    configure()
    gateway = load(GatewaySettings) if environment_has("GATEWAY_TOKEN") else None
    plans = tuple(load(PlanSettings).vocabulary.plan_names)
    app = create_app(load(HubSettings), load(ApiSettings), gateway=gateway, plans=plans, auth=load(AuthSettings))
    _collect_seldom()
    return app


def _collect_seldom() -> None:
    """Let the garbage collector's full rounds, in which every caller waits, be short and rare.

    What was imported and built stays for good, and is walked no more. A live stream is a hundred objects: 2,000 of them
    make a full round of 0.2 s, and with Python's own thresholds a few hundred slow bodies begin one every few seconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)
