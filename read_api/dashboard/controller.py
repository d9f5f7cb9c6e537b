"""What a customer sees first."""

from litestar import Controller, get

from read_api.dashboard.models import DashboardAnswer
from read_api.http.answers import ApiRequest, JsonAnswer, single, today_of
from read_api.http.responses import answers
from read_api.store.questions import Question

DASHBOARD = Question(
    "dashboard/dashboard", ("whmcs.invoices", "whmcs.services", "salesforce.orders", "salesforce.cases")
)


class DashboardController(Controller):
    """The dashboard."""

    path = "/api/dashboard"
    tags = ("dashboard",)

    @get(operation_id="getDashboard", responses=answers(DashboardAnswer))
    async def dashboard(self, request: ApiRequest) -> JsonAnswer:
        """Counts, amounts due and what is new."""
        return await single(request, DASHBOARD, today=today_of(request))
