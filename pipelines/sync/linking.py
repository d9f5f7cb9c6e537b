"""Which accounts belong to one customer: by explicit cross-references only; contradictions are shown, never guessed.

Decision 0002 has the rules; sql/queries/sync/link_accounts.sql is where they stand.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from pipelines.sync.dataset import Target
from pipelines.sync.merge import Merged, create_stage, merge_stage
from sql.statements import statement
from sql.tables.customer import customers

CUSTOMERS = Target(contract=None, table=customers)
_MAY_CHANGE_HANDS = 2


def link_accounts(connection: Connection[Any], touched: Sequence[UUID], *, run_id: UUID) -> Merged:
    """Judge again to whom `touched` accounts, and those around them, belong; then bring their customers up to date.

    Runs inside the transaction that changed the accounts. Writes only what differs and logs each change; what that
    did to hub.customers is returned.
    """
    around = connection.execute(statement("sync/accounts_in_reach"), {"touched": list(touched)}).fetchall()
    scope = {
        "reach": [account for account, _ in around],
        "scope": [account for account, hops in around if hops <= _MAY_CHANGE_HANDS],
        "run_id": run_id,
    }
    former = [row[0] for row in connection.execute(statement("sync/link_accounts"), scope).fetchall()]
    connection.execute(statement("sync/quarantine_contradicting_links"), scope)
    connection.execute(statement("sync/resolve_agreeing_links"), scope)
    create_stage(connection, CUSTOMERS)
    staged = connection.execute(statement("sync/stage_customers"), {**scope, "former": former}).rowcount
    return merge_stage(connection, CUSTOMERS, staged=staged, run_id=run_id)
