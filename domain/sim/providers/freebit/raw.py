"""A line's details and traffic as Freebit sends them (source: reference 5.3 and 5.5; the response keys are assumed)."""

from typing import Any

from pydantic import Field

from domain.common.raw import Raw


class RawLine(Raw):
    """An item of `responseDatas` of PA03-02. Flags are "10" and "20"; an absent one is unknown."""

    account: str
    state: str | None = None
    start_date: str | None = Field(None, alias="startDate")
    plan_code: str | None = Field(None, alias="planCode")
    iccid: str | None = None
    imsi: str | None = None
    eid: str | None = None
    relation_code: str | None = Field(None, alias="relationCode")
    contract_line: str | None = Field(None, alias="contractLine")
    size: str | None = None
    sms: str | None = None
    talk: str | None = None
    voicemail: str | None = None
    callwaiting: str | None = None
    worldwing: str | None = None
    quota: str | None = Field(None, description="remaining, kilobytes")
    pending: Any = Field(None, alias="async")


class RawTraffic(Raw):
    """`traffic` of PA05-01: kilobytes, possibly with decimals; previous days comma-joined, yesterday first."""

    today: str
    in_recent_days: str = Field("", alias="inRecentDays")
    black_list: str | None = Field(None, alias="blackList")
