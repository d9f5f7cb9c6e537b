"""An org with several currencies has CurrencyIsoCode on whatever has amounts; others refuse a query that names it."""

from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from core.settings import SalesforceSettings
from pipelines.datasets import datasets_of
from pipelines.sources.salesforce.client import SalesforceClient
from pipelines.sync.dataset import ReadRequest, Selection, Source

ORDER = "801D000000IRFmaIAH"


def queries(source: Any) -> dict[str, str]:
    """What was requested, by object."""
    requested = [parse_qs(urlparse(each.path).query).get("q", [""])[0] for each in source.requests]
    return {soql.rpartition(" FROM ")[2].split()[0]: soql for soql in requested if " FROM " in soql}


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("way", ["read", "read_some"])
def test_a_currency_is_requested_where_there_are_several(source: Any, json_reply: Any, several: bool, way: str) -> None:
    def script(request: Any) -> Any:
        if request.path == "/services/oauth2/token":
            return json_reply({"access_token": "s1", "instance_url": "https://acme.my.salesforce.com"})
        body = {"totalSize": 0, "done": True, "records": []}
        return json_reply(body, Date="Fri, 02 Jan 2026 12:00:00 GMT")

    source.script = script
    settings = SalesforceSettings(
        _env_file=None, domain="acme.my", client_id="us", client_secret="s", base_url=source.url,
        vocabulary={"multi_currency": several},
    )  # fmt: skip
    only = Selection(records=frozenset({ORDER})) if way == "read_some" else Selection()
    with SalesforceClient(settings) as client:
        for dataset in datasets_of("salesforce"):
            request = ReadRequest(Source(client, settings), {}, full=False, only=only)
            list(getattr(dataset, way)(request))

    found = queries(source)
    assert {name for name, soql in found.items() if "CurrencyIsoCode" in soql} == (
        {"PricebookEntry", "Order", "OrderItem"} if several else set()
    )
    assert len(found) == len(datasets_of("salesforce"))
