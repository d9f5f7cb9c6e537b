"""Wire models of the dashboard."""

from datetime import date
from typing import Annotated

from msgspec import Meta

from read_api.http.wire import Money, Wire, one_of
from read_api.orders.models import Order


class Dashboard(Wire, frozen=True):
    """What a customer sees first."""

    unpaid_invoices: Annotated[int, Meta(description="Not paid yet, overdue ones included")]
    overdue_invoices: Annotated[int, Meta(description="Not paid and past the due date")]
    amounts_due: Annotated[list[Money], Meta(description="Still to pay, per currency")]
    next_due_date: Annotated[date | None, Meta(description="Earliest due date of what is unpaid")]
    active_subscriptions: int
    open_cases: int
    recent_orders: Annotated[list[Order], Meta(description="The five newest")]


DashboardAnswer = one_of(Dashboard, "DashboardAnswer", "The dashboard.")
