"""The vendor's own samples against our readers: `python -m tests.vendor.samples DIR`.

DIR is a checkout of WHMCS's documentation (github.com/WHMCS/developer-docs). Each page of its API reference has a
sample answer and the texts of its errors. Every answer goes through our answer reader; those of actions that the hub
calls go on through list reader and mapper, as far as the hub would take them. Every error text must be a
refusal of the call: taken for a refusal of our log-in it would stop everything. What does not pass is named with its
reason, and makes the exit status 1 unless the reason is known. The samples are the vendor's text and are not kept here;
`test_samples.py` has answers of our own in the same shapes.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import HubError, RejectedError
from domain.billing.providers.whmcs import mapper as billing
from domain.common.vocabulary import WhmcsVocabulary
from domain.customer.providers.whmcs import mapper as customer
from domain.sim.providers.whmcs.mapper import SIM
from domain.subscriptions.providers.whmcs.mapper import SUBSCRIPTION
from pipelines.sources.whmcs.answers import body_of
from pipelines.sources.whmcs.lists import Row, page_from, rows_at

WORDS = WhmcsVocabulary()
Body = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """What a page of the reference says of an action: its sample answer, and the texts of its errors."""

    action: str
    answer: str
    errors: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """Whether a sample or an error text passed, else why not. `what` is `answer` or the error's text."""

    action: str
    what: str
    reason: str | None


def pages_in(checkout: Path) -> Iterator[Page]:
    """Every page of the API reference that has a sample answer, by action."""
    for file in sorted((checkout / "api-reference").glob("*.md")):
        text = file.read_text(encoding="utf-8")
        title = re.search(r'^title = "(\w+)"', text, re.MULTILINE)
        sample = re.search(r"```\w*\n(.*?)```", _section(text, "Example Response JSON"), re.DOTALL)
        if title and sample:
            errors = re.findall(r"^\* (.+)$", _section(text, "Error Responses"), re.MULTILINE)
            yield Page(title[1], sample[1], tuple(error.strip() for error in errors))


def _section(text: str, heading: str) -> str:
    return text.partition(f"### {heading}\n")[2].partition("\n### ")[0]


# -- what the hub reads of an answer ---------------------------------------------------------------------------------


def _listed(collection: str, *mappers: Callable[[Row, WhmcsVocabulary], object]) -> Callable[[Body], None]:
    """A page of a list: as many rows as it says, each of which every mapper takes."""

    def read(body: Body) -> None:
        page = page_from(body, collection, 0)
        if not len(page.rows) == page.next_offset == page.total:
            raise ValueError(f"{len(page.rows)} rows, but {page.total} counted")
        for row in page.rows:
            for mapper in mappers:
                mapper(row, WORDS)

    return read


def _invoices(body: Body) -> None:
    _listed("invoices.invoice", billing.INVOICE.read)(body)
    if billing.INVOICE.read_page(rows_at(body, "invoices.invoice"), WORDS).refused:
        raise ValueError("an invoice was refused as one of a page")


def _invoice(body: Body) -> None:
    # The reader adds the currency of the invoice's row, which GetInvoice does not name.
    details = billing.invoice_details_from_row({**body, "currencycode": "USD"}, WORDS)
    if len(details.items) != len(rows_at(body, "items.item")):
        raise ValueError("an item was passed over")


def _pay_methods(body: Body) -> None:
    found = billing.payment_methods_from_row(body, WORDS)
    if len(found) != len(rows_at(body, "paymethods")):
        raise ValueError("a pay method was passed over")


def _numbers(*names: str) -> Callable[[Body], None]:
    """Ids that a command goes on with: numbers, or several by comma."""

    def read(body: Body) -> None:
        for name in names:
            if not all(part.isdecimal() for part in str(body[name]).split(",")):
                raise ValueError(f"{name}: no number")

    return read


def _texts(*names: str) -> Callable[[Body], None]:
    def read(body: Body) -> None:
        for name in names:
            if not str(body[name]):
                raise ValueError(f"{name}: empty")

    return read


def _success(_: Body) -> None:
    """Nothing but success is read."""


