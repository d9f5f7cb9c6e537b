"""Services as WHMCS sends them (source: API reference, GetClientsProducts)."""

from typing import Any

from domain.common.raw import Raw


class RawService(Raw):
    """A row of GetClientsProducts. Its `password` is never read."""

    id: str
    clientid: str
    orderid: str | None = None
    pid: str | None = None
    name: str | None = None
    groupname: str | None = None
    domain: str | None = None
    regdate: str | None = None
    nextduedate: str | None = None
    firstpaymentamount: str | None = None
    recurringamount: str
    paymentmethod: str | None = None
    billingcycle: str
    status: str
    customfields: Any = None
