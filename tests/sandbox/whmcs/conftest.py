"""WHMCS behind a socket, spoken to as PHP does."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.server import RunningSandbox

CREDENTIALS = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}


def serialized(fields: dict[object, str]) -> str:
    """base64 of PHP's serialize(); digits as keys are numbers, lengths are bytes."""
    parts = []
    for key, value in fields.items():
        name = f"i:{key}" if str(key).isdigit() else f's:{len(str(key).encode())}:"{key}"'
        parts.append(f'{name};s:{len(value.encode())}:"{value}";')
    return base64.b64encode(f"a:{len(fields)}:{{{''.join(parts)}}}".encode()).decode()


class Api:
    """Calls of one install over HTTP."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.state = sandbox.state
        self.world = sandbox.world
        self._http = httpx.Client(timeout=10)

    def send(self, action: str, **params: Any) -> httpx.Response:
        fields = {**CREDENTIALS, "action": action}
        for name, value in params.items():
            if isinstance(value, dict | list):
                pairs = value.items() if isinstance(value, dict) else enumerate(value)
                fields |= {f"{name}[{key}]": str(inner) for key, inner in pairs}
            else:
                fields[name] = str(value)
        return self._http.post(f"{self.sandbox.whmcs_url}/includes/api.php", data=fields)

    def call(self, action: str, **params: Any) -> Any:
        """The answer to a call that succeeds."""
        answer = self.send(action, **params).json()
        assert answer["result"] == "success", answer
        return answer

    def refused(self, action: str, **params: Any) -> str:
        """The message of a call that fails as WHMCS's calls do: with HTTP 200."""
        response = self.send(action, **params)
        assert (response.status_code, response.json()["result"]) == (200, "error")
        return str(response.json()["message"])

    def effects(self, **wanted: str) -> list[dict[str, Any]]:
        return self._http.get(f"{self.sandbox.whmcs_url}/__sandbox__/ledger", params=wanted).json()["effects"]

    def rows(self, action: str, plural: str, singular: str, **params: Any) -> list[dict[str, Any]]:
        answer = self.call(action, limitnum=1000, **params)
        return answer[plural][singular] if answer.get(plural) else []

    def services(self, **params: Any) -> list[dict[str, Any]]:
        return self.rows("GetClientsProducts", "products", "product", **params)

    def orders(self, **params: Any) -> list[dict[str, Any]]:
        return self.rows("GetOrders", "orders", "order", **params)

    def invoices(self, **params: Any) -> list[dict[str, Any]]:
        return self.rows("GetInvoices", "invoices", "invoice", **params)

    def transactions(self, **params: Any) -> list[dict[str, Any]]:
        return self.call("GetTransactions", **params)["transactions"]["transaction"]

    def client(self, *, card: bool = True) -> int:
        """An active client who has, or has not, a card that pays."""
        for number in range(self.world.customers):
            customer = self.world.customer(number)
            methods = self.world.pay_methods(number) if customer.has_whmcs else []
            paying = [m for m in methods if m.plan.type.endswith("CreditCard") and m.last_four != "0002"]
            if customer.has_whmcs and customer.client_status == "Active" and bool(paying) is card:
                return customer.client_id
        raise AssertionError("no such client")

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def api(sandbox: RunningSandbox) -> Iterator[Api]:
    calls = Api(sandbox)
    yield calls
    calls.close()
