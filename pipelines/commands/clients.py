"""The three systems as commands call them: made when first needed, kept warm."""

from functools import cached_property
from typing import TypeVar

from core.settings import FreebitSettings, HubSettings, SalesforceSettings, WhmcsSettings, load, url_as
from domain.common.identifiers import System
from pipelines.sources.circuit import SharedCircuit
from pipelines.sources.freebit.client import FreebitClient
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.whmcs.client import WhmcsClient

Client = TypeVar("Client", SalesforceClient, WhmcsClient, FreebitClient)


class Clients:
    """One process's clients. What reading leaves of the quota is for commands, so they stop at nothing.

    for_customers: all that they are for is asked by customers, who leave a reserve to what cannot wait.

    Thread-safe: should two threads make a client at once, both go on with the one that was made last.
    """

    def __init__(self, *, for_customers: bool = False) -> None:
        self._for_customers = for_customers
        self._made: list[SalesforceClient | WhmcsClient | FreebitClient] = []

    @cached_property
    def salesforce_settings(self) -> SalesforceSettings:
        return load(SalesforceSettings)

    @cached_property
    def whmcs_settings(self) -> WhmcsSettings:
        return load(WhmcsSettings)

    @cached_property
    def freebit_settings(self) -> FreebitSettings:
        return load(FreebitSettings)

    @cached_property
    def salesforce(self) -> SalesforceClient:
        reserve = self.salesforce_settings.quota_reserve_percent if self._for_customers else 0
        settings = self.salesforce_settings.model_copy(update={"quota_stop_percent": 100 - reserve})
        return self._kept(SalesforceClient(settings, self._circuit("salesforce")))

    @cached_property
    def whmcs(self) -> WhmcsClient:
        return self._kept(WhmcsClient(self.whmcs_settings, self._circuit("whmcs")))

    @cached_property
    def freebit(self) -> FreebitClient:
        return self._kept(FreebitClient(self.freebit_settings, self._circuit("freebit")))

    def _circuit(self, system: System) -> SharedCircuit:
        return SharedCircuit(url_as(load(HubSettings), "hub_sync"), system)

    def _kept(self, client: Client) -> Client:
        self._made.append(client)
        return client

    def close(self) -> None:
        for client in self._made:
            client.close()
