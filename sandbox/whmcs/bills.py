"""What an invoice adds up to, and how a new one comes to be."""

from collections.abc import Iterable
from decimal import Decimal

from sandbox.whmcs.install import Install
from sandbox.whmcs.invoices import Invoices
from sandbox.whmcs.listing import Row
from sandbox.whmcs.rendering import ZERO_TIME, money

TAX_RATE = "10.000"
_CENT = Decimal("0.01")


def item(item_id: int, description: str, amount: Decimal, *, taxed: bool, kind: str = "", relid: int = 0) -> Row:
    """A line of an invoice; `kind`: "" for one that somebody typed in."""
    return {
        "id": item_id,
        "type": kind,
        "relid": relid,
        "description": description,
        "amount": money(amount),
        "taxed": int(taxed),
    }


def totals(items: Iterable[Row], rates: tuple[str, str], credit: Decimal) -> Row:
    """subtotal, tax, tax2, credit and total; credit is out of the total already."""
    items = list(items)
    subtotal = sum((Decimal(str(one["amount"])) for one in items), Decimal(0))
    taxable = sum((Decimal(str(one["amount"])) for one in items if one["taxed"]), Decimal(0))
    first, second = ((taxable * Decimal(rate) / 100).quantize(_CENT) for rate in rates)
    amounts = {"subtotal": subtotal, "tax": first, "tax2": second, "credit": credit}
    written: Row = {name: money(Decimal(value)) for name, value in amounts.items()}
    return {**written, "total": money(subtotal + first + second - credit)}


class Bills:
    """Writes new invoices."""

    def __init__(self, install: Install, invoices: Invoices) -> None:
        self.install = install
        self._invoices = invoices

    def item_id(self) -> int:
        return self.install.new_id("item", self._invoices.first_free_item_id)

    def create(self, client_id: int, items: list[Row], marker: str | None, **fields: object) -> int:
        """The id of the new invoice: unpaid, of today, unless `fields` say otherwise."""
        invoice_id = self.install.new_id("invoice", self._invoices.first_free_id)
        today, now = self.install.now().date().isoformat(), self.install.stamp()
        row: Row = {
            "userid": client_id,
            "invoicenum": "",
            "date": today,
            "duedate": today,
            "datepaid": ZERO_TIME,
            "status": "Unpaid",
            "paymentmethod": "stripe",
            "taxrate": TAX_RATE,
            "taxrate2": "0.000",
            "notes": "",
            "created_at": now,
            "items": items,
            "transactions": [],
        } | fields
        row |= totals(items, (str(row["taxrate"]), str(row["taxrate2"])), Decimal(0))
        self.install.put("invoice", invoice_id, **row)
        self.install.note("invoice", invoice_id, marker, clientid=client_id, total=row["total"])
        return invoice_id
