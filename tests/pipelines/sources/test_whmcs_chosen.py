"""Single records of WHMCS: which are found, which are gone, and whose rows are nobody's business."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import CredentialsError, RejectedError, SourceError, UnavailableError
from core.settings import WhmcsSettings
from pipelines.sources.whmcs.client import WhmcsClient
from pipelines.sources.whmcs.extract import InvoicesOf, chosen_clients, chosen_invoices, chosen_services
from pipelines.sync.dataset import Page, ReadRequest, Selection, Source
from tests.pipelines.sources.conftest import Reply, Request, as_json

CLIENT, OTHER = "3", "4"


@pytest.fixture
def client(source: Any) -> Iterator[WhmcsClient]:
    settings = WhmcsSettings(
        _env_file=None, url=source.url, identifier="us", secret="s", calls_per_second=10_000, retry_attempts=1
    )
    with WhmcsClient(settings) as client:
        yield client


def request(client: WhmcsClient, *records: str, owners: tuple[str, ...] = (), known: Any = None) -> ReadRequest:
    only = Selection(records=frozenset(records), owners=frozenset(owners))
    source = Source(client, SimpleNamespace(concurrency=1))
    return ReadRequest(source, {}, full=False, only=only, known_owners=known or {})


def ids(pages: list[Page]) -> tuple[list[str], list[str]]:
    """Those that were found, and those that are gone."""
    return [str(row["id"]) for page in pages for row in page.rows], [each for page in pages for each in page.gone]


def refused(message: str, status: int = 200) -> Reply:
    return as_json({"result": "error", "message": message}, status)


def listed(collection: str, *rows: dict[str, Any], total: int | None = None) -> Reply:
    plural, _, singular = collection.partition(".")
    counted = len(rows) if total is None else total
    return as_json({"result": "success", "totalresults": counted, plural: {singular: list(rows)} if rows else ""})


NO_WORD_OF_IT = [
    (refused("Access Denied", 403), CredentialsError),
    (refused("Invalid Permissions: API action is not allowed", 403), CredentialsError),
    (refused("You did not supply any items"), RejectedError),
    (refused("Error generating JSON encoded response: Malformed UTF-8 characters"), RejectedError),
    (Reply("<html>not found</html>", 404), UnavailableError),
    (refused("Invoice ID Not Found", 500), UnavailableError),
    (Reply(""), UnavailableError),
]


@pytest.mark.parametrize(("answer", "kind"), NO_WORD_OF_IT)
@pytest.mark.parametrize("chosen", [chosen_invoices, chosen_clients], ids=["invoice", "client"])
def test_only_not_found_in_its_own_words_means_that_a_record_is_gone(
    source: Any, client: WhmcsClient, chosen: Any, answer: Reply, kind: type[SourceError]
) -> None:
    source.script = lambda _: answer

    with pytest.raises(kind):
        list(chosen(request(client, "7")))


@pytest.mark.parametrize(
    ("chosen", "message"), [(chosen_invoices, "Invoice ID Not Found"), (chosen_clients, "Client Not Found")]
)
def test_what_is_not_found_is_gone(source: Any, client: WhmcsClient, chosen: Any, message: str) -> None:
    source.script = lambda _: refused(message)

    assert ids(list(chosen(request(client, "7")))) == ([], ["7"])


def test_a_service_that_the_list_does_not_hold_is_gone(source: Any, client: WhmcsClient) -> None:
    source.script = lambda _: listed("products.product")

    assert ids(list(chosen_services(request(client, "7")))) == ([], ["7"])


def test_of_a_list_whose_filter_is_ignored_no_row_is_anothers_and_nothing_is_gone(
    source: Any, client: WhmcsClient
) -> None:
    """WHMCS ignores a filter that it does not know, and answers with everybody's rows (reference)."""
    rows = [{"id": 1, "clientid": OTHER}, {"id": 7, "clientid": CLIENT}, {"id": 8, "clientid": OTHER}]
    source.script = lambda request: listed("products.product", *rows[: int(request.form["limitnum"])], total=3)

    assert ids(list(chosen_services(request(client, "7")))) == ([], [])
    assert ids(list(chosen_services(request(client, owners=(CLIENT,))))) == (["7"], [])


class Invoices:
    """A WHMCS with invoices of one client; `moved`: an invoice that is another's by now."""

    def __init__(self, numbers: list[int], moved: int = 0) -> None:
        self.numbers = numbers
        self.moved = moved
        self.lists = 0

    def __call__(self, request: Request) -> Reply:
        form = request.form
        if form["action"] == "GetInvoice":
            number = int(form["invoiceid"])
            if number == self.moved:
                return as_json({"result": "success", "userid": OTHER})
            known = number in self.numbers
            return as_json({"result": "success", "userid": CLIENT}) if known else refused("Invoice ID Not Found")
        self.lists += 1
        of = [self.moved] if form.get("userid") == OTHER else self.numbers
        ordered = sorted(of, reverse=form.get("order") == "desc")
        start, size = int(form["limitstart"]), int(form["limitnum"])
        rows = [{"id": each, "userid": form.get("userid")} for each in ordered[start : start + size]]
        return listed("invoices.invoice", *rows, total=len(of))


@pytest.mark.parametrize("wanted", [1, 2, 49, 50, 51, 500, 949, 950, 951, 999, 1000])
def test_an_invoice_is_found_wherever_in_its_clients_list_it_is(source: Any, client: WhmcsClient, wanted: int) -> None:
    invoices = Invoices(list(range(1, 1001)))
    source.script = invoices

    found = InvoicesOf(client, CLIENT).among({str(wanted)})

    assert [row["id"] for row in found.rows] == [wanted]
    assert invoices.lists <= 8, "calls grow with the logarithm of the list's length"


def test_many_invoices_of_a_client_are_found_together(source: Any, client: WhmcsClient) -> None:
    source.script = Invoices(list(range(1, 401)))

    found = InvoicesOf(client, CLIENT).among({str(number) for number in range(1, 401, 7)})

    assert sorted(row["id"] for row in found.rows) == list(range(1, 401, 7))


def test_an_invoice_that_is_not_among_its_clients_is_looked_for_once_more_by_itself(
    source: Any, client: WhmcsClient
) -> None:
    """It is gone, or another client's by now: two clients were merged (reference)."""
    source.script = Invoices([1, 2, 3], moved=9)

    pages = list(chosen_invoices(request(client, "2", "5", "9", known={"2": CLIENT, "5": CLIENT, "9": CLIENT})))

    found, gone = ids(pages)
    assert (sorted(found), gone) == (["2", "9"], ["5"])
