"""The read API inside the server's process: built from the environment."""

import gc

from litestar import Litestar

from core.logging import configure, logger
from core.settings import (
    ApiSettings,
    AuthSettings,
    GatewaySettings,
    HubSettings,
    MailSettings,
    PlanSettings,
    environment_has,
    load,
    sends_device_codes,
)
from read_api.app import create_app

# Objects that came and did not go, before the youngest are looked through; rounds of those before the middle ones are;
# and rounds of these before all are: a million objects, some 100 MB at the very most.
COLLECTED_AFTER = (5_000, 5, 40)


def application() -> Litestar:
    """Built inside the worker, from the environment."""
    configure()
    gateway = load(GatewaySettings) if environment_has("GATEWAY_TOKEN") else None
    plans = tuple(load(PlanSettings).vocabulary.plan_names)
    hub, auth = load(HubSettings), load(AuthSettings)
    codes = sends_device_codes(hub, auth, load(MailSettings))
    if not codes and auth.device_codes is None and hub.hub_mode == "production":
        # A password that leaked lets in from anywhere: whoever runs the hub must be able to see it.
        logger("read_api").warning("auth.device_codes_off", reason="no SMTP_HOST")
    app = create_app(hub, load(ApiSettings), gateway=gateway, plans=plans, auth=auth, device_codes=codes)
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
