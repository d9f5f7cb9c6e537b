"""WHMCS clients in our words."""

from collections.abc import Mapping

from pydantic import ValidationError

from domain.common.custom_fields import field_numbered
from domain.common.failures import FieldError, broken
from domain.common.identifiers import account_id
from domain.common.times import day_or_none
from domain.common.vocabulary import WhmcsVocabulary
from domain.customer.contract import BillingClient, BillingClientDetails, ClientStatus
from domain.customer.providers.whmcs.raw import RawClient, RawClientDetails

MAPPER_VERSION = "2"

STATUSES: Mapping[str, ClientStatus] = {"Active": "active", "Inactive": "inactive", "Closed": "closed"}


def client_from_row(
    row: Mapping[str, object],
    vocabulary: WhmcsVocabulary,  # noqa: ARG001 - every mapper is called alike
) -> BillingClient:
    """The client that a row of GetClients describes.

    Raises:
        MappingError: the id, the status or the day of registration is missing or malformed.
    """
    try:
        raw = RawClient.model_validate(row)
        first, last, company = raw.firstname, raw.lastname, raw.companyname
        return BillingClient(
            id=account_id("whmcs", raw.id),
            source="whmcs",
            source_id=raw.id,
            name=company or " ".join(filter(None, (first, last))) or None,
            first_name=first,
            last_name=last,
            company_name=company,
            email=raw.email,
            status=STATUSES.get(raw.status, "other"),
            source_status=raw.status,
            registered_on=day_or_none(raw.datecreated, "datecreated"),
        )
    except (ValidationError, ValueError) as error:
        raise broken("whmcs", row.get("id"), error) from error


def client_details_from_row(row: Mapping[str, object], vocabulary: WhmcsVocabulary) -> BillingClientDetails:
    """What the `client` object of GetClientsDetails adds to its client.

    Raises:
        MappingError: the id is missing, or country or currency is no code.
    """
    identity = row.get("id") or row.get("client_id") or row.get("userid")
    try:
        raw = RawClientDetails.model_validate(row)
        if not identity:
            raise FieldError("id: missing")
        return BillingClientDetails(
            id=account_id("whmcs", str(identity)),
            partner_key=field_numbered(raw.customfields, vocabulary.customer_number_field_id),
            phone=raw.phonenumber,
            address1=raw.address1,
            address2=raw.address2,
            city=raw.city,
            state=raw.state,
            postcode=raw.postcode,
            country=(raw.countrycode or raw.country or "").upper() or None,
            currency=raw.currency_code,
            language=raw.language,
        )
    except (ValidationError, ValueError) as error:
        raise broken("whmcs", identity, error) from error
