"""The attacks whose promise is kept, as part of every test run; `make attack` tries all of them."""

from collections.abc import Iterator

import pytest

from tests.attack import attacks as _all  # noqa: F401 - registers them
from tests.attack.suite import ATTACKS, tried
from tests.attack.target import NotLoopbackError, Target, loopback_only, own_target, running_target


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with own_target() as made:
        yield made


@pytest.mark.parametrize("name", [name for name, each in ATTACKS.items() if each.quick])
def test_the_promise_holds_against(target: Target, name: str) -> None:
    (outcome,) = tried([ATTACKS[name]], target)

    assert (outcome.verdict, outcome.what) == ("held", outcome.what)


@pytest.mark.parametrize("url", ["http://hub.example.com", "http://10.0.0.1:8000", "http://127.0.0.1.example.com", "x"])
def test_no_other_machine_is_attacked(url: str) -> None:
    with pytest.raises(NotLoopbackError):
        loopback_only(url)


def test_on_a_running_api_it_is_tried_as_the_customers_that_were_named(monkeypatch: pytest.MonkeyPatch) -> None:
    named = ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"]
    monkeypatch.setenv("API_JWT_KEY", "k" * 32)
    monkeypatch.setenv("HUB_CUSTOMERS", ",".join(named))

    target = running_target("http://127.0.0.1:8000")

    assert [str(each) for each in target.customers()] == named
