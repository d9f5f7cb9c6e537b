"""The API as a process: it outlives its database, and ends without cutting anybody off."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from cli.up import databases, postgres
from core.settings import ApiSettings
from read_api.auth.tokens import mint
from sql.migrate import upgrade
from tests.builders import NOON, account_of, insert, insert_customer
from tests.conftest import Database, _as_roles, scratch
from tests.serving import KEY, api_process
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def folder() -> Iterator[Path]:
    # Directly under the temporary folder, for the reason that tests/conftest.py gives.
    home = Path(tempfile.mkdtemp(prefix="hub-pg-", dir=scratch()))
    yield home / "postgres"
    shutil.rmtree(home, ignore_errors=True)


def bearer(customer: UUID) -> dict[str, str]:
    return {"Authorization": f"Bearer {mint(ApiSettings(jwt_key=KEY), customer)}"}


def answer_once(url: str, headers: dict[str, str], *, status: int) -> httpx.Response:
    """The first answer of that status; the others on the way may only be problems that say to try again."""
    while (answer := httpx.get(url, headers=headers, timeout=PATIENCE_SECONDS)).status_code != status:
        assert answer.status_code in {200, 503}
        if answer.status_code == 503:
            assert answer.json()["type"] == "/problems/unavailable"
            assert int(answer.headers["retry-after"]) > 0
    return answer


def test_it_outlives_its_database_and_answers_again_once_that_is_back(folder: Path) -> None:
    with postgres.embedded(folder) as server:
        url = databases.ensure(server, "hub")
        upgrade(url)
        database = _as_roles(url)
        with psycopg.connect(database.sync) as connection:
            customer = insert_customer(connection)["id"]

        with api_process(database) as (api, process):
            before = answer_once(f"{api}/api/me", bearer(customer), status=200)
            postgres.stop(folder)
            down = answer_once(f"{api}/api/me", bearer(customer), status=503)
            alive, ready = httpx.get(f"{api}/health"), httpx.get(f"{api}/health/ready", timeout=PATIENCE_SECONDS)
            with postgres.embedded(folder):
                back = answer_once(f"{api}/api/me", bearer(customer), status=200)
                ready_again = httpx.get(f"{api}/health/ready")

            assert process.poll() is None

    assert down.headers["content-type"] == "application/problem+json"
    assert (alive.status_code, ready.status_code) == (200, 503)
    assert ready.json()["database"]["reachable"] is False
    assert back.json()["data"] == before.json()["data"]
    assert ready_again.status_code == 200


def test_a_request_that_runs_is_answered_before_it_ends(database: Database, rows: Any) -> None:
    customer = insert_customer(rows)
    line = insert(
        rows,
        "sims",
        account_id=account_of(customer, "sims"),
        msisdn="09012345678",
        details_as_of=NOON,
        usage_as_of=NOON,
    )

    with api_process(database) as (api, process), ThreadPoolExecutor() as others:
        waiting = others.submit(
            httpx.get,
            f"{api}/api/sims/{line['id']}",
            headers=bearer(customer["id"]) | {"Prefer": "wait=10"},
            timeout=60,
        )
        while not rows.execute("SELECT 1 FROM sync.inbox").fetchone():
            assert not waiting.done()
        process.send_signal(signal.SIGTERM)
        while _answers(api):
            pass
        rows.execute("UPDATE hub.sims SET details_as_of = now(), usage_as_of = now()")

        answer = waiting.result()
        code = process.wait(PATIENCE_SECONDS)

    assert (answer.status_code, answer.headers["preference-applied"], code) == (200, "wait=10", 0)


def test_a_stream_without_end_does_not_keep_it(database: Database, rows: Any) -> None:
    customer = insert_customer(rows)

    with (
        api_process(database) as (api, process),
        httpx.stream("GET", f"{api}/api/live", headers=bearer(customer["id"]), timeout=PATIENCE_SECONDS) as stream,
    ):
        assert stream.status_code == 200
        process.send_signal(signal.SIGTERM)

        assert process.wait(PATIENCE_SECONDS) == 0


def _answers(api: str) -> bool:
    try:
        return httpx.get(f"{api}/health", timeout=5).is_success
    except httpx.TransportError:
        return False
