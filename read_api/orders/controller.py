"""Orders."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import JSONBody, Parameter

from domain.commands import kinds
from domain.orders.placing import PlaceOrder, RuleCode
from read_api.commands.accepting import Change, IdempotencyKey
from read_api.http.answers import ApiRequest, JsonAnswer, single_at
from read_api.http.as_of import AsOf
from read_api.http.lists import EARLIER, DatedListing
from read_api.http.problems.catalogue import NOT_FOUND
from read_api.http.responses import answers, change
from read_api.http.wire import Cursor, Limit
from read_api.orders.models import OrderAnswer, OrderList
from read_api.store.past import DatedQuestion
from read_api.store.questions import Question

ORDERS = DatedListing(DatedQuestion("orders/orders", ("salesforce.orders",)), EARLIER)
ORDER = DatedQuestion("orders/order", ("salesforce.orders", "salesforce.order_items"))
PLACE = Change(kinds.PLACE_ORDER, "/api/orders/{id}", Question("orders/facts"))


class OrderController(Controller):
    """Orders."""

    path = "/api/orders"
    tags = ("orders",)

    @get(operation_id="listOrders", responses=answers(OrderList))
    async def orders(
        self, request: ApiRequest, as_of: AsOf = None, limit: Limit = 25, cursor: Cursor = None
    ) -> JsonAnswer:
        """The customer's orders, newest first."""
        return await ORDERS.page_at(request, as_of, limit, cursor)

    @post(operation_id="placeOrder", **change(rules=RuleCode, most_bytes=64 * 1024), opt=PLACE.opt)
    async def place(self, request: ApiRequest, data: JSONBody[PlaceOrder], key: IdempotencyKey) -> JsonAnswer:
        """Place an order; an agent approves it, then it is provisioned. Follow it at `resource`."""
        return await PLACE.accept(request, key, data)

    @get("/{order_id:str}", operation_id="getOrder", responses=answers(OrderAnswer, NOT_FOUND))
    async def order(
        self,
        request: ApiRequest,
        order_id: Annotated[UUID, Parameter(description="The order's id")],
        as_of: AsOf = None,
    ) -> JsonAnswer:
        """One order with its lines."""
        return await single_at(request, as_of, ORDER, id=str(order_id))
