"""Services as WHMCS sends them (source: API reference, GetClientsProducts)."""

from typing import Any

from domain.common.raw import Raw
from domain.common.text import Escaped


class RawService(Raw):
    """A row of GetClientsProducts. Its `password` is never read."""

    id: str
    clientid: str
    orderid: str | None = None
    pid: Escaped = None
    name: Escaped = None
    groupname: Escaped = None
    domain: Escaped = None
    regdate: str | None = None
    nextduedate: str | None = None
    firstpaymentamount: str | None = None
    recurringamount: str
    paymentmethod: Escaped = None
    billingcycle: str
    status: str
    customfields: Any = None
