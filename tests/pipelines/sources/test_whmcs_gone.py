"""When WHMCS says that there is no such record, and when it only does not say that there is one.

"Client ID Not Found" and "Invoice ID Not Found" are the answers (V: WHMCS API reference, of both calls).
A refusal of any other kind says nothing of the record, and no list without the record does: it is not marked deleted.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import RejectedError, SourceError
from core.settings import WhmcsSettings
from pipelines.sources.whmcs.client import WhmcsClient
from pipelines.sources.whmcs.extract import chosen_clients, chosen_invoices, chosen_services
from pipelines.sync.dataset import Page, Reader, ReadRequest, Selection, Source

READERS: dict[str, tuple[Reader, str]] = {
    "clients": (chosen_clients, "Client ID Not Found"),
    "invoices": (chosen_invoices, "Invoice ID Not Found"),
}


@pytest.fixture
def whmcs(source: Any) -> Iterator[Source]:
    settings = WhmcsSettings(
        _env_file=None, url=source.url, identifier="us", secret="s", calls_per_second=10_000, retry_attempts=1
    )
    with WhmcsClient(settings) as client:
        yield Source(client, settings)


def read(reader: Reader, whmcs: Source, **known_owners: str) -> list[Page]:
    only = Selection(records=frozenset({"7"}))
    return list(reader(ReadRequest(whmcs, position={}, full=False, only=only, known_owners=known_owners)))


def gone(pages: list[Page]) -> list[str]:
    return [each for page in pages for each in page.gone]


@pytest.mark.parametrize(("reader", "words"), READERS.values(), ids=READERS)
def test_a_record_is_gone_when_whmcs_says_that_there_is_none(source, whmcs, json_reply, reader, words):
    source.answers(json_reply({"result": "error", "message": words}))

    assert gone(read(reader, whmcs)) == ["7"]


@pytest.mark.parametrize(
    ("message", "status"),
    [("An error occurred", 200), ("Invalid Permissions: API action is not allowed", 403), ("Try again", 500)],
)
def test_a_record_that_is_refused_for_another_reason_is_not_gone(source, whmcs, json_reply, message, status):
    source.answers(json_reply({"result": "error", "message": message}, status))

    for reader, _ in READERS.values():
        with pytest.raises(SourceError):
            read(reader, whmcs)


def test_a_client_that_the_search_does_not_bring_is_not_gone(source, whmcs, json_reply):
    there = {"result": "success", "client": {"id": 7, "email": "a@example.com"}}
    source.answers(json_reply(there), json_reply({"result": "success", "totalresults": 0, "clients": ""}))

    pages = read(chosen_clients, whmcs)

    assert (gone(pages), [row for page in pages for row in page.rows]) == ([], [])


def test_a_client_without_an_address_is_not_gone(source, whmcs, json_reply):
    source.answers(json_reply({"result": "success", "client": {"id": 7, "email": ""}}))

    assert gone(read(chosen_clients, whmcs)) == []


def test_a_service_is_gone_when_the_list_of_services_with_its_id_is_empty(source, whmcs, json_reply):
    source.answers(json_reply({"result": "success", "totalresults": 0, "products": ""}))

    assert gone(read(chosen_services, whmcs)) == ["7"]


def test_a_service_is_not_gone_because_another_came_where_it_was_requested(source, whmcs, json_reply):
    """WHMCS ignores a filter that it does not know, and answers with everybody's."""
    other = {"result": "success", "totalresults": 1, "numreturned": 1, "products": {"product": [{"id": 8}]}}
    source.answers(json_reply(other))

    pages = read(chosen_services, whmcs)

    assert (gone(pages), [row for page in pages for row in page.rows]) == ([], [])


def test_an_invoice_that_is_not_in_its_clients_list_is_requested_before_it_is_gone(source, whmcs, json_reply):
    def script(request: Any) -> Any:
        if request.form["action"] == "GetInvoice":
            return json_reply({"result": "error", "message": "Something went wrong"})
        return json_reply({"result": "success", "totalresults": 0, "invoices": ""})

    source.script = script

    with pytest.raises(RejectedError):
        read(chosen_invoices, whmcs, **{"7": "3"})
