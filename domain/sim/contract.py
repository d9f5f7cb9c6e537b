"""SIM lines: the service they belong to, what the mobile operator says of them, and the data they used."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from domain.common.numbers import Kilobytes
from domain.common.record import Contract, Record

LineStatus = Literal["active", "suspended", "pending", "cancelled", "other"]
SimType = Literal["standard", "micro", "nano", "esim", "other"]
ContractLine = Literal["4G", "5G", "other"]


class Sim(Record):
    """A line of a SIM service. `msisdn` is its number, digits only; None: not assigned yet.

    `is_open`: the service still runs, so the number is still this customer's (numbers are given out again).
    """

    account_id: UUID
    subscription_id: UUID
    msisdn: str | None
    serial_number: str | None
    eid: str | None
    is_open: bool


class SimDetails(Contract):
    """What the operator says of a line. An option that is None is unknown, not off.

    `msisdn`: the number that it was asked about. `network_eid` and `relation_code` tell whose line it is, where several
    services have the number: the chip that it is on, and the order that opened it.
    """

    labels: ClassVar[tuple[tuple[str, str], ...]] = (("status", "source_status"), ("sim_type", "source_sim_type"))

    msisdn: str
    status: LineStatus
    source_status: str | None
    plan_code: str | None
    plan_name: str | None
    sim_type: SimType | None
    source_sim_type: str | None
    iccid: str | None
    imsi: str | None
    network_eid: str | None
    relation_code: str | None
    contract_line: ContractLine | None
    has_sms: bool | None
    has_voice: bool | None
    voicemail_enabled: bool | None
    call_waiting_enabled: bool | None
    roaming_enabled: bool | None
    remaining_quota_kb: Kilobytes | None
    started_on: date | None
    pending_operation: str | None
    pending_on: date | None


class SimTraffic(Contract):
    """A line's traffic: used today, kilobytes, and whether it is slowed down. `msisdn`: the number asked about."""

    msisdn: str
    today_usage_kb: Kilobytes
    is_speed_restricted: bool | None


class SimUsage(Record):
    """Data used by a line on one day of the operator's calendar, kilobytes."""

    account_id: UUID
    sim_id: UUID
    used_on: date
    used_kb: Kilobytes
