"""The API keeps to its own OpenAPI document, whatever is sent: no server error, no undocumented answer."""

from typing import Any

import httpx
import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.settings import ApiSettings
from read_api.auth.keys import rotate
from read_api.auth.tokens import mint
from tests.read_api.conftest import furnish
from tests.serving import KEY, served_api

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
BOUNDED = settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# An answer without end, and what passes through to a source that is not there.
LOOKED_AT_ELSEWHERE = {
    "/api/live", "/api/identity-documents", "/api/invoices/{invoice_id}/pay-links", "/auth/link-whmcs",
}  # fmt: skip
OPERATIONS = 78
# The ids of what is furnished, by the name of the path parameter.
FURNISHED = {
    "invoice_id": "invoices",
    "subscription_id": "subscriptions",
    "sim_id": "sims",
    "order_id": "orders",
    "case_id": "support_cases",
    "command_id": "commands",
}


@pytest.fixture
def served(database: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("API_WHMCS_WEBHOOK_SECRET", "s" * 16)
    monkeypatch.setenv("AUTH_ORIGINS", "http://localhost")
    monkeypatch.setenv("AUTH_PASSKEY_DOMAIN", "localhost")
    mine = furnish(rows)
    with psycopg.connect(database.owner) as owner:
        rotate(owner, 15)
    token = mint(ApiSettings(jwt_key=KEY), mine["customers"]["id"])
    with served_api(database) as url:
        yield url, mine, {"Authorization": f"Bearer {token}"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_answer_is_undocumented_or_a_server_error(served: Any) -> None:
    url, mine, headers = served
    document = httpx.get(f"{url}/schema/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    statuses: dict[str, set[int]] = {}

    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in LOOKED_AT_ELSEWHERE:
            continue
        statuses[operation.label] = answered(operation, url, headers, mine)

    assert len(statuses) == OPERATIONS
    # No generator signs a webhook, fills a cart that keeps to every rule, or logs in.
    silent = [label for label, seen in statuses.items() if 200 not in seen and not label.startswith(("POST", "PATCH"))]
    assert [label for label in silent if "problems" not in label and "/auth/" not in label] == []


def answered(operation: Any, url: str, headers: dict[str, str], mine: dict[str, Any]) -> set[int]:
    """The statuses that an operation answered with, each answer being as documented."""
    seen = set()

    @BOUNDED
    @given(case=operation.as_strategy(), known=st.booleans())
    def conforms(case: Any, known: bool) -> None:
        if known:
            case.path_parameters = {
                name: str(mine[FURNISHED[name]]) if name in FURNISHED else value
                for name, value in (case.path_parameters or {}).items()
            }
        answer = case.call(base_url=url, headers=headers)
        seen.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    conforms()
    return seen


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_cannot_be_done_is_said_as_a_problem(served: Any, method: str) -> None:
    url, _, headers = served

    answer = httpx.request(method, f"{url}/api/invoices", headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
