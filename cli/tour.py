"""`hub tour`: a customer orders, an agent approves, and what each system then holds; as a person would do it."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from rich.console import Console
from rich.text import Text

from cli.database import answer
from cli.verbs.token import minted
from core.errors import HubError, NotFoundError
from core.settings import HubSettings, SalesforceSettings, WhmcsSettings, load
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.whmcs.client import WhmcsClient

CART = {
    "type": "vpn",
    "items": [{"sku": "VPN-REMOTE-ACCESS-USA-SF"}, {"sku": "VPN-ACTIVATION-FEE"}],
}
PATIENCE_SECONDS = 60.0


class TourError(HubError):
    """Something did not happen in time; the text says what."""


@dataclass
class Stream:
    """What `/api/live` pushes, with the seconds since the order was placed."""

    events: list[tuple[float, str]] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    def follow(self, client: httpx.Client, stopped: threading.Event) -> None:
        with suppress(httpx.HTTPError), client.stream("GET", "/api/live", timeout=None) as stream:
            for line in stream.iter_lines():
                if stopped.is_set():
                    return
                if line.startswith("data: ") and "entity" in line:
                    said = json.loads(line.removeprefix("data: "))
                    text = f"{said.get('entity')} {str(said.get('id'))[:8]} {said.get('operation')}"
                    self.events.append((time.monotonic() - self.since, text))


class Tour:
    """One customer's order, from the cart to the service."""

    def __init__(self, console: Console) -> None:
        settings = load(HubSettings)
        found = answer("operations/customer_who_may_order")
        if not found:
            raise NotFoundError("no customer may order: none has a linked account and a payment method")
        self._who: Mapping[str, Any] = found[0]
        self._console = console
        self._api = httpx.Client(
            base_url=f"http://{settings.api_host}:{settings.api_port}",
            headers={"Authorization": f"Bearer {minted(self._who['id'])}"},
            timeout=10,
            trust_env=False,
        )
        self._salesforce = SalesforceClient(load(SalesforceSettings))
        self._whmcs = WhmcsClient(load(WhmcsSettings))
        self._stream = Stream()

    def take(self) -> None:
        """Every step, printed as it happens.

        Raises:
            TourError: something did not happen in time.
        """
        stopped = threading.Event()
        threading.Thread(target=self._stream.follow, args=(self._api, stopped), daemon=True).start()
        try:
            self._log_in()
            order = self._order()
            salesforce_id = self._placed(order)
            self._approve(salesforce_id)
            self._provisioned(order)
            self._shown(order, salesforce_id)
        finally:
            stopped.set()
            self._api.close()
            self._salesforce.close()
            self._whmcs.close()

    def _log_in(self) -> None:
        self._title("1. Log in", "with a development token (hub token)")
        me = self._get("/api/me")
        self._say("customer", f"{me['id']}, number {me['accountNumber']}")
        before = len(self._get("/api/subscriptions"))
        self._say("subscriptions", f"{before} on the first page")

    def _order(self) -> str:
        self._title("2. Order", "POST /api/orders with an Idempotency-Key")
        key = uuid4().hex
        self._stream.since = started = time.monotonic()
        said = self._api.post("/api/orders", json=CART, headers={"Idempotency-Key": key})
        took = time.monotonic() - started
        if said.status_code != 202:
            raise TourError(f"the order was refused: {said.text}")
        order = said.json()["data"]
        self._say("answer", f"{said.status_code} in {took * 1000:.0f} ms, follow it at {order['resource']}")
        again = self._api.post("/api/orders", json=CART, headers={"Idempotency-Key": key})
        same = again.json()["data"]["id"] == order["id"]
        self._say("the same again", f"{again.status_code}, {'the same order' if same else 'ANOTHER ORDER'}")
        self._say("shown as", self._get(order["resource"])["status"])
        return str(order["resource"])

    def _placed(self, order: str) -> str:
        self._title("3. Salesforce", "the hub placed it as a Dagster job, and read it back")
        found = self._until(lambda: self._is(order, status={"draft", "pending_review"}), "the order in Salesforce")
        (record,) = self._salesforce.find(
            "SELECT Id, OrderNumber, Status, TotalAmount FROM Order WHERE Hub_Command_Id__c = {}", found["id"]
        )
        self._say("Salesforce holds", f"order {record['OrderNumber']}, {record['Status']}, {record['TotalAmount']}")
        self._say("the portal shows", f"{found['status']}, {len(found['items'])} items")
        return str(record["Id"])

    def _approve(self, salesforce_id: str) -> None:
        self._title("4. Approve", "an agent, over Salesforce's own REST API")
        self._stream.since = time.monotonic()
        self._salesforce.update("Order", salesforce_id, {"Status": "Approved"})
        self._say("agent", "Status = Approved; Salesforce publishes OrderProvisionRequested__e")

    def _provisioned(self, order: str) -> None:
        self._title("5. Follow", "GET /api/live while the hub provisions it")
        started = time.monotonic()
        found = self._until(lambda: self._is(order, status={"processed"}), "the order to be provisioned")
        self._say("provisioned", f"{time.monotonic() - started:.1f} s after the approval: {found['activationStatus']}")
        for seconds, text in self._stream.events[-14:]:
            self._say(f"+{seconds:5.2f} s", text)

    def _shown(self, order: str, salesforce_id: str) -> None:
        self._title("6. What each system holds", "")
        items = self._until(lambda: self._items(order), "the new services")
        for item in items:
            service = self._get(f"/api/subscriptions/{item['subscriptionId']}")
            self._say("subscription", f"{service['productName']}: {service['status']}")
        (record,) = self._salesforce.find(
            "SELECT Status, Activation_Status__c, WHMCS_Order_ID__c FROM Order WHERE Id = {}", salesforce_id
        )
        self._say("Salesforce", f"{record['Status']}, {record['Activation_Status__c']}")
        orders = self._whmcs.call("GetOrders", id=record["WHMCS_Order_ID__c"])["orders"]["order"]
        self._say("WHMCS", f"order {orders[0]['id']}, {orders[0]['status']}, invoice {orders[0]['invoiceid']}")
        commands = self._get("/api/commands")
        for command in reversed(commands[:2]):
            self._say("the hub", f"{command['kind']} {command['status']}: hub commands show {command['id'][:8]}")

    # -- small things ------------------------------------------------------------------------------------------------

    def _get(self, path: str) -> Any:
        found = self._api.get(path)
        if found.status_code != 200:
            raise TourError(f"GET {path} was answered {found.status_code}")
        return found.json()["data"]

    def _is(self, path: str, **wanted: set[str]) -> Any:
        found = self._get(path)
        return found if all(found[name] in values for name, values in wanted.items()) else None

    def _items(self, order: str) -> Any:
        """The order's items once each is a subscription that can be read."""
        items = self._get(order)["items"]
        ready = items and all(
            item["subscriptionId"] and self._api.get(f"/api/subscriptions/{item['subscriptionId']}").status_code == 200
            for item in items
        )
        return items if ready else None

    def _until(self, holds: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = holds()
            if found:
                return found
            threading.Event().wait(0.1)
        raise TourError(f"{what}: not there after {PATIENCE_SECONDS:.0f} s; `hub commands list` and the logs say more")

    def _title(self, title: str, how: str) -> None:
        self._console.print()
        self._console.print(Text(title, style="bold") + Text(f"  {how}", style="dim"))

    def _say(self, name: str, text: str) -> None:
        self._console.print(Text(f"  {name:<18}", style="cyan") + Text(text), soft_wrap=True)
