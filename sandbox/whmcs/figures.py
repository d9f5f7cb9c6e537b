"""GetStats and the `stats` of GetClientsDetails: counts and formatted amounts of what the lists hold."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from sandbox.whmcs.install import CURRENCY, Install
from sandbox.whmcs.invoices import Invoices
from sandbox.whmcs.listing import Row
from sandbox.whmcs.orders import Orders
from sandbox.whmcs.params import Params, whole
from sandbox.whmcs.rendering import money
from sandbox.whmcs.services import Services
from sandbox.whmcs.tickets import OPEN_STATUSES, Tickets

_MOST_DAYS = 90
# The status of invoices, and how the two keys about it are written. Two are spelt otherwise than the rest.
_INVOICES = {
    "Unpaid": ("numunpaidinvoices", "unpaidinvoicesamount"),
    "Paid": ("numpaidinvoices", "paidinvoicesamount"),
    "Cancelled": ("numcancelledinvoices", "cancelledinvoicesamount"),
    "Refunded": ("numrefundedinvoices", "refundedinvoicesamount"),
    "Collections": ("numcollectionsinvoices", "collectionsinvoicesamount"),
    "Payment Pending": ("numpaymentpendinginvoices", "paymentpendinginvoicesamount"),
    "Draft": ("numDraftInvoices", "draftInvoicesBalance"),
}
_TICKETS = {
    "open": "Open", "answered": "Answered", "customerreply": "Customer-Reply", "closed": "Closed", "onhold": "On Hold",
    "inprogress": "In Progress",
}  # fmt: skip


class Figures:
    """Reads the other actions' lists; nothing is kept."""

    def __init__(
        self, install: Install, *, invoices: Invoices, services: Services, orders: Orders, tickets: Tickets
    ) -> None:
        self.install = install
        self._invoices, self._services, self._orders, self._tickets = invoices, services, orders, tickets

    def of_client(self, client_id: int) -> Row:
        """The `stats` of a client."""
        mine = {"userid": str(client_id), "clientid": str(client_id), "limitnum": "100000"}
        invoices = list(self._invoices.get_invoices(mine).decoded())
        today = self.install.now().date().isoformat()
        unpaid = [row for row in invoices if row["status"] == "Unpaid"]
        overdue = [row for row in unpaid if str(row["duedate"]) < today]
        services = Counter(str(row["status"]) for row in self._services.get_clients_products(mine).decoded())
        tickets = [str(row["status"]) for row in self._tickets.get_tickets(mine).decoded()]
        stats: Row = {
            "numdueinvoices": len(unpaid),
            "dueinvoicesbalance": _sum(unpaid),
            "incredit": False,
            "creditbalance": _formatted(0),
            "grossRevenue": _sum(row for row in invoices if row["status"] == "Paid"),
            "expenses": _formatted(0),
            "income": _sum(row for row in invoices if row["status"] == "Paid"),
            "numoverdueinvoices": len(overdue),
            "overdueinvoicesbalance": _sum(overdue),
        }
        for status, (count, amount) in _INVOICES.items():
            fitting = [row for row in invoices if row["status"] == status]
            stats |= {count: len(fitting), amount: _sum(fitting)}
        for kind in ("hosting", "reseller", "servers"):  # every product here is of the type "other"
            stats |= {f"productsnumactive{kind}": 0, f"productsnum{kind}": 0}
        active, total = services["Active"], services.total()
        stats |= {"productsnumactiveother": active, "productsnumother": total}
        stats |= {"productsnumactive": active, "productsnumtotal": total}
        stats |= dict.fromkeys(("numactivedomains", "numdomains", "numacceptedquotes", "numquotes"), 0)
        stats |= {"numtickets": len(tickets), "numactivetickets": sum(status in OPEN_STATUSES for status in tickets)}
        return {**stats, "numaffiliatesignups": 0, "isAffiliate": False}

    def get_stats(self, params: Params) -> Row:
        """Of today, this month and this year: what was ordered since the stand-in started, the rest being older."""
        days, today = min(_MOST_DAYS, whole(params, "timeline_days")), self.install.now().date()
        income = {f"income_{span}": _formatted(0) for span in ("today", "thismonth", "thisyear", "alltime")}
        answer: Row = {"result": "success", **income}
        answer["orders_pending"] = self._orders.get_orders({"status": "Pending"}).total
        ordered = self._ordered()
        for name, day in (("today", today), ("yesterday", today - timedelta(days=1))):
            statuses = Counter(status for status, at in ordered if at == day)
            counts = {status.lower(): statuses[status] for status in ("Cancelled", "Pending", "Fraud", "Active")}
            answer |= {f"orders_{name}_{status}": count for status, count in counts.items()}
            answer[f"orders_{name}_total"] = statuses.total()
        answer["orders_thismonth_total"] = sum((at.year, at.month) == (today.year, today.month) for _, at in ordered)
        answer["orders_thisyear_total"] = sum(at.year == today.year for _, at in ordered)
        tickets = self._tickets.counts()
        answer["tickets_allactive"] = sum(tickets[status] for status in OPEN_STATUSES)
        answer |= {"tickets_awaitingreply": tickets["Open"] + tickets["Customer-Reply"], "tickets_flaggedtickets": 0}
        answer |= {f"tickets_{key}": tickets[status] for key, status in _TICKETS.items()}
        answer |= {"cancellations_pending": 0, "todoitems_due": 0, "networkissues_open": 0}
        answer |= {"billableitems_uninvoiced": 0, "quotes_valid": 0, "staff_online": 1}
        return {**answer, "timeline_data": self._timeline(ordered, today, days)} if days else answer

    def _ordered(self) -> list[tuple[str, date]]:
        """Status and day of every order that was made here."""
        rows = [self._orders.current(int(key)) for key in self.install.state.overlay.changed("whmcs", "order")]
        return [(str(row["status"]), date.fromisoformat(str(row["date"])[:10])) for row in rows if row]

    @staticmethod
    def _timeline(ordered: list[tuple[str, date]], today: date, days: int) -> Row:
        spans = [today - timedelta(days=back) for back in range(days)]
        made = Counter(at for _, at in ordered)
        accepted = Counter(at for status, at in ordered if status == "Active")
        return {
            "new_orders": {day.isoformat(): made[day] for day in spans},
            "accepted_orders": {day.isoformat(): accepted[day] for day in spans},
            **{name: {day.isoformat(): "0.00" for day in spans} for name in ("income", "expenditure")},
            "new_tickets": {day.isoformat(): 0 for day in spans},
        }


def _formatted(amount: Decimal | int) -> str:
    return f"¥{money(amount)} {CURRENCY}"


def _sum(rows: Iterable[Row]) -> str:
    return _formatted(sum((Decimal(str(row["total"])) for row in rows), Decimal(0)))
