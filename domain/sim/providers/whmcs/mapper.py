"""The SIM line of a WHMCS service, from its custom fields."""

import re
import unicodedata

from domain.common.converters import as_sent, escaped
from domain.common.custom_fields import field_named
from domain.common.failures import FieldError
from domain.common.field_table import FieldTable, combined_by_words, reading
from domain.common.text import digits
from domain.common.vocabulary import WhmcsVocabulary
from domain.common.whmcs import custom_field, hub_id_of, number
from domain.sim.contract import Sim
from domain.subscriptions.providers.whmcs.mapper import SERVICE_TYPE

MAPPER_VERSION = "2"

OPEN = frozenset({"Pending", "Active", "Suspended"})
# Source: portal reference, section 2. National numbers have 11 digits; 10 to 14 are tolerated.
NUMBER = re.compile(r"0\d{9,13}")
DOMAIN_NUMBER = re.compile(r"0\d{10}")
# Dashes of every kind are typed in Japan, the vowel mark among them.
PUNCTUATION = re.compile(r"[\s()+.\-\u2010-\u2015\u2212\u30fc]*")
FROM_ABROAD = re.compile(r"\s*(?:\+|00)\s*81[\s.\-]*(?:\(0\)|0)?")
"""Japan's country code, written as one: in its place stands the 0 of national numbers."""


def _number(fields: object, domain: str | None, words: WhmcsVocabulary) -> str | None:
    for name in words.sim_number_fields:
        written = field_named(fields, name)
        if written is not None:
            return _checked(name, written)
    return domain if DOMAIN_NUMBER.fullmatch(domain or "") else None


def _checked(field: str, written: str) -> str:
    # One number has one form here, or nobody would see that two services have it. NFKC: digits of full width.
    written = unicodedata.normalize("NFKC", written)
    if abroad := FROM_ABROAD.match(written):
        written = f"0{written[abroad.end() :]}"
    number = digits(written)
    if not NUMBER.fullmatch(number) or not PUNCTUATION.fullmatch(re.sub(r"\d", "", written)):
        raise FieldError("not a telephone number", field)
    return number


SIM = FieldTable(
    Sim,
    "whmcs",
    only=SERVICE_TYPE.then(lambda kind: kind == "sim"),
    id=hub_id_of("sim", "id"),
    source_id=number("id"),
    account_id=hub_id_of("account", "clientid"),
    subscription_id=hub_id_of("subscription", "id"),
    msisdn=combined_by_words(_number, reading("customfields", lambda sent: sent), escaped("domain")),
    serial_number=custom_field("serial_number_field"),
    eid=custom_field("eid_field"),
    is_open=as_sent("status", required=True).then(OPEN.__contains__),
)
"""A row of GetClientsProducts, where it is a SIM service."""
