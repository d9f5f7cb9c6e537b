"""The SIM line of a WHMCS service, from its custom fields."""

import re
import unicodedata
from collections.abc import Mapping

from pydantic import ValidationError

from domain.common.custom_fields import field_named
from domain.common.failures import FieldError, broken
from domain.common.identifiers import account_id, hub_id
from domain.common.text import digits
from domain.common.vocabulary import WhmcsVocabulary
from domain.sim.contract import Sim
from domain.subscriptions.providers.whmcs.mapper import service_type
from domain.subscriptions.providers.whmcs.raw import RawService

MAPPER_VERSION = "2"

OPEN = frozenset({"Pending", "Active", "Suspended"})
# Source: portal reference, section 2. National numbers have 11 digits; 10 to 14 are tolerated.
NUMBER = re.compile(r"0\d{9,13}")
DOMAIN_NUMBER = re.compile(r"0\d{10}")
# Dashes of every kind are typed in Japan, the vowel mark among them.
PUNCTUATION = re.compile(r"[\s()+.\-\u2010-\u2015\u2212\u30fc]*")
FROM_ABROAD = re.compile(r"\s*(?:\+|00)\s*81[\s.\-]*(?:\(0\)|0)?")
"""Japan's country code, written as one: in its place stands the 0 of national numbers."""


def sim_from_row(row: Mapping[str, object], vocabulary: WhmcsVocabulary) -> Sim | None:
    """The line of a SIM service as GetClientsProducts describes it; None for any other service.

    Raises:
        MappingError: a number is given and is none.
    """
    try:
        raw = RawService.model_validate(row)
        if service_type(raw, vocabulary) != "sim":
            return None
        return Sim(
            id=hub_id("whmcs", "sim", raw.id),
            source="whmcs",
            source_id=raw.id,
            account_id=account_id("whmcs", raw.clientid),
            subscription_id=hub_id("whmcs", "subscription", raw.id),
            msisdn=_number(raw, vocabulary),
            serial_number=field_named(raw.customfields, vocabulary.serial_number_field),
            eid=field_named(raw.customfields, vocabulary.eid_field),
            is_open=raw.status in OPEN,
        )
    except (ValidationError, ValueError) as error:
        raise broken("whmcs", row.get("id"), error) from error


def _number(raw: RawService, vocabulary: WhmcsVocabulary) -> str | None:
    for name in vocabulary.sim_number_fields:
        written = field_named(raw.customfields, name)
        if written is not None:
            return _checked(name, written)
    in_domain = raw.domain or ""
    return in_domain if DOMAIN_NUMBER.fullmatch(in_domain) else None


def _checked(field: str, written: str) -> str:
    # One number has one form here, or nobody would see that two services have it. NFKC: digits of full width.
    written = unicodedata.normalize("NFKC", written)
    if abroad := FROM_ABROAD.match(written):
        written = f"0{written[abroad.end() :]}"
    number = digits(written)
    if not NUMBER.fullmatch(number) or not PUNCTUATION.fullmatch(re.sub(r"\d", "", written)):
        raise FieldError(f"{field}: not a telephone number")
    return number
