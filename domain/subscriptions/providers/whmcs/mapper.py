"""WHMCS services in our words (source: API reference, GetClientsProducts). A service's `password` is never read."""

import re
from collections.abc import Mapping

from domain.common.converters import as_sent, escaped, label, written_amount
from domain.common.field_table import FieldTable, combined_by_words
from domain.common.vocabulary import ServiceType, WhmcsVocabulary
from domain.common.whmcs import custom_field, day, hub_id_of, number, other_number
from domain.subscriptions.contract import BillingCycle, Subscription, SubscriptionStatus

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


def _service_type(product: str | None, group: str | None, name: str | None, words: WhmcsVocabulary) -> ServiceType:
    """What kind of service it is: as the operator says of its product or group, else as the product's name says.

    Source: portal reference, section 5; a SIM by the word, since "Simple Web Hosting" has the letters too.
    """
    said = words.service_types
    known = said.get(product or "") or said.get(group or "")
    if known is not None:
        return known
    sent = name or ""
    name = sent.lower()
    if "internet" in name or ("ntt" in name and "fiber" in name):
        return "internet"
    if _SIM.search(sent):
        return "sim"
    return "vpn" if "vpn" in name else "other"


SERVICE_TYPE = combined_by_words(_service_type, escaped("pid"), escaped("groupname"), escaped("name"))

SUBSCRIPTION = FieldTable(
    Subscription,
    "whmcs",
    id=hub_id_of("subscription", "id"),
    source_id=number("id"),
    account_id=hub_id_of("account", "clientid"),
    whmcs_order_id=other_number("orderid"),
    whmcs_product_id=escaped("pid"),
    product_name=escaped("name"),
    group_name=escaped("groupname"),
    service_type=SERVICE_TYPE,
    status=label("status", STATUSES, required=True),
    source_status=as_sent("status", required=True),
    billing_cycle=label("billingcycle", CYCLES, required=True),
    source_billing_cycle=as_sent("billingcycle", required=True),
    amount=written_amount("recurringamount", required=True),
    first_amount=written_amount("firstpaymentamount"),
    registered_on=day("regdate"),
    next_due_on=day("nextduedate"),
    payment_method=escaped("paymentmethod"),
    domain=escaped("domain"),
    opportunity_id=custom_field("opportunity_field"),
)
"""A row of GetClientsProducts."""
