"""Services, the lines of those that are SIMs, and what the network says of a line.

Services: WHMCS/developer-docs, GetClientsProducts; custom fields: portal reference, 2. Lines: Freebit reference, 5.3
and 5.5: yes is "10", no is "20", data is in kilobytes.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from domain.sim.contract import Sim, SimDetails, SimTraffic, SimUsage
from domain.sim.providers.freebit.mapper import Line, traffic_from_row
from domain.subscriptions.contract import Subscription
from tests.domain.literals.literal import FREEBIT, WHMCS, Labels, Literal, Row, ours
from tests.domain.readers import details_from_row, sim_from_row, subscription_from_row

LINE = Line(ours("whmcs:sim:41"), ours("whmcs:account:8"), "41", "09012345678")
TODAY = date(2026, 3, 1)


def service(row: Row) -> object:
    return subscription_from_row(row, WHMCS)


def sim(row: Row) -> object:
    return sim_from_row(row, WHMCS) or ()


def line(row: Row) -> object:
    return details_from_row(LINE, row, FREEBIT)


def traffic(row: Row) -> object:
    return traffic_from_row(LINE, row, TODAY, FREEBIT)


SERVICE: dict[str, Any] = {
    "id": "41", "qty": "1", "clientid": "8", "orderid": "51", "ordernumber": "456789", "pid": "195",
    "regdate": "2026-01-15", "name": "SIM 5GB &amp; voice", "translated_name": "SIM", "groupname": "Mobile",
    "translated_groupname": "Mobile", "domain": "08098765432", "serverid": "0", "suspensionreason": "",
    "firstpaymentamount": "2480.00", "recurringamount": "980.50", "paymentmethod": "stripe",
    "paymentmethodname": "Credit Card", "billingcycle": "Semi-Annually", "nextduedate": "2026-03-16",
    "status": "Suspended", "username": "x", "password": "hunter2", "promoid": "0", "overideautosuspend": "",
    "overidesuspenduntil": "0000-00-00", "lastupdate": "0000-00-00 00:00:00",
    "customfields": {"customfield": [
        {"id": "1", "name": "Serial Number", "translated_name": "", "value": "PT0012345678901"},
        {"id": "2", "name": "SIM Number", "translated_name": "", "value": "090-1234-5678"},
        {"id": "3", "name": "EID", "translated_name": "", "value": "89049032000000000000000000000042"},
        {"id": "4", "name": "OpportunityId", "translated_name": "", "value": "006000000000001AAA"},
        {"id": "5", "name": "Phone Number", "translated_name": "", "value": "070-1111-2222"},
    ]},
    "configoptions": {"configoption": []},
}  # fmt: skip
HOSTING = SERVICE | {
    "id": 42, "clientid": 9, "orderid": "0", "pid": 3, "name": "Starter", "groupname": "Shared Hosting",
    "domain": "example.com", "firstpaymentamount": "", "recurringamount": "0.00", "paymentmethod": "",
    "billingcycle": "Free Account", "regdate": "0000-00-00", "nextduedate": "0000-00-00", "status": "Terminated",
    "customfields": {"customfield": []},
}  # fmt: skip
SERVICE_SAYS = (Subscription, {
    "id": ours("whmcs:subscription:41"), "source": "whmcs", "source_id": "41", "account_id": ours("whmcs:account:8"),
    "whmcs_order_id": "51", "whmcs_product_id": "195", "product_name": "SIM 5GB & voice", "group_name": "Mobile",
    "service_type": "sim", "status": "suspended", "source_status": "Suspended", "billing_cycle": "semiannually",
    "source_billing_cycle": "Semi-Annually", "amount": Decimal("980.5"), "first_amount": Decimal(2480),
    "registered_on": date(2026, 1, 15), "next_due_on": date(2026, 3, 16), "payment_method": "stripe",
    "domain": "08098765432", "opportunity_id": "006000000000001AAA",
})  # fmt: skip
HOSTING_SAYS = (Subscription, {
    "id": ours("whmcs:subscription:42"), "source": "whmcs", "source_id": "42", "account_id": ours("whmcs:account:9"),
    "whmcs_product_id": "3", "product_name": "Starter", "group_name": "Shared Hosting", "service_type": "other",
    "status": "terminated", "source_status": "Terminated", "billing_cycle": "free",
    "source_billing_cycle": "Free Account", "amount": Decimal(0), "domain": "example.com",
})  # fmt: skip
_SIM = {
    "id": ours("whmcs:sim:41"), "source": "whmcs", "source_id": "41", "account_id": ours("whmcs:account:8"),
    "subscription_id": ours("whmcs:subscription:41"),
}  # fmt: skip
SIM_SAYS = (Sim, _SIM | {
    "msisdn": "09012345678", "serial_number": "PT0012345678901", "eid": "89049032000000000000000000000042",
    "is_open": True,
})  # fmt: skip
# Portal reference, 2: the number is in "SIM Number", else "Phone Number", else it is a domain of 11 digits from 0 on.
SECOND_FIELD = SERVICE | {"customfields": {"customfield": SERVICE["customfields"]["customfield"][4:]}}
NO_FIELD = SERVICE | {"customfields": {"customfield": []}, "status": "Cancelled"}

DETAILS: dict[str, Any] = {
    "resultCode": "100", "status": {"message": "OK", "statusCode": "200"}, "masterAccount": None,
    "responseDatas": [{
        "kind": "MVNO", "account": "09012345678", "state": "active", "startDate": "20260201",
        "relationCode": "00000100", "planCode": "SIM_5G", "iccid": "8981100000000000001", "imsi": "440100000000001",
        "eid": "89049032000000000000000000000042", "contractLine": "5G", "size": "esim", "sms": "10", "talk": "20",
        "voicemail": "10", "callwaiting": "20", "worldwing": "20", "quota": "4999999.9",
        "async": {"func": "cancel", "date": "20260401"},
    }],
}  # fmt: skip
SILENT: dict[str, Any] = {
    "resultCode": 100,
    "responseDatas": [{
        "kind": "MVNO", "account": "09012345678", "state": "obsolete", "planCode": "OLD_PLAN", "contractLine": "4G",
        "talk": 10, "callwaiting": "10", "worldwing": "", "quota": -12, "startDate": "2026-13-01", "size": "",
        "async": "",
    }],
}  # fmt: skip
_LINE = {"id": ours("whmcs:sim:41"), "msisdn": "09012345678"}
DETAILS_SAY = (SimDetails, _LINE | {
    "status": "active", "source_status": "active", "plan_code": "SIM_5G", "plan_name": "5 GB", "sim_type": "esim",
    "source_sim_type": "esim", "iccid": "8981100000000000001", "imsi": "440100000000001",
    "network_eid": "89049032000000000000000000000042", "relation_code": "00000100", "contract_line": "5G",
    "has_sms": True, "has_voice": False, "voicemail_enabled": True, "call_waiting_enabled": False,
    "roaming_enabled": False, "remaining_quota_kb": 4999999, "started_on": date(2026, 2, 1),
    "pending_operation": "cancel", "pending_on": date(2026, 4, 1),
})  # fmt: skip
# What the network does not mention is unknown, not off (reference, 5.3); less than no data left is none left.
SILENT_SAYS = (SimDetails, _LINE | {
    "status": "cancelled", "source_status": "obsolete", "plan_code": "OLD_PLAN", "contract_line": "4G",
    "source_sim_type": "", "has_voice": True, "call_waiting_enabled": True, "remaining_quota_kb": 0,
})  # fmt: skip
NEW: dict[str, Any] = {
    "responseDatas": {
        "account": "09012345678", "state": "waiting", "sms": "20", "callwaiting": "20", "worldwing": "10",
        "size": "card", "async": {"func": "regist"},
    },
}  # fmt: skip
NEW_SAYS = (SimDetails, _LINE | {
    "status": "pending", "source_status": "waiting", "sim_type": "other", "source_sim_type": "card", "has_sms": False,
    "call_waiting_enabled": False, "roaming_enabled": True, "pending_operation": "regist",
})  # fmt: skip

TRAFFIC: dict[str, Any] = {
    "resultCode": "100", "account": "09012345678",
    "traffic": {"today": "7.9", "inRecentDays": "100,,300", "blackList": "10"},
}  # fmt: skip
_DAY = {"source": "freebit", "account_id": ours("whmcs:account:8"), "sim_id": ours("whmcs:sim:41")}


def day(used_on: date, used_kb: int) -> tuple[type[SimUsage], dict[str, Any]]:
    name = f"41:{used_on:%Y-%m-%d}"
    return SimUsage, _DAY | {
        "id": ours(f"freebit:sim_usage:{name}"), "source_id": name, "used_on": used_on, "used_kb": used_kb,
    }  # fmt: skip


LITERALS = (
    Literal("a service that is a SIM", service, SERVICE, (SERVICE_SAYS,)),
    Literal("a service that is free and over", service, HOSTING, (HOSTING_SAYS,)),
    Literal("the line of a service", sim, SERVICE, (SIM_SAYS,)),
    Literal(
        "a line whose number is in the second field",
        sim, SECOND_FIELD, ((Sim, _SIM | {"msisdn": "07011112222", "is_open": True}),),
    ),
    Literal(
        "a line whose number is its domain, and whose service is over",
        sim, NO_FIELD, ((Sim, _SIM | {"msisdn": "08098765432", "is_open": False}),),
    ),
    Literal(
        "a line whose domain is none of a number",
        sim, NO_FIELD | {"domain": "1800123456789"}, ((Sim, _SIM | {"is_open": False}),),
    ),
    Literal("a service that has no line", sim, HOSTING, ()),
    Literal("a line of which the network tells everything", line, DETAILS, (DETAILS_SAY,)),
    Literal("a line of which the network tells little", line, SILENT, (SILENT_SAYS,)),
    Literal("a line that the network is still at work on", line, NEW, (NEW_SAYS,)),
    Literal("a line's traffic", traffic, TRAFFIC, (
        (SimTraffic, _LINE | {"today_usage_kb": 7, "is_speed_restricted": True}),
        # Yesterday comes first, and a day without a number keeps its place.
        day(date(2026, 3, 1), 7), day(date(2026, 2, 28), 100), day(date(2026, 2, 26), 300),
    )),
    Literal("a new line's traffic", traffic, {"traffic": {"today": 0, "inRecentDays": "", "blackList": "20"}}, (
        (SimTraffic, _LINE | {"today_usage_kb": 0, "is_speed_restricted": False}),
        day(date(2026, 3, 1), 0),
    )),
    Literal("traffic that does not tell whether it is slowed down", traffic, {"traffic": {"today": "1"}}, (
        (SimTraffic, _LINE | {"today_usage_kb": 1}),
        day(date(2026, 3, 1), 1),
    )),
)  # fmt: skip


def _of_line(row: Row, field: str, label: object) -> Row:
    return {**row, "responseDatas": [DETAILS["responseDatas"][0] | {field: label}]}


# WHMCS reference, 3; Freebit reference, 5.3.
LABELS = (
    Labels("status", "status", service, SERVICE, {
        "Pending": "pending", "Active": "active", "Suspended": "suspended", "Terminated": "terminated",
        "Cancelled": "cancelled", "Fraud": "fraud", "Completed": "completed",
    }),
    Labels("billingcycle", "billing_cycle", service, SERVICE, {
        "Free Account": "free", "Free": "free", "One Time": "onetime", "One-Time": "onetime", "Monthly": "monthly",
        "Quarterly": "quarterly", "Semi-Annually": "semiannually", "Annually": "annually",
        "Biennially": "biennially", "Triennially": "triennially",
    }),
    Labels("state", "status", line, DETAILS, {
        "active": "active", "suspended": "suspended", "temporary": "pending", "waiting": "pending",
        "obsolete": "cancelled",
    }, at=_of_line),
    Labels("size", "sim_type", line, DETAILS, {
        "standard": "standard", "micro": "micro", "nano": "nano", "esim": "esim",
    }, None, at=_of_line),
    Labels("contractLine", "contract_line", line, DETAILS, {"4G": "4G", "5G": "5G"}, None, at=_of_line),
)  # fmt: skip
