"""GetInvoices, GetInvoice, GetTransactions: the bulk of what a hub reads, so rows are rendered ahead."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import cast

from sandbox.state import Change
from sandbox.whmcs.install import CURRENCY, GATEWAYS, ApiError, Install, Owner
from sandbox.whmcs.listing import Base, Descending, Few, Months, Page, Row
from sandbox.whmcs.params import Params, text, whole
from sandbox.whmcs.rendering import as_json, as_texts, day, moment, money, quoted
from sandbox.world.index import PROFILES, MonthIndex
from sandbox.world.profiles import MONTHS, InvoicePlan, PaymentPlan
from sandbox.world.world import FIRST_CLIENT_ID, FIRST_INVOICE_ID, FIRST_SERVICE_ID

_APART = frozenset({"items", "transactions", "balance"})  # what an invoice has that its row in the list does not
# As in the vendor's sample of GetTransactions.
_TRANSACTION_TEXTS = frozenset({"id", "userid", "currency", "invoiceid", "refundid"})
_ITEMS, _PAYMENTS = 16, 4  # most an invoice can have: their ids are the invoice's number times this, and on


class Invoices:
    """The invoice actions of one install."""

    def __init__(self, install: Install) -> None:
        self.install = install
        self.world = install.world
        self._tails: dict[int, str] = {}
        self._part = lru_cache(maxsize=64)(self._indexed)

    # -- GetInvoices -------------------------------------------------------------------------------------------------

    def get_invoices(self, params: Params) -> Page:
        base = self._base(text(params, "userid"), text(params, "status"), text(params, "orderby"))
        if text(params, "order").lower() == "desc":
            base = Descending(base)
        return self.install.page(
            base,
            params,
            kind="invoice",
            names=("invoices", "invoice"),
            first_id=FIRST_INVOICE_ID,
            render=self._rows,
            row_of=self.row,
            fits=self._fits(text(params, "userid"), text(params, "status")),
            owner=self._owner(text(params, "userid")),
        )

    def _owner(self, userid: str) -> Owner | None:
        client = self.world.client_number(whole({"id": userid}, "id"))
        mine = [] if client is None else self.world.invoices(client)
        return Owner("userid", userid, {invoice.number for invoice in mine}) if userid else None

    def _base(self, userid: str, status: str, orderby: str) -> Base:
        today = self.install.now().date()
        if userid:
            client = self.world.client_number(whole({"userid": userid}, "userid"))
            mine = [] if client is None else self.world.invoices(client)
            if orderby == "total":
                mine.sort(key=lambda invoice: invoice.plan.total)
            elif orderby == "status":
                mine.sort(key=lambda invoice: invoice.plan.status)
            return Few([i.number for i in mine if not status or _has_status(i.plan, status, today)])
        by = orderby if orderby in {"total", "status"} else "id"
        whole_index = self.world.invoice_index
        if not status and by == "id":
            return Months(whole_index, whole_index)
        return Months(whole_index, self._part(status, by, today if status == "Overdue" else date.min))

    def _indexed(self, status: str, by: str, today: date) -> MonthIndex:
        """Invoices of a status, in the order of a column, in closed form."""
        cells = [
            (plan, month, profile.slot)
            for month in range(MONTHS)
            for profile in self.world.profiles
            if (plan := profile.invoices.get(month)) and (not status or _has_status(plan, status, today))
        ]
        if by == "total":
            cells.sort(key=lambda cell: cell[0].total)
            return MonthIndex(self.world.customers, [(month, [slot]) for _, month, slot in cells])
        if by == "status":
            cells.sort(key=lambda cell: cell[0].status)
        grouped: dict[tuple[str, int], list[int]] = {}
        for plan, month, slot in cells:
            grouped.setdefault((plan.status if by == "status" else "", month), []).append(slot)
        return MonthIndex(self.world.customers, [(month, slots) for (_, month), slots in grouped.items()])

    def _fits(self, userid: str, status: str) -> Callable[[Row], bool] | None:
        if not userid and not status:
            return None
        today = self.install.now().date().isoformat()

        def fits(row: Row) -> bool:
            if userid and str(row["userid"]) != userid:
                return False
            if status == "Overdue":
                return row["status"] == "Unpaid" and str(row["duedate"]) < today
            return not status or row["status"] == status

        return fits

    def _rows(self, numbers: Iterator[int]) -> Iterator[str]:
        """JSON of invoices, in the order of the numbers."""
        world, tails, entities = self.world, self._tails, self.install.entities
        cell_of, name_of, profiles = world.invoice_index.cell, world.name, world.profiles
        cells = self._cells(numbers)
        for number, (month, customer) in cells or ((n, cell_of(n)) for n in numbers):
            slot = customer % PROFILES
            tail = tails.get(slot * MONTHS + month) or self._tail(slot, month)
            (last, _), (first, _) = name_of(customer)
            company = quoted(world.company(customer), entities=entities) if profiles[slot].is_company else '""'
            yield (
                f'{{"id":{FIRST_INVOICE_ID + number},"userid":{FIRST_CLIENT_ID + customer},'
                f'"firstname":{quoted(first, entities=entities)},"lastname":{quoted(last, entities=entities)},'
                f'"companyname":{company},{tail}'
            )

    def _cells(self, numbers: Iterator[int]) -> Iterator[tuple[int, tuple[int, int]]]:
        """(number, its cell) for each; consecutive numbers are walked rather than looked up."""
        chunk = list(numbers)
        if chunk and chunk[-1] - chunk[0] == len(chunk) - 1 and chunk[0] <= chunk[-1]:
            return zip(chunk, self.world.invoice_index.cells(chunk[0], chunk[-1] + 1), strict=True)
        return ((number, self.world.invoice_index.cell(number)) for number in chunk)

    def _tail(self, slot: int, month: int) -> str:
        """Everything of a row that does not say whose it is, as JSON after the names."""
        plan = self.world.profiles[slot].invoices[month]
        fields = self._fields(plan, slot, is_broken=self.world.is_malformed_invoice(slot, month))
        tail = as_json(fields)[1:]
        self._tails[slot * MONTHS + month] = tail
        return tail

    @staticmethod
    def _fields(plan: InvoicePlan, slot: int, *, is_broken: bool) -> Row:
        created = moment(plan.issued_on, slot)
        closed = max(filter(None, (plan.issued_on, plan.paid_on, plan.refunded_on, plan.cancelled_on)))
        return {
            "invoicenum": "",
            "date": "not-a-date" if is_broken else day(plan.issued_on),
            "duedate": day(plan.due_on),
            "datepaid": moment(plan.paid_on, slot + 60),
            "last_capture_attempt": moment(plan.captured_on, slot + 30),
            "date_refunded": moment(plan.refunded_on, slot),
            "date_cancelled": moment(plan.cancelled_on, slot),
            "subtotal": money(plan.subtotal),
            "credit": money(plan.credit),
            "tax": money(plan.tax),
            "tax2": "0.00",
            "total": money(plan.total),
            "taxrate": "10.000",
            "taxrate2": "0.000",
            "status": plan.status,
            "paymentmethod": plan.gateway,
            "paymethodid": None,
            "notes": "",
            "created_at": created,
            "updated_at": max(created, moment(closed, slot + 60)),
            "currencycode": CURRENCY,
            "currencyprefix": "¥",
            "currencysuffix": "",
        }

    @property
    def first_free_id(self) -> int:
        return FIRST_INVOICE_ID + self.world.invoice_index.total

    @property
    def first_free_item_id(self) -> int:
        return self.world.invoice_index.total * _ITEMS + 1

    @property
    def first_free_transaction_id(self) -> int:
        return self.world.invoice_index.total * _PAYMENTS + 1

    def row(self, invoice_id: int, change: Change) -> Row:
        """A changed or created invoice as GetInvoices shows it."""
        return {**self._plain_row(invoice_id, change), "updated_at": self.install.local(change.changed_at)} | {
            name: value for name, value in change.fields.items() if name not in _APART and not name.startswith("_")
        }

    def current(self, invoice_id: int) -> Row | None:
        """The invoice as it is now with its `items`, `transactions` and `balance`, None if there is none."""
        change, number = self.install.change("invoice", invoice_id), invoice_id - FIRST_INVOICE_ID
        known = 0 <= number < self.world.invoice_index.total
        if (not known and change is None) or (change is not None and change.deleted):
            return None
        row = self.row(invoice_id, change) if change else self._plain_row(invoice_id, None)
        extra = change.fields if change else {}
        items = extra.get("items", self._items(number) if known else [])
        transactions = extra.get("transactions", self.transactions(number) if known else [])
        balance = extra.get("balance", _balance(row, cast(list[Row], transactions)))
        return row | {"items": items, "transactions": transactions, "balance": balance}

    def status(self, invoice_id: int) -> str | None:
        """The status alone: what lists of orders show of an invoice."""
        change, number = self.install.change("invoice", invoice_id), invoice_id - FIRST_INVOICE_ID
        if change is not None and (change.deleted or "status" in change.fields):
            return None if change.deleted else str(change.fields["status"])
        return self.world.invoice(number).plan.status if 0 <= number < self.world.invoice_index.total else None

    def _plain_row(self, invoice_id: int, change: Change | None) -> Row:
        number = invoice_id - FIRST_INVOICE_ID
        if 0 <= number < self.world.invoice_index.total:
            invoice = self.world.invoice(number)
            slot, customer = invoice.customer % PROFILES, invoice.customer
            broken = invoice.date_text == "not-a-date"
            fields = self._fields(invoice.plan, slot, is_broken=broken)
        else:
            fields = self._new_fields()
            owner = int(str(change.fields.get("userid", 0))) if change else 0
            customer = owner - FIRST_CLIENT_ID
        (last, _), (first, _) = self.world.name(customer)
        return {
            "id": invoice_id,
            "userid": FIRST_CLIENT_ID + customer,
            "firstname": self.install.saved(first),
            "lastname": self.install.saved(last),
            "companyname": self.install.saved(self.world.company(customer)),
            **fields,
        }

    def _new_fields(self) -> Row:
        """A created invoice before its creator's fields: unpaid, nothing on it, due in two weeks."""
        today = self.install.now()
        plan = InvoicePlan(0, "Unpaid", today.date(), today.date(), *(None,) * 4, 0, 0, 0, 0, "stripe", (), ())
        now = self.install.local(self.install.state.clock.now())
        return {**self._fields(plan, 0, is_broken=False), "created_at": now, "updated_at": now}

    # -- GetInvoice --------------------------------------------------------------------------------------------------

    def get_invoice(self, params: Params) -> Row:
        invoice_id = whole(params, "invoiceid")
        row = self.current(invoice_id)
        if row is None:
            raise ApiError("Invoice ID Not Found")
        transactions = [as_texts(one, _TRANSACTION_TEXTS) for one in cast(list[Row], row["transactions"])]
        return {
            "result": "success",
            "invoiceid": invoice_id,
            "invoicenum": row["invoicenum"],
            "userid": row["userid"],
            "date": row["date"],
            "duedate": row["duedate"],
            "datepaid": row["datepaid"],
            "lastcaptureattempt": row["last_capture_attempt"],
            **{name: row[name] for name in ("subtotal", "credit", "tax", "tax2", "total")},
            "balance": row["balance"],
            **{name: row[name] for name in ("taxrate", "taxrate2", "status", "paymentmethod", "notes")},
            "ccgateway": row["paymentmethod"] == "stripe",
            "items": {"item": row["items"]} if row["items"] else "",
            "transactions": {"transaction": transactions} if transactions else "",
        }

    def _items(self, number: int) -> list[Row]:
        invoice = self.world.invoice(number)
        first = self.world.service_index.first(invoice.customer)
        return [
            {
                "id": number * _ITEMS + at + 1,
                "type": line.type,
                "relid": 0 if line.service is None else FIRST_SERVICE_ID + first + line.service,
                "description": line.description if self.install.entities else line.description.replace("&amp;", "&"),
                "amount": money(line.amount),
                "taxed": int(line.taxed),
            }
            for at, line in enumerate(invoice.plan.lines)
        ]

    # -- GetTransactions ---------------------------------------------------------------------------------------------

    def transactions(self, number: int) -> list[Row]:
        """The transactions of the world's invoice `number`."""
        invoice = self.world.invoice(number)
        slot = invoice.customer % PROFILES
        return [
            self._transaction(number, at, slot, invoice.client_id, payment)
            for at, payment in enumerate(invoice.plan.payments)
        ]

    @staticmethod
    def _transaction(number: int, at: int, slot: int, client_id: int, payment: PaymentPlan) -> Row:
        invoice_id = FIRST_INVOICE_ID + number
        return {
            "id": number * _PAYMENTS + at + 1,
            "userid": client_id,
            "currency": 0,
            "gateway": payment.gateway,
            "date": moment(payment.paid_on, slot + 60),
            "description": f"{'Refund' if payment.amount_out else 'Invoice Payment'} ({GATEWAYS[payment.gateway]})",
            "amountin": money(payment.amount_in),
            "fees": money(payment.fees),
            "amountout": money(payment.amount_out),
            "rate": "1.00000",
            "transid": f"txn_{invoice_id}_{at}",
            "invoiceid": invoice_id,
            "refundid": 0 if payment.refund_of is None else number * _PAYMENTS + payment.refund_of + 1,
        }

    def get_transactions(self, params: Params) -> Iterator[str]:
        """JSON in chunks: there is no paging, so without a filter this is every transaction."""
        transid = text(params, "transid")
        yield '{"result":"success","transactions":{"transaction":['
        count = 0
        for rows in chain(map(self._current, self._asked(params)), [self._unbilled(params)]):
            fitting = [row for row in rows if not transid or row["transid"] == transid]
            if fitting:
                yield ("," if count else "") + ",".join(as_json(as_texts(row, _TRANSACTION_TEXTS)) for row in fitting)
                count += len(fitting)
        yield f']}},"totalresults":{count},"startnumber":0,"numreturned":{count}}}'

    def _asked(self, params: Params) -> Iterator[int]:
        """Numbers of the invoices, the overlay's own included, whose transactions may fit."""
        index = self.world.invoice_index
        transid, invoice_id = text(params, "transid"), whole(params, "invoiceid")
        if invoice_id:
            return iter([invoice_id - FIRST_INVOICE_ID])
        changed = {int(key) - FIRST_INVOICE_ID: c for key, c in self._changes().items()}
        if transid:  # the world's name their invoice, so the others can only be on changed ones
            named = whole({"id": transid.split("_")[1]}, "id") if transid.startswith("txn_") else 0
            return iter({**dict.fromkeys([named - FIRST_INVOICE_ID]), **changed})
        created = [n for n in changed if n >= index.total]
        if text(params, "clientid"):
            client = self.world.client_number(whole(params, "clientid"))
            mine = [] if client is None else [invoice.number for invoice in self.world.invoices(client)]
            asked = str(whole(params, "clientid"))
            return iter(mine + [n for n in created if str(changed[n].fields.get("userid")) == asked])
        return chain(range(index.total), created)

    def _changes(self) -> Mapping[str, Change]:
        return self.install.state.overlay.changed("whmcs", "invoice")

    def _unbilled(self, params: Params) -> list[Row]:
        """Transactions of no invoice that fit the invoice and the client asked for."""
        client_id, invoice_id = whole(params, "clientid"), whole(params, "invoiceid")
        kept = self.install.state.overlay.changed("whmcs", "transaction").values()
        fitting = [c.fields for c in kept if not c.deleted and client_id in {0, c.fields.get("userid")}]
        return [] if invoice_id else fitting

    def _current(self, number: int) -> list[Row]:
        change = self.install.change("invoice", FIRST_INVOICE_ID + number)
        if change and change.deleted:
            return []
        if change and "transactions" in change.fields:
            return list(change.fields["transactions"])  # type: ignore[call-overload, no-any-return]
        return self.transactions(number) if 0 <= number < self.world.invoice_index.total else []


def _has_status(plan: InvoicePlan, status: str, today: date) -> bool:
    if status == "Overdue":
        return plan.status == "Unpaid" and plan.due_on < today
    return plan.status == status


def _balance(row: Row, transactions: list[Row]) -> str:
    paid = sum(Decimal(str(one["amountin"])) - Decimal(str(one["amountout"])) for one in transactions)
    return money(Decimal(str(row["total"])) - paid)
