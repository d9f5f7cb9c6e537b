"""CreateInvoice and UpdateInvoice."""

import re
from decimal import Decimal
from typing import cast

from sandbox.whmcs import bills
from sandbox.whmcs.bills import Bills
from sandbox.whmcs.clients import Clients
from sandbox.whmcs.install import GATEWAYS, ApiError, Install
from sandbox.whmcs.invoices import Invoices
from sandbox.whmcs.listing import Row
from sandbox.whmcs.params import Params, amount, listed, text, truthy, whole
from sandbox.whmcs.rendering import ZERO_TIME, money

STATUSES = ("Draft", "Unpaid", "Paid", "Cancelled", "Refunded", "Collections", "Payment Pending")
_ITEM = re.compile(r"item(?:description|amount|taxed)(\d+)")
_DATES = {"Paid": "datepaid", "Cancelled": "date_cancelled", "Refunded": "date_refunded"}
_DRAFT_AND_SEND = "Cannot create and send a draft invoice in a single API request. Please create and send separately."


class InvoiceChanges:
    """The actions that write invoices without moving money."""

    def __init__(self, install: Install, *, clients: Clients, invoices: Invoices, bills: Bills) -> None:
        self.install = install
        self._clients, self._invoices, self._bills = clients, invoices, bills

    # -- CreateInvoice -----------------------------------------------------------------------------------------------

    def create_invoice(self, params: Params) -> Row:
        client = self._clients.current(whole(params, "userid"))
        if client is None:
            raise ApiError("Client ID Not Found")
        draft = truthy(params, "draft")
        if draft and truthy(params, "sendinvoice"):
            raise ApiError(_DRAFT_AND_SEND)
        status = "Draft" if draft else _status(text(params, "status") or "Unpaid")
        given = {name: text(params, name) for name in ("date", "duedate", "taxrate", "taxrate2") if text(params, name)}
        gateway = text(params, "paymentmethod")
        notes = text(params, "notes")
        invoice_id = self._bills.create(
            int(str(client["id"])),
            self._items(params),
            notes,
            status=status,
            paymentmethod=gateway if gateway in GATEWAYS else str(client["defaultgateway"]),
            notes=self.install.saved(notes),
            _marker=notes,
            **given,
        )
        if truthy(params, "autoapplycredit"):
            self._apply_credit(invoice_id, client)
        return {"result": "success", "invoiceid": str(invoice_id), "status": self._invoices.status(invoice_id)}

    def _items(self, params: Params) -> list[Row]:
        """Lines by their numbered parameters: itemdescription1, itemamount1, and so on."""
        numbers = sorted({int(found.group(1)) for name in params if (found := _ITEM.fullmatch(name))})
        return [
            bills.item(
                self._bills.item_id(),
                self.install.saved(text(params, f"itemdescription{n}")),
                amount(text(params, f"itemamount{n}")),
                taxed=truthy(params, f"itemtaxed{n}"),
            )
            for n in numbers
        ]

    def _apply_credit(self, invoice_id: int, client: Row) -> None:
        row = self._invoices.current(invoice_id) or {}
        total, credit = Decimal(str(row["total"])), Decimal(str(client["credit"]))
        used = min(total, credit)
        if used <= 0:
            return
        self.install.put("client", int(str(client["id"])), credit=money(credit - used))
        paid = {"status": "Paid", "datepaid": self.install.stamp()} if used == total else {}
        self.install.put("invoice", invoice_id, credit=money(used), total=money(total - used), **paid)
        self.install.note("credit", invoice_id, str(row["notes"]), clientid=client["id"], amount=money(-used))

    # -- UpdateInvoice -----------------------------------------------------------------------------------------------

    def update_invoice(self, params: Params) -> Row:
        invoice_id = whole(params, "invoiceid")
        row = self._invoices.current(invoice_id)
        if row is None:
            raise ApiError("Invoice ID Not Found")
        status = self._new_status(params, row)
        items = self._edited(params, cast(list[Row], row["items"]))
        if items != row["items"] and row["status"] != "Draft" and self.install.quirk("immutable_invoices") == "on":
            raise ApiError(f"This is an {row['status']} Invoice. You cannot modify an Invoice that is {row['status']}.")
        changed = self._changed(params, row, items)
        if status != row["status"]:
            changed |= {"status": status, "datepaid": ZERO_TIME} if status == "Unpaid" else {"status": status}
            changed |= {_DATES[status]: self.install.stamp()} if status in _DATES else {}
        changed |= {"datepaid": text(params, "datepaid")} if text(params, "datepaid") else {}
        if changed:
            self.install.put("invoice", invoice_id, **changed)
            kind = "invoice_update" if status == row["status"] else f"invoice_{status.lower().replace(' ', '_')}"
            self.install.note(kind, invoice_id, str(row["notes"]), fields=sorted(changed))
        return {"result": "success", "invoiceid": str(invoice_id)}

    @staticmethod
    def _new_status(params: Params, row: Row) -> str:
        publishing = truthy(params, "publish") or truthy(params, "publishandsendemail")
        if publishing and row["status"] != "Draft":
            raise ApiError("Invoice must be in Draft status to be published")
        return "Unpaid" if publishing else _status(text(params, "status") or str(row["status"]))

    def _edited(self, params: Params, items: list[Row]) -> list[Row]:
        """The lines with those of the request changed, added and deleted."""
        described, amounts, taxed = (listed(params, f"item{name}") for name in ("description", "amount", "taxed"))
        if described.keys() != amounts.keys() or not taxed.keys() <= described.keys():
            raise ApiError("Missing Variables: itemdescription, itemamount and itemtaxed must name the same lines")
        gone = set(listed(params, "deletelineids").values())
        kept = [dict(item) for item in items if str(item["id"]) not in gone]
        for item in kept:
            key = str(item["id"])
            if key in described:
                item |= {"description": self.install.saved(described[key]), "amount": money(amount(amounts[key]))}
                item["taxed"] = int(truthy(taxed, key))
        return kept + self._added(params)

    def _added(self, params: Params) -> list[Row]:
        described, amounts, taxed = (listed(params, f"newitem{name}") for name in ("description", "amount", "taxed"))
        if described.keys() != amounts.keys():
            raise ApiError("Missing Variables: newitemdescription and newitemamount must name the same lines")
        return [
            bills.item(
                self._bills.item_id(),
                self.install.saved(described[key]),
                amount(amounts[key]),
                taxed=truthy(taxed, key),
            )
            for key in described
        ]

    def _changed(self, params: Params, row: Row, items: list[Row]) -> Row:
        changed: Row = {n: text(params, n) for n in ("date", "duedate", "taxrate", "taxrate2") if text(params, n)}
        if text(params, "notes"):
            changed["notes"] = self.install.saved(text(params, "notes"))
        if text(params, "paymentmethod") in GATEWAYS:
            changed["paymentmethod"] = text(params, "paymentmethod")
        credit = amount(text(params, "credit")) if text(params, "credit") else Decimal(str(row["credit"]))
        if items != row["items"] or changed.keys() & {"taxrate", "taxrate2"} or text(params, "credit"):
            rates = tuple(str(changed.get(name, row[name])) for name in ("taxrate", "taxrate2"))
            changed |= {"items": items, **bills.totals(items, (rates[0], rates[1]), credit)}
        return changed


def _status(text_of: str) -> str:
    if text_of not in STATUSES:
        raise ApiError(f"Invalid status {text_of}")
    return text_of
