"""Logging in as people do it: a Chromium with an authenticator of its own, a portal's page, an API that is served.

The promise. What read_api/auth/README.md tells whoever writes a portal is enough: passkeys are made and used by what
browsers have for it, the cookie comes back, and no other page gets what this one may have.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from pyotp import TOTP
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions

from core.clock import utc_now
from tests.conftest import Database
from tests.read_api.auth.conftest import PASSWORD, Somebody
from tests.serving import api_process
from tests.waiting import until

Owner = psycopg.Connection[Any]
HERE = Path(__file__).parent
CHEAP = {"AUTH_ARGON2_MEMORY_KIB": "7168", "AUTH_ARGON2_PASSES": "1", "AUTH_FACTOR_KEYS": "a1" * 32}


class Page:
    """A portal's page in a Chromium of its own, with an authenticator that knows its user's finger."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        self.driver.get(url)
        self.driver.add_virtual_authenticator(
            VirtualAuthenticatorOptions(
                protocol=VirtualAuthenticatorOptions.Protocol.CTAP2,
                transport=VirtualAuthenticatorOptions.Transport.INTERNAL,
                has_resident_key=True,
                has_user_verification=True,
                is_user_verified=True,
            )
        )

    def does(self, action: str, **fields: str) -> Any:
        """What is said once a button was pressed, with fields filled in."""
        for name, text in fields.items():
            field = self.driver.find_element(By.ID, name)
            field.clear()
            field.send_keys(text)
        said = self.driver.find_element(By.ID, "said")
        self.driver.execute_script("arguments[0].textContent = ''", said)
        self.driver.find_element(By.ID, action).click()
        return json.loads(until(lambda: said.text))

    def logs_in(self, person: Somebody, **also: str) -> Any:
        return self.does("log_in", email=person.email, password=PASSWORD, **also)


@contextmanager
def pages() -> Iterator[int]:
    """The port on which the page is served."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=HERE)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def driver() -> Iterator[Chrome]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("there is no chromium with its chromedriver on this machine to log in with")
    options = ChromeOptions()
    options.binary_location = chromium
    # As root, in a container, Chromium has neither a sandbox nor much shared memory.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=900,700"):
        options.add_argument(argument)
    driver = Chrome(options, ChromeService(chromedriver))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def page(driver: Chrome, database: Database, keys: None) -> Iterator[Page]:
    with pages() as port:
        origin = f"http://localhost:{port}"
        with api_process(database, AUTH_ORIGINS=origin, AUTH_PASSKEY_DOMAIN="localhost", **CHEAP) as (url, _):
            yield Page(driver, f"{origin}/page.html?api={url.replace('127.0.0.1', 'localhost')}")


def test_a_passkey_is_made_and_logs_in_and_goes_on_and_steps_up(page: Page, person: Somebody, owner: Owner) -> None:
    assert page.logs_in(person)["amr"] == ["pwd"]

    added = page.does("add_passkey")
    again = page.does("add_passkey")
    entered = page.does("by_passkey")
    refreshed = page.does("refresh")
    stepped = page.does("step_up")
    challenged = page.logs_in(person)
    verified = page.does("verify_by_passkey")

    assert (added["status"], len(added["codes"])) == (200, 10)
    # Chromium looks into the credentials that options exclude: this authenticator has one already.
    assert again == {"id": "add_passkey", "amr": ["pwd"], "failed": "InvalidStateError"}
    assert (entered["status"], entered["person"], entered["amr"]) == (200, str(person.id), ["pop", "user", "mfa"])
    assert (refreshed["status"], refreshed["amr"]) == (200, ["pop", "user", "mfa"])
    assert (stepped["status"], stepped["amr"]) == (200, ["pop", "user", "mfa"])
    assert (challenged["status"], challenged["methods"]) == (202, ["passkey", "recovery"])
    assert (verified["status"], verified["amr"]) == (200, ["pwd", "pop", "user", "mfa"])
    assert owner.execute("SELECT name, sign_count > 0, transports FROM auth.passkeys").fetchall() == [
        ("this browser", True, ["internal"])
    ]


def test_an_authenticator_that_did_not_make_sure_of_its_user_is_of_no_use(page: Page, person: Somebody) -> None:
    page.logs_in(person)
    page.does("add_passkey")

    page.driver.set_user_verified(verified=False)

    assert page.does("by_passkey")["failed"] == "NotAllowedError"


def test_an_app_and_recovery_codes_log_in(page: Page, person: Somebody) -> None:
    page.logs_in(person)
    app = TOTP(page.does("add_app")["secret"])
    codes = page.does("confirm_app", code=app.now())["codes"]

    challenged = page.logs_in(person)
    wrong = page.does("verify", method="totp", code="000000")
    # The code of this half minute switched the app on; the next one is right already.
    by_app = page.does("verify", method="totp", code=app.at(utc_now() + timedelta(seconds=30)))
    page.logs_in(person)
    by_code = page.does("verify", method="recovery", code=codes[0])

    assert (challenged["status"], challenged["methods"]) == (202, ["totp", "recovery"])
    assert (wrong["status"], wrong["type"]) == (400, "/problems/wrong-code")
    assert (by_app["status"], by_app["amr"]) == (200, ["pwd", "otp", "mfa"])
    assert (by_code["status"], by_code["amr"]) == (200, ["pwd", "otp", "mfa"])


def test_a_page_of_another_origin_gets_nothing(page: Page, person: Somebody) -> None:
    with pages() as port:
        page.driver.get(page.driver.current_url.replace(page.driver.current_url.split("/")[2], f"localhost:{port}"))

        assert page.logs_in(person) == {"id": "log_in", "failed": "TypeError"}
        assert page.does("by_passkey") == {"id": "by_passkey", "failed": "TypeError"}
