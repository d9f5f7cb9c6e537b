"""The three systems as commands call them: a client of each, made when first needed and kept warm."""

from functools import cached_property
from typing import TypeVar

from core.settings import FreebitSettings, SalesforceSettings, WhmcsSettings, load
from domain.common.identifiers import System
from pipelines.sources.connect import source_of
from pipelines.sources.freebit.client import FreebitClient
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.whmcs.client import WhmcsClient

Client = TypeVar("Client", SalesforceClient, WhmcsClient, FreebitClient)


class Clients:
    """One process's clients. Reading stops before the quota is used up; commands may use what is left.

    for_customers: these clients do customers' commands only, which leave a reserve to provisioning and operators.

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
        client: SalesforceClient = source_of("salesforce", quota_stop_percent=100 - reserve).client
        return self._kept(client)

    @cached_property
    def whmcs(self) -> WhmcsClient:
        client: WhmcsClient = source_of("whmcs").client
        return self._kept(client)

    @cached_property
    def freebit(self) -> FreebitClient:
        client: FreebitClient = source_of("freebit").client
        return self._kept(client)

    def reserve_percent(self, system: System) -> int | None:
        """The share of a day's calls that customers' new commands leave; None: the system counts none by the day."""
        return self.salesforce_settings.quota_reserve_percent if system == "salesforce" else None

    def _kept(self, client: Client) -> Client:
        self._made.append(client)
        return client

    def close(self) -> None:
        for client in self._made:
            client.close()
