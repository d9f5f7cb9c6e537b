"""WHMCS clients in our words (source: API reference, GetClients and GetClientsDetails)."""

from collections.abc import Mapping

from domain.common.converters import as_sent, escaped, label
from domain.common.failures import FieldError
from domain.common.field_table import FieldTable, combined
from domain.common.identifiers import hub_ids_of
from domain.common.whmcs import day, hub_id_of, number, numbered_custom_field, other_number
from domain.customer.contract import BillingClient, BillingClientDetails, ClientStatus

MAPPER_VERSION = "2"

STATUSES: Mapping[str, ClientStatus] = {"Active": "active", "Inactive": "inactive", "Closed": "closed"}


CLIENT = FieldTable(
    BillingClient,
    "whmcs",
    id=hub_id_of("account", "id"),
    source_id=number("id"),
    name=combined(
        lambda company, first, last: company or " ".join(filter(None, (first, last))) or None,
        escaped("companyname"),
        escaped("firstname"),
        escaped("lastname"),
    ),
    first_name=escaped("firstname"),
    last_name=escaped("lastname"),
    company_name=escaped("companyname"),
    email=escaped("email"),
    status=label("status", STATUSES, required=True),
    source_status=as_sent("status", required=True),
    registered_on=day("datecreated"),
)
"""A row of GetClients. `datecreated` may be a zero date on old rows."""


def identity(row: Mapping[str, object]) -> object:
    """Some versions name the id differently."""
    return row.get("id") or row.get("client_id") or row.get("userid")


def _account(*names: str | None) -> str:
    identity = next(filter(None, names), None)
    if identity is None:
        raise FieldError("missing")
    return hub_ids_of("whmcs", "account")(identity)


CLIENT_DETAILS = FieldTable(
    BillingClientDetails,
    "whmcs",
    named_by=identity,
    id=combined(_account, other_number("id"), other_number("client_id"), other_number("userid")),
    partner_key=numbered_custom_field("customer_number_field_id"),
    phone=escaped("phonenumber"),
    address1=escaped("address1"),
    address2=escaped("address2"),
    city=escaped("city"),
    state=escaped("state"),
    postcode=escaped("postcode"),
    country=combined(
        lambda code, country: (code or country or "").upper() or None, escaped("countrycode"), escaped("country")
    ),
    currency=escaped("currency_code"),
    language=escaped("language"),
)
"""The `client` object of GetClientsDetails."""
