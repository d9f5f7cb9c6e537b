"""top_up: more data for a line: an invoice, its payment, then the data (portal reference, section 10)."""

from collections.abc import Iterator
from datetime import timedelta

from core.clock import now_in
from core.errors import RejectedError
from domain.commands import kinds
from domain.sim.changing import CURRENCY, TopUp
from pipelines.commands.actions.accounts import client_of
from pipelines.commands.actions.lines import line_affected, number_of
from pipelines.commands.saga import Action, AlertError, Done, RefreshRequest, RefusalError, Result, Step, Work
from pipelines.sources.freebit import assumptions
from pipelines.sources.whmcs.lists import rows_at

DUE_AFTER = timedelta(days=7)
PAYMENT_FAILED = ("PAYMENT_FAILED", "The payment failed, and nothing was charged.")
LOOKED_THROUGH = 50
"""Of a client's newest invoices: far more than can be made while a command waits."""


class MadeInvoice(Result, frozen=True):
    """The invoice's id in WHMCS."""

    invoice: str


def check_currency(work: Work[TopUp]) -> Done | None:
    """An invoice has the client's currency and the price is in yen: 500 yen must not be billed as 500 dollars."""
    body = work.clients.whmcs.call("GetClientsDetails", clientid=client_of(work))
    if body.get("client", body).get("currency_code") != CURRENCY:
        raise RefusalError("NOT_IN_YEN", "Data is sold in yen, and the account is billed in another currency.")
    return None


def create_invoice(work: Work[TopUp]) -> MadeInvoice:
    number, words = number_of(work), work.clients.whmcs_settings.vocabulary
    today = now_in(words.zone).date()
    answer = work.clients.whmcs.change(
        "CreateInvoice",
        userid=client_of(work),
        status="Unpaid",
        sendinvoice=False,
        paymentmethod=words.payment_method,
        date=today.isoformat(),
        duedate=(today + DUE_AFTER).isoformat(),
        notes=work.marker,
        itemdescription0=f"SIM Data Top-up: {work.input.gigabytes}GB for {number}",
        itemamount0=work.input.price,
        itemtaxed0=False,
    )
    return MadeInvoice(str(answer["invoiceid"]))


def find_invoice(work: Work[TopUp]) -> MadeInvoice | None:
    """The invoice whose notes are our marker."""
    body = work.clients.whmcs.call(
        "GetInvoices", userid=client_of(work), orderby="id", order="desc", limitnum=LOOKED_THROUGH
    )
    found = (row for row in rows_at(body, "invoices.invoice") if str(row.get("notes", "")).strip() == work.marker)
    return next((MadeInvoice(str(row["id"])) for row in found), None)


def capture(work: Work[TopUp]) -> Done | None:
    try:
        work.clients.whmcs.change("CapturePayment", invoiceid=work.result(MadeInvoice).invoice)
    except RejectedError as error:
        if error.code != "not_unpaid" or find_payment(work) is None:
            raise
    return None


def find_payment(work: Work[TopUp]) -> Done | None:
    body = work.clients.whmcs.call("GetInvoice", invoiceid=work.result(MadeInvoice).invoice)
    return Done() if body.get("status") == "Paid" else None


def add_quota(work: Work[TopUp]) -> Done | None:
    """The data that was paid for; whoever refuses it now leaves a customer who paid for nothing."""
    try:
        quota = {
            "kind": assumptions.LINE_KIND,
            "account": number_of(work),
            "quota": str(work.input.megabytes),
            "quotaCode": work.marker,
        }
        work.clients.freebit.change(assumptions.ADD_QUOTA, quota)
    except (RejectedError, RefusalError) as error:
        raise AlertError("PAID_WITHOUT_QUOTA", "The data was paid for and could not be added yet.") from error
    return None


def find_quota(work: Work[TopUp]) -> Done | None:
    zone = work.clients.freebit_settings.vocabulary.zone
    today = now_in(zone).date()
    body = work.clients.freebit.quota_history(
        number_of(work), work.command.accepted_at.astimezone(zone).date() - timedelta(days=1), today
    )
    codes = {row.get("quotaCode") for row in body.get("quotaHistory") or []}
    return Done() if work.marker in codes else None


def cancel_invoice(work: Work[TopUp]) -> Done | None:
    invoice = work.result(MadeInvoice).invoice
    work.clients.whmcs.change("UpdateInvoice", invoiceid=invoice, status="Cancelled")
    return None


def affected(work: Work[TopUp]) -> Iterator[RefreshRequest]:
    made = work.result_or_none(MadeInvoice)
    if made is not None:
        yield RefreshRequest("whmcs.invoices", record=made.invoice)
        yield RefreshRequest("whmcs.invoice_details", record=made.invoice)
    yield from line_affected(work)


TOP_UP = Action(
    kind=kinds.TOP_UP,
    steps=(
        Step("check_currency", check_currency, reads=True),
        Step(
            "create_invoice",
            create_invoice,
            brings=MadeInvoice,
            find_existing=find_invoice,
            refused=("INVOICE_REFUSED", "It cannot be billed."),
        ),
        Step("capture", capture, find_existing=find_payment, refused=PAYMENT_FAILED),
        Step("add_quota", add_quota, find_existing=find_quota),
    ),
    failing=(
        Step(
            "cancel_invoice",
            cancel_invoice,
            repeatable=True,
            when=lambda work: work.has("create_invoice") and not work.has("capture"),
        ),
    ),
    affects=affected,
    result=lambda work: {"invoice": work.result(MadeInvoice).invoice, "yen": work.input.price},
)
