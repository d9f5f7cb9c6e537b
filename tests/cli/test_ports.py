"""A port that is taken is said before anything starts."""

import socket
from collections.abc import Iterator

import pytest

from cli.up.ports import Port, require_free
from core.errors import SettingsError
from tests.cli.conftest import Hub


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_named_by_its_variable_with_another_to_try(taken: int) -> None:
    with pytest.raises(SettingsError) as refused:
        require_free((Port("API_PORT", taken),))

    assert str(refused.value) == (
        f"API_PORT: port {taken} on 127.0.0.1 is in use; "
        f"stop what uses it or choose another (for example API_PORT={taken + 1})"
    )


def test_every_taken_port_is_named_at_once(taken: int) -> None:
    with pytest.raises(SettingsError) as refused:
        require_free((Port("API_PORT", taken), Port("DAGSTER_PORT", taken)))

    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == ["API_PORT", "DAGSTER_PORT"]


def test_a_free_port_is_no_reason_to_refuse(taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]

    require_free((Port("API_PORT", free),))


def test_up_refuses_before_it_starts_anything(hub: Hub, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_WHMCS_PORT", str(taken))

    ended = hub("up")

    assert ended.code == 1
    assert "SANDBOX_WHMCS_PORT: port" in ended.err
