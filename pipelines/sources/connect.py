"""The one way to a source: a client of it, as the environment says."""

from typing import Any

from core.settings import FreebitSettings, HubSettings, SalesforceSettings, WhmcsSettings, load, url_as
from domain.common.identifiers import System
from pipelines.sources.circuit import SharedCircuit
from pipelines.sources.freebit.client import FreebitClient
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sources.whmcs.client import WhmcsClient
from pipelines.sync.dataset import Source


def source_of(system: System, **changed: object) -> Source[Any, Any]:
    """A client of that system; whoever asks for it closes it. `changed`: settings in place of the environment's.

    Raises:
        SettingsError: the environment lacks something; it says what.
    """
    circuit = SharedCircuit(url_as(load(HubSettings), "hub_sync"), system)
    if system == "salesforce":
        salesforce = load(SalesforceSettings).model_copy(update=changed)
        return Source(SalesforceClient(salesforce, circuit), salesforce)
    if system == "whmcs":
        whmcs = load(WhmcsSettings).model_copy(update=changed)
        return Source(WhmcsClient(whmcs, circuit), whmcs)
    freebit = load(FreebitSettings).model_copy(update=changed)
    return Source(FreebitClient(freebit, circuit), freebit)
