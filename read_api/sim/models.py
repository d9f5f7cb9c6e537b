"""Wire models of SIM lines. One megabyte is 1,000 kilobytes."""

import datetime as dt
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from domain.sim.contract import ContractLine, LineStatus, SimType
from read_api.commands.models import Pending
from read_api.http.wire import Wire, one_of, page_of


class Sim(Wire, frozen=True):
    """A SIM line. What only the network knows is null until detailsAsOf, and while the number is disputed."""

    id: UUID
    subscription_id: Annotated[UUID, Meta(description="Subscription of the line")]
    msisdn: Annotated[str | None, Meta(description="Phone number, digits only", examples=["09000000000"])]
    is_disputed: Annotated[
        bool,
        Meta(
            description="Another open service has the number as well, and the network has not shown that it is this"
            " one's: until it has, nothing that the network says of it is shown, and the line takes no change"
        ),
    ]
    status: Annotated[LineStatus | None, Meta(description="State of the line")]
    plan_code: str | None
    plan_name: str | None
    sim_type: SimType | None
    iccid: str | None
    eid: str | None
    imsi: str | None
    serial_number: str | None
    network_type: ContractLine | None
    has_voice: bool | None
    has_sms: bool | None
    voice_mail_enabled: bool | None
    call_waiting_enabled: bool | None
    international_roaming_enabled: bool | None
    remaining_quota_kb: Annotated[int | None, Meta(description="Data left at full speed, kilobytes")]
    remaining_quota_mb: Annotated[float | None, Meta(description="The same, megabytes of 1,000 kilobytes")]
    start_date: date | None
    pending_operation: Annotated[str | None, Meta(description="Change that is scheduled")]
    pending_date: Annotated[date | None, Meta(description="Day of that change")]
    details_as_of: Annotated[datetime | None, Meta(description="When the line's details were read; null: not yet")]
    usage_as_of: Annotated[datetime | None, Meta(description="When the line's traffic was read; null: not yet")]
    pending: Annotated[list[Pending], Meta(description="Changes that are on their way")]


class DayUsage(Wire, frozen=True):
    """Data used on one day."""

    date: dt.date
    usage_kb: int
    usage_mb: float


class Usage(Wire, frozen=True):
    """Data used by a line."""

    sim_id: UUID
    today_usage_kb: int | None
    today_usage_mb: float | None
    is_speed_restricted: Annotated[bool | None, Meta(description="Slowed down for heavy use")]
    recent_days_usage: Annotated[list[DayUsage], Meta(description="Up to 31 days with traffic, newest first")]
    usage_as_of: Annotated[datetime | None, Meta(description="When it was read; null: not yet")]


SimList = page_of(Sim, "SimList", "A page of SIM lines.")
SimAnswer = one_of(Sim, "SimAnswer", "One SIM line.")
UsageAnswer = one_of(Usage, "UsageAnswer", "What one SIM line used.")
