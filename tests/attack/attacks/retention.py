"""Reading what should be forgotten."""

from datetime import timedelta

from core.clock import utc_now
from core.settings import HubSettings
from sql.statements import statement
from tests.attack.suite import Seen, attack
from tests.attack.target import Target

NAME = "Yamada Hanako"


@attack("14", quick=True)
def old_inputs(target: Target) -> Seen:
    """What customers asked is emptied after HUB_COMMANDS_DAYS; the command, its status and its key stay."""
    customer = target.customers()[0]
    body = {"subject": NAME, "description": NAME}
    headers = target.keyed(customer)
    first = target.http.post("/api/support/cases", json=body, headers=headers)
    target.forward()
    days = HubSettings().hub_commands_days
    target.rows("UPDATE command.commands SET finished_at = %s", utc_now() - timedelta(days=days + 1))
    target.rows(
        statement("housekeeping/forget_commands").replace("%(days)s", str(days)).replace("%(at_most)s", "100"),
        role="sync",
    )

    kept = target.rows("SELECT count(*) AS n FROM command.commands WHERE strpos(input::text, %s) > 0", NAME)[0]["n"]
    again = target.http.post("/api/support/cases", json=body, headers=headers)
    held = kept == 0 and (again.status_code, again.content) == (first.status_code, first.content)
    return Seen(held, f"{kept} old inputs kept; the repeated key answered {again.status_code}")


@attack("14", quick=True, reads=True)
def analyst_reads_inputs(target: Target) -> Seen:
    """Analysts read neither what customers asked nor raw records."""
    hidden = (
        ("command.commands", "input"),
        ("command.steps", "result"),
        ("sync.quarantine", "payload"),
        ("sync.inbox", "payload"),
    )
    may = [
        f"{table}.{column}"
        for table, column in hidden
        if target.rows("SELECT has_column_privilege('hub_analyst', %s, %s, 'SELECT') AS may", table, column)[0]["may"]
    ]
    return Seen(not may, f"may read: {may or 'none of these'}")
