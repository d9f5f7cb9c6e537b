"""Claims that customers write themselves."""

from pipelines.sources.clients import Clients
from pipelines.sources.whmcs.php import custom_fields
from tests.attack.suite import Seen, attack
from tests.attack.target import Target
from tests.faults.stage import given

NUMBER_FIELD = 198
"""The sandbox's custom field of clients in which the portal keeps the customer number."""


@attack("2", quick=True)
def link_takeover(target: Target) -> Seen:
    """A client who writes another's customer number sees nothing of that customer, and breaks nobody's link."""
    people = target.rows(
        "SELECT c.id, w.source_id AS client, c.account_number AS number FROM hub.customers c"
        " JOIN hub.customer_accounts w ON w.id = c.whmcs_account_id WHERE c.salesforce_account_id IS NOT NULL"
        " AND c.account_number IS NOT NULL ORDER BY c.id"
    )
    victim, attacker = people[0], people[1]
    theirs = _seen(target, victim)
    with given(target.hub.environment):
        clients = Clients()
        clients.whmcs.change(
            "UpdateClient", clientid=attacker["client"], customfields=custom_fields({NUMBER_FIELD: victim["number"]})
        )
        clients.close()
    target.rows("UPDATE hub.customer_accounts SET details_due_at = now() WHERE source = 'whmcs'")
    target.sync("whmcs.clients", "whmcs.client_details", "salesforce.accounts", "salesforce.orders", "salesforce.cases")

    taken = _seen(target, attacker) & theirs
    linked = target.rows(
        "SELECT count(*) AS n FROM hub.customers WHERE id = %s AND salesforce_account_id IS NOT NULL"
        " AND whmcs_account_id IS NOT NULL",
        victim["id"],
    )[0]["n"]
    return Seen(
        not taken and linked == 1, f"{len(taken)} of the victim's things seen; the victim is linked: {linked == 1}"
    )


def _seen(target: Target, who: dict[str, object]) -> set[str]:
    """Ids of what the API shows this person, and the number it is called by."""
    headers, found = target.headers(who["id"]), set[str]()  # type: ignore[arg-type]
    for path in ("/api/orders", "/api/support/cases", "/api/invoices"):
        answer = target.http.get(path, headers=headers)
        found |= {each["id"] for each in answer.json().get("data", [])} if answer.is_success else set()
    me = target.http.get("/api/me", headers=headers)
    return found | ({str(me.json()["data"].get("accountNumber"))} - {"None"} if me.is_success else set())
