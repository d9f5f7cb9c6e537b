"""The one way to a source: a client of it, as the environment says."""

from typing import Any

from core.settings import FreebitSettings, HubSettings, SalesforceSettings, WhmcsSettings, load, url_as
from domain.common.identifiers import System
from pipelines.sources.circuit import SharedCircuit
from pipelines.sources.freebit.client import FreebitClient
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.whmcs.client import WhmcsClient
from pipelines.sync.dataset import Source


def source_of(system: System, *, quota_stop_percent: int | None = None) -> Source[Any, Any]:
    """A client of that system; whoever asks for it closes it.

    quota_stop_percent: the share of Salesforce's day at which it stops, in place of the setting's.

    Raises:
        SettingsError: the environment lacks something; it says what.
    """
    circuit = SharedCircuit(url_as(load(HubSettings), "hub_sync"), system)
    if system == "salesforce":
        salesforce = load(SalesforceSettings)
        if quota_stop_percent is not None:
            salesforce = salesforce.model_copy(update={"quota_stop_percent": quota_stop_percent})
        return Source(SalesforceClient(salesforce, circuit), salesforce)
    if system == "whmcs":
        whmcs = load(WhmcsSettings)
        return Source(WhmcsClient(whmcs, circuit), whmcs)
    freebit = load(FreebitSettings)
    return Source(FreebitClient(freebit, circuit), freebit)
