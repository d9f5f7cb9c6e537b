"""A line's details and traffic as Freebit sends them (source: reference 5.3 and 5.5; the response keys are assumed)."""

from typing import Any

from pydantic import Field

from domain.common.raw import Raw
from domain.common.text import Text


class RawLine(Raw):
    """An item of `responseDatas` of PA03-02. Flags are "10" and "20"; an absent one is unknown."""

    account: str
    state: str | None = None
    start_date: str | None = Field(None, alias="startDate")
    plan_code: Text = Field(None, alias="planCode")
    iccid: Text = None
    imsi: Text = None
    eid: Text = None
    relation_code: Text = Field(None, alias="relationCode")
    contract_line: str | None = Field(None, alias="contractLine")
    size: str | None = None
    sms: str | None = None
    talk: str | None = None
    voicemail: str | None = None
    callwaiting: str | None = None
    worldwing: str | None = None
    quota: str | None = Field(None, description="remaining, kilobytes")
    pending: Any = Field(None, alias="async")


class RawPending(Raw):
    """`async` of a line: the change that the network is at, or will make, and its day (YYYYMMDD)."""

    func: Text = None
    date: Text = None


class RawTraffic(Raw):
    """`traffic` of PA05-01: kilobytes, possibly with decimals; previous days comma-joined, yesterday first."""

    today: str
    in_recent_days: str = Field("", alias="inRecentDays")
    black_list: str | None = Field(None, alias="blackList")
