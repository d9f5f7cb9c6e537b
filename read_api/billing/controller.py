"""Invoices and payment methods."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.params import Parameter, QueryParameter

from core.errors import NotFoundError
from domain.commands.input import Broken
from domain.common.account_roles import BILLING
from read_api.admission import PAY_LINKS, admitted
from read_api.auth.freshness import require_fresh
from read_api.auth.roles import require_role
from read_api.billing.models import InvoiceAnswer, InvoiceList, InvoiceStatus, PayLinkAnswer, PaymentMethodList
from read_api.http.answers import ApiRequest, JsonAnswer, customer_of, database_of, single_at, today_of
from read_api.http.as_of import AsOf
from read_api.http.lists import NEWER, OLDER, DatedListing, Listing
from read_api.http.problems.catalogue import BROKEN_RULES, FORBIDDEN_ROLE, NOT_FOUND, TOO_MANY_REQUESTS
from read_api.http.problems.errors import BrokenRulesError, NotSetUpError
from read_api.http.responses import answers
from read_api.http.services import services_of
from read_api.http.wire import Cursor, Limit
from read_api.on_demand import OnDemand, Prefer
from read_api.store.past import DatedQuestion
from read_api.store.questions import Question

INVOICES = ("whmcs.invoices",)

Sort = Literal["-issueDate", "issueDate", "dueDate", "-dueDate"]
LISTINGS: dict[Sort, DatedListing] = {
    "-issueDate": DatedListing(DatedQuestion("billing/invoices_newest_first", INVOICES), OLDER),
    "issueDate": DatedListing(DatedQuestion("billing/invoices_oldest_first", INVOICES), NEWER),
    "dueDate": DatedListing(DatedQuestion("billing/invoices_due_first", INVOICES), NEWER),
    "-dueDate": DatedListing(DatedQuestion("billing/invoices_due_last", INVOICES), OLDER),
}
INVOICE = DatedQuestion("billing/invoice", ("whmcs.invoices", "whmcs.invoice_details"))
INVOICE_ON_DEMAND = OnDemand(Question("billing/request_items"), Question("billing/read_at"))
Id = Annotated[UUID, Parameter(description="The invoice's id")]
PAYABLE = Question("billing/payable")
PAYMENT_METHODS = Listing(Question("billing/payment_methods", ("whmcs.payment_methods",)))


class BillingController(Controller):
    """Billing."""

    path = "/api"
    tags = ("billing",)

    @get("/invoices", operation_id="listInvoices", responses=answers(InvoiceList))
    async def invoices(  # noqa: PLR0917 # the parameters of a list
        self,
        request: ApiRequest,
        status: Annotated[InvoiceStatus | None, Parameter(description="Only invoices that show this status")] = None,
        from_: Annotated[date | None, QueryParameter(name="from", description="Issued on this day or later")] = None,
        until: Annotated[date | None, QueryParameter(name="to", description="Issued on this day or earlier")] = None,
        as_of: AsOf = None,
        sort: Annotated[Sort, Parameter(description="Order; `-` is descending")] = "-issueDate",
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> JsonAnswer:
        """The customer's invoices."""
        return await LISTINGS[sort].page_at(
            request,
            as_of,
            limit,
            cursor,
            status=status,
            today=today_of(request, as_of),
            issued_from=_iso(from_),
            issued_to=_iso(until),
        )

    @get(
        "/invoices/{invoice_id:str}",
        operation_id="getInvoice",
        responses=answers(InvoiceAnswer, NOT_FOUND, TOO_MANY_REQUESTS),
    )
    async def invoice(
        self,
        request: ApiRequest,
        invoice_id: Id,
        as_of: AsOf = None,
        prefer: Prefer = None,  # noqa: ARG002 - documented
    ) -> JsonAnswer:
        """One invoice with its items and payments; what was never read is read soon, or at once if asked to wait."""
        values = {"id": str(invoice_id), "today": today_of(request, as_of)}
        if as_of is not None:
            return await single_at(request, as_of, INVOICE, **values)
        return await INVOICE_ON_DEMAND.single(request, INVOICE, **values)

    @post(
        "/invoices/{invoice_id:str}/pay-links",
        operation_id="createPayLink",
        status_code=200,
        responses=answers(PayLinkAnswer, FORBIDDEN_ROLE, NOT_FOUND, BROKEN_RULES, TOO_MANY_REQUESTS),
    )
    async def pay_link(self, request: ApiRequest, invoice_id: Id) -> JsonAnswer:
        """A link that signs the customer in at the billing system and shows the invoice: one use, one minute.

        Who is signed in there may also change how they are reached and how they pay: the session must be fresh.
        """
        require_role(request, BILLING)
        await require_fresh(request)
        gateway = services_of(request).gateway
        if gateway is None:
            raise NotSetUpError("pay links are not set up")
        found = await database_of(request).ask(PAYABLE, customer_of(request), {"id": str(invoice_id)})
        if not found.rows:
            raise NotFoundError("there is no such invoice")
        client, invoice, is_payable = found.rows[0]
        if is_payable != b"t":
            raise BrokenRulesError([Broken(field="request", code="NOT_UNPAID", reason="is for unpaid invoices")])
        async with admitted(request, customer_of(request), PAY_LINKS):
            link = await gateway.pay_link((client or b"").decode(), (invoice or b"").decode())
        # A link that signs somebody in is for no cache, not even the customer's own.
        return JsonAnswer(msgspec.json.encode({"data": link}), cache=b"no-store")

    @get("/payment-methods", operation_id="listPaymentMethods", responses=answers(PaymentMethodList))
    async def payment_methods(self, request: ApiRequest, limit: Limit = 25, cursor: Cursor = None) -> JsonAnswer:
        """The customer's stored ways to pay."""
        return await PAYMENT_METHODS.page(request, limit, cursor)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
