"""Clients as WHMCS sends them (source: API reference, GetClients and GetClientsDetails)."""

from typing import Any

from domain.common.raw import Raw


class RawClient(Raw):
    """A row of GetClients. `datecreated` may be a zero date on old rows."""

    id: str
    firstname: str | None = None
    lastname: str | None = None
    companyname: str | None = None
    email: str | None = None
    datecreated: str | None = None
    status: str


class RawClientDetails(Raw):
    """The `client` object of GetClientsDetails; some versions name the id differently."""

    id: str | None = None
    client_id: str | None = None
    userid: str | None = None
    phonenumber: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    state: str | None = None
    postcode: str | None = None
    countrycode: str | None = None
    country: str | None = None
    currency_code: str | None = None
    language: str | None = None
    customfields: Any = None
