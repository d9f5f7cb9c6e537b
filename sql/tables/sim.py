"""SIM lines: which there are is WHMCS's word, how they are doing is Freebit's."""

from sqlalchemy import Index, Table

from domain.sim.contract import ContractLine, LineStatus, SimType
from sql.tables.columns import (
    as_of,
    choice,
    day,
    due,
    flag,
    hub_times,
    instant,
    kilobytes,
    metadata,
    owner,
    reference,
    synced,
    text,
)

sims = Table(
    "sims",
    metadata,
    *synced("whmcs", "service of the line"),
    owner("WHMCS"),
    reference("subscription_id", "Subscription of the line: hub.subscriptions.id", required=True),
    text("msisdn", "Phone number, digits only: Freebit's account; null: not known yet", personal=True),
    text("serial_number", "Serial number printed on the SIM (WHMCS custom field)", personal=True),
    text("eid", "eSIM chip id, 32 digits (WHMCS custom field)", personal=True),
    flag("is_open", "Whether the service is pending, active or suspended", required=True),
    choice(
        "number_claim",
        ("undisputed", "disputed", "proven"),
        "Hub: whose the number is. undisputed: no other open line has it; disputed: others have, and the network has"
        " not shown that it is this one's, so that nothing of the network's is kept here; proven: it has",
        default="undisputed",
    ),
    choice("status", LineStatus, "Where the line stands (Freebit)"),
    text("source_status", "Line state at Freebit, as sent", personal=False),
    text("plan_code", "Plan code at Freebit", personal=False),
    text("plan_name", "Plan name of that code (setting of the hub)", personal=False),
    choice("sim_type", SimType, "Form of the SIM (Freebit)"),
    text("source_sim_type", "SIM size at Freebit, as sent", personal=False),
    text("iccid", "SIM card id", personal=True),
    text("imsi", "Subscriber id in the network", personal=True),
    text("network_eid", "eSIM chip id that the network names (Freebit)", personal=True),
    text(
        "relation_code",
        "Our reference for the line at the network: the Salesforce order that opened it (Freebit)",
        personal=False,
    ),
    choice("contract_line", ContractLine, "Network contracted (Freebit)"),
    flag("has_sms", "SMS in the contract; null: unknown"),
    flag("has_voice", "Voice in the contract; null: unknown"),
    flag("voicemail_enabled", "Voicemail on; null: unknown"),
    flag("call_waiting_enabled", "Call waiting on; null: unknown"),
    flag("roaming_enabled", "International roaming on; null: unknown"),
    kilobytes("remaining_quota_kb", "Data left at full speed, kilobytes (Freebit)"),
    day("started_on", "First day of the line, Freebit's local date"),
    text("pending_operation", "Change that is scheduled at Freebit, as named there; null: none", personal=False),
    day("pending_on", "Day of that change, Freebit's local date"),
    kilobytes("today_usage_kb", "Data used on the day of reading, kilobytes (Freebit)"),
    flag("is_speed_restricted", "Slowed down by Freebit for heavy use"),
    instant("looked_at", "Hub: when somebody last looked at the line, UTC; those are refreshed first"),
    as_of("details_as_of", "the line's details (Freebit)"),
    due("details_due_at", "the line's details (Freebit)", from_start=True),
    as_of("usage_as_of", "the line's traffic (Freebit)"),
    due("usage_due_at", "the line's traffic (Freebit)", from_start=True),
    *hub_times(),
    schema="hub",
    comment="One row per SIM line: a WHMCS service of type sim, with its state at Freebit.",
)

sim_usage = Table(
    "sim_usage",
    metadata,
    *synced("freebit", "line and day, as service id:date"),
    owner("WHMCS"),
    reference("sim_id", "Line: hub.sims.id", required=True),
    day("used_on", "Day of use, Freebit's local date", required=True),
    kilobytes("used_kb", "Data used on that day, kilobytes", required=True),
    *hub_times(),
    schema="hub",
    comment="One row per SIM line and day with traffic (Freebit).",
)

Index(None, sims.c.account_id, sims.c.id)
Index(None, sims.c.subscription_id)
Index(None, sims.c.msisdn, postgresql_where=sims.c.msisdn.is_not(None))
for name in ("details", "usage"):
    due_at = sims.c[f"{name}_due_at"]
    Index(f"sims_{name}_queue_idx", due_at, postgresql_where=due_at.is_not(None))
Index("sim_usage_sim_day_idx", sim_usage.c.sim_id, sim_usage.c.used_on.desc())
