"""Whose password at WHMCS it is, by what WHMCS says of it.

The promise. Only a whole answer lets somebody in: a user without a second factor, and a client of the same e-mail
address that names that user as its owner. As much is asked whether the password is right or wrong, and no log-in that
fails closes WHMCS for anybody.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import SourceError, UnavailableError
from core.settings import WhmcsSettings
from pipelines.gateway.app import owned_client
from pipelines.sources.circuit import Circuit
from pipelines.sources.whmcs.client import WhmcsClient
from tests.pipelines.sources.conftest import FakeSource, as_json, source

__all__ = ["source"]

EMAIL = "o'neil@example.com"
USER = {"result": "success", "userid": 7, "passwordhash": "x", "twoFactorEnabled": "false"}
CLIENT = {"id": 31, "owner_user_id": 7, "email": "O&#039;Neil@example.com", "status": "Active"}
WRONG = {"result": "error", "message": "Email or Password Invalid"}
NOTHING = object()


class Remembered(Circuit):
    """What failed calls were about."""

    def __init__(self) -> None:
        self.about: list[str | None] = []

    def failed(self, error: SourceError, about: str | None) -> None:  # noqa: ARG002 - which error it was is the same
        self.about.append(about)


@pytest.fixture
def circuit() -> Remembered:
    return Remembered()


@pytest.fixture
def whmcs(source: FakeSource, circuit: Remembered) -> Iterator[WhmcsClient]:
    settings = WhmcsSettings.model_validate({"url": source.url, "identifier": "us", "secret": "s" * 16})
    with WhmcsClient(settings, circuit) as client:
        yield client


def changed(row: dict[str, Any], field: str, value: object) -> dict[str, Any]:
    return {name: each for name, each in (row | {field: value}).items() if each is not NOTHING}


def says(source: FakeSource, user: dict[str, Any] = USER, client: dict[str, Any] = CLIENT) -> None:
    source.answers(as_json(user), as_json({"result": "success", "client": client}))


@pytest.mark.parametrize("value", [NOTHING, "", None, "true", "yes", "enabled", "1", True])
def test_whoever_may_have_a_second_factor_has_not_proven_enough(
    source: FakeSource, whmcs: WhmcsClient, value: object
) -> None:
    says(source, changed(USER, "twoFactorEnabled", value))

    assert owned_client(whmcs, EMAIL, "theirs") is None


@pytest.mark.parametrize("value", [NOTHING, "", None])
def test_an_answer_without_the_hash_lets_nobody_in(source: FakeSource, whmcs: WhmcsClient, value: object) -> None:
    says(source, changed(USER, "passwordhash", value))

    assert owned_client(whmcs, EMAIL, "theirs") is None


@pytest.mark.parametrize("value", [NOTHING, "", None, 0, "0", 8])
def test_a_client_that_does_not_name_them_as_its_owner_is_not_theirs(
    source: FakeSource, whmcs: WhmcsClient, value: object
) -> None:
    # Users' ids and clients' are apart: the client of the same number is somebody else's.
    says(source, client=changed(CLIENT | {"id": 7}, "owner_user_id", value))

    assert owned_client(whmcs, EMAIL, "theirs") is None


@pytest.mark.parametrize(("field", "value"), [("id", NOTHING), ("email", "other@example.com"), ("status", "Closed")])
def test_a_client_that_is_not_said_to_be_theirs_is_not(
    source: FakeSource, whmcs: WhmcsClient, field: str, value: object
) -> None:
    says(source, client=changed(CLIENT, field, value))

    assert owned_client(whmcs, EMAIL, "theirs") is None


@pytest.mark.parametrize("two_factor", ["false", " False ", False, "0", 0, "off", "no"])
@pytest.mark.parametrize("named", ["id", "client_id", "userid"])
def test_a_whole_answer_says_whose_it_is(
    source: FakeSource, whmcs: WhmcsClient, two_factor: object, named: str
) -> None:
    client = {name: value for name, value in CLIENT.items() if name != "id"} | {named: 31}
    says(source, changed(USER, "twoFactorEnabled", two_factor), client)

    assert owned_client(whmcs, EMAIL, "theirs") == "31"


def test_a_wrong_password_costs_as_many_calls_as_a_right_one(source: FakeSource, whmcs: WhmcsClient) -> None:
    says(source)
    assert owned_client(whmcs, EMAIL, "theirs") == "31"
    right = len(source.requests)

    says(source, WRONG)
    assert owned_client(whmcs, EMAIL, "wrong") is None

    assert len(source.requests) - right == right


def test_log_ins_that_fail_are_one_call_that_fails(source: FakeSource, whmcs: WhmcsClient, circuit: Remembered) -> None:
    # Else whoever tries a few addresses that WHMCS cannot answer for would close it for everybody.
    source.answers(as_json({}, 500))

    for email in ("a@example.com", "b@example.com"):
        with pytest.raises(UnavailableError):
            owned_client(whmcs, email, "theirs")

    assert len(circuit.about) == 2
    assert len(set(circuit.about)) == 1