READ: Mapping[str, Callable[[Body], None]] = {
    "GetClients": _listed("clients.client", customer.CLIENT.read),
    "GetClientsDetails": lambda body: _details(body["client"]),
    "GetClientsProducts": _listed("products.product", SUBSCRIPTION.read, SIM.read_if_any),
    "GetInvoices": _invoices,
    "GetInvoice": _invoice,
    "GetPayMethods": _pay_methods,
    "GetOrders": _listed("orders.order", lambda row, _: str(row["status"])),
    "AddOrder": _numbers("orderid", "serviceids"),
    "AcceptOrder": _success,
    "CancelOrder": _success,
    "CreateInvoice": _numbers("invoiceid"),
    "CapturePayment": _success,
    "UpdateInvoice": _success,
    "AddCancelRequest": _success,
    "AddClient": _numbers("clientid"),
    "ValidateLogin": _numbers("userid"),
    "UpdateClient": _success,
    "UpdateClientProduct": _success,
    "CreateSsoToken": _texts("redirect_url"),
}
"""Of every action that the hub calls, what it reads of the answer."""

KNOWN: Mapping[tuple[str, str], str] = {
    ("DeleteQuote", "answer"): "the page's sample is an error without a text",
    ("GetAdminUsers", "answer"): "the page's sample has no `result`",
    ("GetProject", "answer"): "the page's sample has no `result`, and keys as a form would have them",
    ("GetRegistrars", "answer"): "the page's sample is an empty list",
}
"""What the vendor's pages (January 2026) show that cannot pass. The hub calls none of these actions."""


def _details(client: Body) -> None:
    found = customer.CLIENT_DETAILS.read(client, WORDS)
    if found.currency is None:
        raise ValueError("currency_code: missing")


# -- verdicts --------------------------------------------------------------------------------------------------------


def verdicts(page: Page) -> Iterator[Verdict]:
    """One for the answer, one for each error text."""
    yield Verdict(page.action, "answer", _why_not_read(page))
    for text in page.errors:
        yield Verdict(page.action, text, _why_no_refusal(text))


def _why_not_read(page: Page) -> str | None:
    try:
        body = body_of(200, page.answer.encode())
        READ.get(page.action, _success)(body)
    except (HubError, ValueError, KeyError) as error:
        return _not_json(page.answer) or f"{type(error).__name__}: {error}"
    return None


def _not_json(text: str) -> str | None:
    """Why the page prints what no server can send."""
    try:
        json.loads(text)
    except ValueError as error:
        return f"the page's sample is no JSON: {error}"
    return None


def _why_no_refusal(text: str) -> str | None:
    sent = json.dumps({"result": "error", "message": text}).encode()
    try:
        body_of(200, sent)
    except RejectedError:
        return None
    except HubError as error:
        return f"taken for {type(error).__name__}: {error}"
    return "taken for a success"


def table(pages: Sequence[Page], found: Sequence[Verdict]) -> Iterator[str]:
    """A line for each action that the hub calls, and for whatever else did not pass."""
    yield f"{'action':<24}{'answer':<10}{'error texts':<14}reason"
    for page in (page for page in pages if page.action in READ):
        failed = [each for each in found if each.action == page.action and each.reason]
        refused = len(page.errors) - sum(each.what != "answer" for each in failed)
        read = "failed" if len(failed) > len(page.errors) - refused else "passed"
        reasons = "; ".join(f"{each.what}: {each.reason}" for each in failed)
        yield f"{page.action:<24}{read:<10}{f'{refused}/{len(page.errors)}':<14}{reasons}".rstrip()
    others = [each for each in found if each.action not in READ]
    failed = [each for each in others if each.reason]
    yield f"other actions: {len(others) - len(failed)} of {len(others)} answers and error texts pass"
    for each in failed:
        yield f"  {each.action}, {each.what}: {KNOWN.get((each.action, each.what), each.reason)}"


def main(checkout: Path) -> int:
    """Print the table; 0 if everything passed whose reason is not known."""
    pages = list(pages_in(checkout))
    found = [verdict for page in pages for verdict in verdicts(page)]
    missing = sorted(READ.keys() - {page.action for page in pages})
    sys.stdout.writelines(f"{line}\n" for line in table(pages, found))
    sys.stdout.writelines(f"no page: {action}\n" for action in missing)
    unknown = [each for each in found if each.reason and (each.action, each.what) not in KNOWN]
    return 1 if missing or unknown else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "api-reference").is_dir():
        sys.exit("usage: python -m tests.vendor.samples DIR, a checkout of github.com/WHMCS/developer-docs")
    sys.exit(main(Path(sys.argv[1])))
