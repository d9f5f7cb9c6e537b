"""Services as WHMCS sends them (source: API reference, GetClientsProducts)."""

from typing import Any

from domain.common.numbers import AmountOrNone, AmountSent
from domain.common.raw import Number, Raw
from domain.common.text import Escaped


class RawService(Raw):
    """A row of GetClientsProducts. Its `password` is never read."""

    id: Number
    clientid: Number
    orderid: str | None = None
    pid: Escaped = None
    name: Escaped = None
    groupname: Escaped = None
    domain: Escaped = None
    regdate: str | None = None
    nextduedate: str | None = None
    firstpaymentamount: AmountOrNone = None
    recurringamount: AmountSent
    paymentmethod: Escaped = None
    billingcycle: str
    status: str
    customfields: Any = None
