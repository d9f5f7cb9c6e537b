"""The harness itself: what it makes of what a client did. No client is installed here; `make clients` does that."""

from pathlib import Path

import pytest
import requests

from tests.clients import __main__ as command
from tests.clients.__main__ import stage, table
from tests.clients.harness import Client, Step, tried


def a_client(*steps: Step) -> Client:
    return Client("nobody", "1", Path(__file__), lambda _client, _stage: steps)


@pytest.mark.parametrize(("steps", "code"), [([Step("a")], 0), ([Step("a"), Step("b", "no")], 1), ([], 1)])
def test_a_tour_is_good_when_something_was_done_and_nothing_failed(monkeypatch, steps, code):
    monkeypatch.setattr(command, "install", lambda _client: None)

    assert command._toured(a_client(*steps)) == code


def test_an_action_that_raises_is_a_line_with_its_reason():
    def attempt() -> None:
        raise ValueError("head\nnot found\n")

    assert table([tried("read", attempt), tried("write", lambda: None)]) == "  read   FAILED  not found\n  write  ok\n"


def test_a_host_that_a_client_hard_codes_is_the_sandbox():
    with stage() as given:
        answer = requests.get(
            "https://login.salesforce.com/services/data",
            proxies={"https": given.tunnel["HTTPS_PROXY"]},
            verify=given.trust["REQUESTS_CA_BUNDLE"],
            timeout=20,
        )

    assert answer.json()[0]["url"].startswith("/services/data/v")
