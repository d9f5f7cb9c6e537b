"""Subscriptions and what was charged for them."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import JSONBody, Parameter

from core.errors import NotFoundError
from domain.commands import kinds
from domain.subscriptions.cancelling import CancelSubscription, RuleCode
from domain.subscriptions.contract import SubscriptionStatus
from read_api.admission import REFRESHES
from read_api.commands.accepting import Change, IdempotencyKey
from read_api.http.answers import ApiRequest, JsonAnswer, single_at, today_of
from read_api.http.as_of import AsOf
from read_api.http.lists import OLDER, DatedListing, Listing
from read_api.http.problems.catalogue import NOT_FOUND
from read_api.http.responses import answers, change
from read_api.http.wire import Cursor, Limit
from read_api.store.past import DatedQuestion
from read_api.store.questions import Question
from read_api.subscriptions.models import ChargingInvoiceList, SubscriptionAnswer, SubscriptionList

SERVICES = ("whmcs.services",)

SUBSCRIPTIONS = DatedListing(DatedQuestion("subscriptions/subscriptions", SERVICES))
SUBSCRIPTION = DatedQuestion("subscriptions/subscription", SERVICES)
INVOICES = Listing(Question("subscriptions/invoices", ("whmcs.invoices", "whmcs.invoice_details")), OLDER)

Id = Annotated[UUID, Parameter(description="The subscription's id")]

CANCEL = Change(kinds.CANCEL_SUBSCRIPTION, "/api/subscriptions/{id}", Question("subscriptions/change_facts"))


class SubscriptionController(Controller):
    """Subscriptions."""

    path = "/api/subscriptions"
    tags = ("subscriptions",)

    @get(operation_id="listSubscriptions", responses=answers(SubscriptionList))
    async def subscriptions(
        self,
        request: ApiRequest,
        status: Annotated[SubscriptionStatus | None, Parameter(description="Only those in this status")] = None,
        as_of: AsOf = None,
        limit: Limit = 25,
        cursor: Cursor = None,
    ) -> JsonAnswer:
        """The customer's subscriptions."""
        return await SUBSCRIPTIONS.page_at(request, as_of, limit, cursor, status=status)

    @get("/{subscription_id:str}", operation_id="getSubscription", responses=answers(SubscriptionAnswer, NOT_FOUND))
    async def subscription(self, request: ApiRequest, subscription_id: Id, as_of: AsOf = None) -> JsonAnswer:
        """One subscription."""
        return await single_at(request, as_of, SUBSCRIPTION, id=str(subscription_id))

    @get(
        "/{subscription_id:str}/invoices",
        operation_id="listSubscriptionInvoices",
        responses=answers(ChargingInvoiceList, NOT_FOUND),
    )
    async def invoices(
        self, request: ApiRequest, subscription_id: Id, limit: Limit = 25, cursor: Cursor = None
    ) -> JsonAnswer:
        """Invoices that charge the subscription, newest first; `unread` says whether some may be missing yet."""
        values = {"id": str(subscription_id), "today": today_of(request), "limits": REFRESHES.of(request).json()}
        found = await INVOICES.rows(request, limit, cursor, **values)
        if not found.rows:
            raise NotFoundError("there is no such subscription")
        (unread, *_), *rows = found.rows
        return INVOICES.enveloped(rows, found.meta, limit, unread=unread or b"0")

    @post(
        "/{subscription_id:str}/cancellations",
        operation_id="cancelSubscription",
        **change(NOT_FOUND, rules=RuleCode, fresh=CANCEL.kind.fresh),
        opt=CANCEL.opt,
    )
    async def cancel(
        self, request: ApiRequest, subscription_id: Id, data: JSONBody[CancelSubscription], key: IdempotencyKey
    ) -> JsonAnswer:
        """End a subscription, at once or with its billing period. One with a SIM line ends with its line."""
        return await CANCEL.accept(request, key, data, str(subscription_id))
