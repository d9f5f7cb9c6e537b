"""CapturePayment, AddInvoicePayment and AddTransaction: what keeps money from moving twice, and what does not."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import cast

from sandbox.whmcs import cycles
from sandbox.whmcs.clients import Clients
from sandbox.whmcs.install import GATEWAYS, ApiError, Install
from sandbox.whmcs.invoices import Invoices
from sandbox.whmcs.listing import Row
from sandbox.whmcs.params import Params, amount, text, truthy, whole
from sandbox.whmcs.rendering import ZERO_DATE, money
from sandbox.whmcs.services import Services

DECLINED_CARD = "0002"  # last four digits of the card that every gateway's test mode declines
_FEE = Decimal("0.036")


class Payments:
    """The actions that move money."""

    def __init__(self, install: Install, *, clients: Clients, invoices: Invoices, services: Services) -> None:
        self.install = install
        self._clients, self._invoices, self._services = clients, invoices, services

    # -- CapturePayment ----------------------------------------------------------------------------------------------

    def capture_payment(self, params: Params) -> Row:
        invoice_id = whole(params, "invoiceid")
        row = self._invoices.current(invoice_id)
        if row is None or row["status"] != "Unpaid":
            raise ApiError("Invoice Not Found or Not Unpaid")
        self.install.put("invoice", invoice_id, last_capture_attempt=self.install.stamp())
        due = Decimal(str(row["balance"]))
        if not self._is_approved(row):
            self.install.note("decline", invoice_id, self._marker(row), clientid=row["userid"], amount=money(due))
            raise ApiError("Payment Attempt Failed")
        made = self._transaction(
            row, "stripe", amountin=money(due), fees=money((due * _FEE).quantize(Decimal(1))), transid=""
        )
        made["transid"] = f"ch_{invoice_id}_{made['id']}"
        self._record(row, made, "charge", self._marker(row))
        return {"result": "success"}

    def _is_approved(self, row: Row) -> bool:
        """Whether the gateway takes it: it needs a stored card, and one that is not declined."""
        if row["paymentmethod"] != "stripe" or self.install.quirk("capture") == "decline":
            return False
        methods = self._clients.pay_methods(int(str(row["userid"])))
        cards = [method for method in methods if str(method.get("type")).endswith("CreditCard")]
        return bool(cards) and cards[0].get("card_last_four") != DECLINED_CARD

    # -- AddInvoicePayment -------------------------------------------------------------------------------------------

    def add_invoice_payment(self, params: Params) -> Row:
        """Nothing keeps a repeated `transid` from paying twice; what is paid too much becomes the client's credit."""
        row = self._invoices.current(whole(params, "invoiceid"))
        if row is None:
            raise ApiError("Invoice ID Not Found")
        if row["status"] == "Cancelled":
            raise ApiError("It is not possible to add a payment to an invoice that is Cancelled")
        paid = amount(text(params, "amount")) if text(params, "amount") else Decimal(str(row["balance"]))
        gateway = text(params, "gateway") or str(row["paymentmethod"])
        moment = text(params, "date")
        made = self._transaction(
            row,
            gateway,
            amountin=money(paid),
            fees=money(amount(text(params, "fees"))),
            transid=self.install.saved(text(params, "transid")),
        )
        made["date"] = f"{moment} 00:00:00" if len(moment) == len(ZERO_DATE) else moment or made["date"]
        self._record(row, made, "payment", text(params, "transid"))
        return {"result": "success"}

    def _transaction(self, row: Row, gateway: str, **fields: object) -> Row:
        return {
            "id": self.install.new_id("transaction", self._invoices.first_free_transaction_id),
            "userid": row["userid"],
            "currency": 0,
            "gateway": gateway,
            "date": self.install.stamp(),
            "description": f"Invoice Payment ({GATEWAYS.get(gateway, gateway)})",
            "amountin": "0.00",
            "fees": "0.00",
            "amountout": "0.00",
            "rate": "1.00000",
            "transid": "",
            "invoiceid": row["id"],
            "refundid": 0,
        } | fields

    def _record(self, row: Row, made: Row, kind: str, marker: str | None) -> None:
        """Put a transaction on its invoice, which may be paid by it."""
        invoice_id = int(str(row["id"]))
        transactions = [*cast(list[Row], row["transactions"]), made]
        self.install.put("invoice", invoice_id, transactions=transactions)
        amounts = {"amount": made["amountin"], "refund": made["amountout"]}
        self.install.note(kind, made["id"], marker, invoiceid=invoice_id, clientid=row["userid"], **amounts)
        received = Decimal(str(made["amountin"]))
        left = Decimal(str(row["balance"])) - received + Decimal(str(made["amountout"]))
        if received and left <= 0 and row["status"] not in {"Paid", "Refunded"}:
            self._settle(row, invoice_id)
        if received and left < 0:
            self._credit(int(str(row["userid"])), min(-left, received), f"Overpayment of invoice {invoice_id}")

    def _settle(self, row: Row, invoice_id: int) -> None:
        """The invoice is paid, and what it bills is due one period later."""
        self.install.put("invoice", invoice_id, status="Paid", datepaid=self.install.stamp())
        self.install.note("invoice_paid", invoice_id, self._marker(row), clientid=row["userid"])
        for item in cast(list[Row], row["items"]):
            service = self._services.current(int(str(item["relid"]))) if item["type"] == "Hosting" else None
            if service and cycles.is_recurring(str(service["billingcycle"])) and service["nextduedate"] != ZERO_DATE:
                due = date.fromisoformat(str(service["nextduedate"]))
                later = cycles.after(due, str(service["billingcycle"]))
                self.install.put("service", int(str(service["id"])), nextduedate=later.isoformat())

    def _credit(self, client_id: int, value: Decimal, reason: str) -> None:
        client = self._clients.current(client_id)
        if client is not None:
            self.install.put("client", client_id, credit=money(Decimal(str(client["credit"])) + value))
            self.install.note("credit", client_id, reason, amount=money(value))

    def _marker(self, row: Row) -> str | None:
        change = self.install.change("invoice", int(str(row["id"])))
        made = change.fields.get("_marker") if change is not None else None
        return str(made or row["notes"]) or None

    # -- AddTransaction ----------------------------------------------------------------------------------------------

    def add_transaction(self, params: Params) -> Row:
        row, client_id = self._checked(params)
        made = self._transaction(
            row or {"id": 0, "userid": client_id},
            text(params, "paymentmethod"),
            date=self._moment(text(params, "date")),
            description=self.install.saved(text(params, "description")),
            transid=self.install.saved(text(params, "transid")),
            rate=text(params, "rate") or "1.00000",
            **{name: money(amount(text(params, name))) for name in ("amountin", "fees", "amountout")},
        )
        if row is not None:
            self._record(row, made, "transaction", text(params, "transid"))
            return {"result": "success"}
        self.install.put("transaction", int(str(made["id"])), **made)
        amounts = {"amount": made["amountin"], "refund": made["amountout"]}
        self.install.note("transaction", made["id"], text(params, "transid"), clientid=client_id, **amounts)
        if client_id and truthy(params, "credit"):
            self._credit(client_id, amount(str(made["amountin"])), str(made["description"]))
        return {"result": "success"}

    def _checked(self, params: Params) -> tuple[Row | None, int]:
        """(the invoice it is for, None if it is for none; the client, 0 if it is for none)."""
        client_id, invoice_id, currency = (whole(params, name) for name in ("userid", "invoiceid", "currencyid"))
        row = self._invoices.current(invoice_id) if invoice_id else None
        problems = (
            (bool(client_id) and self._clients.current(client_id) is None, "Client ID Not Found"),
            (bool(invoice_id) and row is None, "Invoice ID Not Found"),
            (
                bool(client_id) and row is not None and row["userid"] != client_id,
                "User ID does not own the given Invoice ID",
            ),
            (currency not in {0, 1}, "Currency ID Not Found"),
            (
                not client_id and row is None and not currency,
                "A Currency ID is required for non-customer related transactions",
            ),
            (not text(params, "paymentmethod"), "Payment Method is required"),
        )
        for is_wrong, message in problems:
            if is_wrong:
                raise ApiError(message)
        if not truthy(params, "allowduplicatetransid") and self._is_known(text(params, "transid")):
            raise ApiError("Transaction ID must be Unique")
        return row, client_id or (int(str(row["userid"])) if row else 0)

    def _is_known(self, transid: str) -> bool:
        if not transid:
            return False
        found = json.loads("".join(self._invoices.get_transactions({"transid": transid})))
        return bool(found["transactions"]["transaction"])

    def _moment(self, given: str) -> str:
        """A date in the install's own form, as a row says it; now, when there is none or it is none."""
        form = self.install.quirk("date_format").replace("DD", "%d").replace("MM", "%m").replace("YYYY", "%Y")
        try:
            return f"{datetime.strptime(given, form):%Y-%m-%d} 00:00:00"  # noqa: DTZ007 - a bare date
        except ValueError:
            return self.install.stamp()
