"""Clients as WHMCS sends them (source: API reference, GetClients and GetClientsDetails)."""

from typing import Any

from domain.common.raw import Number, Raw
from domain.common.text import Escaped


class RawClient(Raw):
    """A row of GetClients. `datecreated` may be a zero date on old rows."""

    id: Number
    firstname: Escaped = None
    lastname: Escaped = None
    companyname: Escaped = None
    email: Escaped = None
    datecreated: str | None = None
    status: str


class RawClientDetails(Raw):
    """The `client` object of GetClientsDetails; some versions name the id differently."""

    id: str | None = None
    client_id: str | None = None
    userid: str | None = None
    phonenumber: Escaped = None
    address1: Escaped = None
    address2: Escaped = None
    city: Escaped = None
    state: Escaped = None
    postcode: Escaped = None
    countrycode: Escaped = None
    country: Escaped = None
    currency_code: Escaped = None
    language: Escaped = None
    customfields: Any = None
