"""Readers of rows: one at a time, by name, and by column, as a page of a list is read."""

from collections.abc import Mapping, Sequence
from typing import Any, get_origin

from domain.billing.providers.whmcs.mapper import INVOICE
from domain.catalog.providers.salesforce.mapper import PRICE, PRODUCT
from domain.common.field_table import FieldTable
from domain.common.record import Contract
from domain.customer.providers.salesforce.mapper import ACCOUNT
from domain.customer.providers.whmcs.mapper import CLIENT, CLIENT_DETAILS
from domain.orders.providers.salesforce.mapper import ORDER, ORDER_ITEM
from domain.sim.contract import SimDetails
from domain.sim.providers.freebit.mapper import DETAILS, Line
from domain.sim.providers.whmcs.mapper import SIM
from domain.subscriptions.providers.whmcs.mapper import SUBSCRIPTION
from domain.support.providers.salesforce.mapper import CASE, COMMENT

invoice_from_row = INVOICE.read
product_from_row = PRODUCT.read
price_from_row = PRICE.read
account_from_row = ACCOUNT.read
client_from_row = CLIENT.read
client_details_from_row = CLIENT_DETAILS.read
order_from_row = ORDER.read
order_item_from_row = ORDER_ITEM.read
subscription_from_row = SUBSCRIPTION.read
sim_from_row = SIM.read_if_any
case_from_row = CASE.read
comment_from_row = COMMENT.read


def details_from_row(line: Line, row: Mapping[str, Any], words: Any) -> SimDetails:
    return DETAILS.read({**row, "line": line._asdict()}, words)


PLAIN = {
    "id": 7,
    "userid": 5,
    "invoicenum": "",
    "date": "2026-01-31",
    "duedate": "0000-00-00",
    "datepaid": "2026-02-01 10:00:00",
    "last_capture_attempt": "0000-00-00 00:00:00",
    "date_refunded": None,
    "date_cancelled": "",
    "subtotal": "1000.00",
    "credit": "0.00",
    "tax": "100.00",
    "tax2": "0.00",
    "total": "1100.00",
    "taxrate": "10.000",
    "taxrate2": "0.000",
    "status": "Paid",
    "paymentmethod": "stripe",
    "created_at": "2026-01-31 09:00:00",
    "updated_at": "2026-02-01 10:00:00",
    "currencycode": "JPY",
}
"""An invoice as most are."""


def by_column(table: FieldTable[Any], rows: Sequence[Mapping[str, Any]], words: Any) -> dict[int, Contract]:
    """What a page says, by the place of the row: its columns' texts as PostgreSQL would read them."""
    read = table.read_page(rows, words)
    return {
        place: table.contract.model_validate(
            {name: _value(table, name, column[at]) for name, column in read.columns.items()}
        )
        for at, place in enumerate(read.places)
    }


def _value(table: FieldTable[Any], name: str, text: str | None) -> object:
    if text is None or get_origin(table.contract.model_fields[name].annotation) is not list:
        return text
    return parsed_array(text)


def parsed_array(text: str) -> list[str]:
    """The elements of `{"a","b"}`, in which quotes and backslashes are escaped."""
    elements: list[str] = []
    current: list[str] | None = None
    characters = iter(text[1:-1])
    for character in characters:
        if character == "\\":
            assert current is not None
            current.append(next(characters))
        elif character == '"':
            if current is None:
                current = []
            else:
                elements.append("".join(current))
                current = None
        elif current is not None:
            current.append(character)
    return elements
