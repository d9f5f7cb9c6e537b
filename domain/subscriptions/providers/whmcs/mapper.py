"""WHMCS services in our words."""

import re
from collections.abc import Mapping

from pydantic import ValidationError

from domain.common.custom_fields import field_named
from domain.common.failures import broken
from domain.common.identifiers import account_id, hub_id
from domain.common.times import day_or_none
from domain.common.vocabulary import ServiceType, WhmcsVocabulary
from domain.subscriptions.contract import BillingCycle, Subscription, SubscriptionStatus
from domain.subscriptions.providers.whmcs.raw import RawService

MAPPER_VERSION = "2"

STATUSES: Mapping[str, SubscriptionStatus] = {
    "Pending": "pending",
    "Active": "active",
    "Suspended": "suspended",
    "Terminated": "terminated",
    "Cancelled": "cancelled",
    "Fraud": "fraud",
    "Completed": "completed",
}
CYCLES: Mapping[str, BillingCycle] = {
    "Free Account": "free",
    "Free": "free",
    # The vendor's own pages spell it both ways.
    "One Time": "onetime",
    "One-Time": "onetime",
    "Monthly": "monthly",
    "Quarterly": "quarterly",
    "Semi-Annually": "semiannually",
    "Annually": "annually",
    "Biennially": "biennially",
    "Triennially": "triennially",
}
# SIM, eSIM, SIMs, nano-SIM, DataSIM, 格安SIM: the letters are a word where no other Latin ones touch them, or where
# capitals begin after a small letter.
_SIM = re.compile(r"(?:(?<![A-Za-z])(?i:e?sims?)|(?<=[a-z])SIMs?)(?![A-Za-z])")
NO_ORDER = frozenset({None, "", "0"})


def subscription_from_row(row: Mapping[str, object], vocabulary: WhmcsVocabulary) -> Subscription:
    """The subscription that a row of GetClientsProducts describes.

    Raises:
        MappingError: a field that gives it its meaning is missing or malformed.
    """
    try:
        raw = RawService.model_validate(row)
        return Subscription(
            id=hub_id("whmcs", "subscription", raw.id),
            source="whmcs",
            source_id=raw.id,
            account_id=account_id("whmcs", raw.clientid),
            whmcs_order_id=None if raw.orderid in NO_ORDER else raw.orderid,
            whmcs_product_id=raw.pid,
            product_name=raw.name,
            group_name=raw.groupname,
            service_type=service_type(raw, vocabulary),
            status=STATUSES.get(raw.status, "other"),
            source_status=raw.status,
            billing_cycle=CYCLES.get(raw.billingcycle, "other"),
            source_billing_cycle=raw.billingcycle,
            amount=raw.recurringamount,
            first_amount=raw.firstpaymentamount,
            registered_on=day_or_none(raw.regdate, "regdate"),
            next_due_on=day_or_none(raw.nextduedate, "nextduedate"),
            payment_method=raw.paymentmethod,
            domain=raw.domain,
            opportunity_id=field_named(raw.customfields, vocabulary.opportunity_field),
        )
    except (ValidationError, ValueError) as error:
        raise broken("whmcs", row.get("id"), error) from error


def service_type(service: RawService, vocabulary: WhmcsVocabulary) -> ServiceType:
    """What kind of service it is: as the operator says of its product or group, else as the product's name says.

    Source: portal reference, section 5; a SIM by the word, since "Simple Web Hosting" has the letters too.
    """
    said = vocabulary.service_types
    known = said.get(service.pid or "") or said.get(service.groupname or "")
    if known is not None:
        return known
    sent = service.name or ""
    name = sent.lower()
    if "internet" in name or ("ntt" in name and "fiber" in name):
        return "internet"
    if _SIM.search(sent):
        return "sim"
    return "vpn" if "vpn" in name else "other"
