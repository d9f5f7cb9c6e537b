"""What the API's own login can do, for whoever got hold of it."""

from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

from core.errors import SettingsError
from core.settings import HubSettings, url_as
from tests.attack.suite import Seen, attack
from tests.attack.target import Target

# A customer with three comments on one case or several, and these.
TALKATIVE = """
    SELECT c.id FROM hub.customers c JOIN hub.case_comments k ON k.account_id = c.salesforce_account_id
     WHERE k.is_public AND k.deleted_at IS NULL GROUP BY c.id HAVING count(*) >= 3 ORDER BY c.id LIMIT 1
"""
COMMENTS = """
    SELECT k.id FROM hub.case_comments k JOIN hub.customers c ON k.account_id = c.salesforce_account_id
     WHERE c.id = %s AND k.is_public AND k.deleted_at IS NULL ORDER BY k.id LIMIT 3
"""
CHANGED = """
    INSERT INTO sync.changes (entity, entity_id, account_id, operation, before, after)
    SELECT 'case_comments', %s, salesforce_account_id, 'update', %s, '{}' FROM hub.customers WHERE id = %s RETURNING seq
"""


@attack("7", quick=True, reads=True)
def api_role_is_put_down(target: Target) -> Seen:
    """The API logs in as a role of its own: there is nothing behind it to go back to."""
    with psycopg.connect(target.hub.database.api, autocommit=True) as connection:
        connection.execute("SET ROLE none")
        row = connection.execute(
            "SELECT current_user, rolsuper OR rolcreaterole OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    user, mighty = row or ("", True)
    login = _login_elsewhere()
    held = user == "hub_api" and not mighty and login in {"hub_api", "none"}
    return Seen(held, f"after SET ROLE none: {user}, mighty: {mighty}; on a server elsewhere it logs in as {login}")


def _login_elsewhere() -> str:
    """As whom the API would log in where only the owner's URL is known; none: it would not start."""
    settings = HubSettings(database_url="postgresql://owner:secret@db.example.com/hub", api_database_url=None)
    try:
        return urlsplit(url_as(settings, "hub_api")).username or ""
    except SettingsError:
        return "none"


@attack("7", quick=True)
def foreign_subject(target: Target) -> Seen:
    """A command on another's line is neither stored nor carried out, even as the API's role."""
    mine = target.customers()[-1]
    (line,) = target.rows(
        "SELECT s.id FROM hub.sims s JOIN hub.customer_accounts a ON a.id = s.account_id WHERE a.customer_id <> %s"
        " AND s.is_open AND s.msisdn IS NOT NULL AND s.number_claim <> 'disputed' ORDER BY s.id LIMIT 1",
        mine,
    )
    outcome = "refused"
    with psycopg.connect(target.hub.database.api) as connection:
        connection.execute(
            "SELECT set_config('hub.role', 'owner', true), set_config('hub.customer_id', %s, true)", [str(mine)]
        )
        try:
            row = connection.execute(
                "SELECT outcome FROM command.accept('change_network', 'whmcs', 'sims', %s, NULL, %s, 'h', %s, 'attack',"
                " interval '1 day', gen_random_uuid(), '{}')",
                [line["id"], uuid4().hex, Jsonb({"network": "5G"})],
            ).fetchone()
            outcome = str(row[0]) if row else "nothing"
        except psycopg.errors.InsufficientPrivilege:
            outcome = "not allowed"
    left = target.forward()
    done = len(target.ledger(system="freebit"))
    held = outcome in {"unknown", "not allowed"} and done == 0 and "succeeded" not in left
    return Seen(held, f"{outcome}; carried out: {left}")


@attack("10", quick=True)
def hidden_notes_in_the_past(target: Target) -> Seen:
    """Functions that read as the owner show the rows that policies show, and no others."""
    customer = target.rows(TALKATIVE)[0]["id"]
    shown, hidden, once_hidden = (each["id"] for each in target.rows(COMMENTS, customer))
    target.rows("UPDATE hub.case_comments SET is_public = false WHERE id = %s RETURNING id", hidden)
    for comment, before in ((shown, {}), (hidden, {}), (once_hidden, {"is_public": False})):
        target.rows(CHANGED, comment, Jsonb({"body": "as it was", **before}), customer)
    with psycopg.connect(target.hub.database.api) as connection:
        connection.execute(
            "SELECT set_config('hub.role', 'owner', true), set_config('hub.customer_id', %s, true)", [str(customer)]
        )
        found = dict(connection.execute("SELECT id, was FROM hub.earlier('case_comments', '2000-01-01')").fetchall())
    comments = {"shown": shown, "hidden": hidden, "once hidden": once_hidden}
    told = {name for name, each in comments.items() if "body" in found.get(each, {})}
    return Seen(told == {"shown"}, f"shown what these were: {', '.join(sorted(told)) or 'none'}")


@attack("held", quick=True, reads=True)
def api_role_writes(target: Target) -> Seen:
    """The API's role changes nothing but through the functions made for it."""
    tried = (
        "UPDATE hub.invoices SET total = 0",
        "DELETE FROM hub.sims",
        "INSERT INTO sync.cursors (dataset) VALUES ('x')",
        "UPDATE command.commands SET status = 'succeeded'",
        "SELECT payload FROM sync.quarantine",
        "SELECT before FROM sync.changes",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    )
    through = []
    with psycopg.connect(target.hub.database.api, autocommit=True) as connection:
        for each in tried:
            try:
                connection.execute(each.encode())
                through.append(each)
            except psycopg.errors.InsufficientPrivilege:
                continue
    return Seen(not through, f"{len(tried)} tried; let through: {through or 'none'}")
