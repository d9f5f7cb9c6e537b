"""Which accounts belong to one customer: by the CRM's references and operators' words; what was not followed is shown.

Decision 0002 has the rules, decision 0023 whose claim counts; sql/queries/sync/link_accounts.sql is where they stand.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from core.errors import NotFoundError
from core.logging import logger
from domain.common.identifiers import account_id
from pipelines.sync.dataset import Target
from pipelines.sync.merge import merge_stage
from pipelines.sync.merged import Merged
from pipelines.sync.reading import batches
from pipelines.sync.stage import create_stage
from sql.statements import statement
from sql.tables.customer import customers

log = logger(__name__)

CUSTOMERS = Target(contract=None, table=customers)
_MAY_CHANGE_HANDS = 2
_AT_ONCE = 200
"""Accounts judged at once: the cost of judging grows with the square of them."""

CONFLICT = "the CRM's references contradict each other, or the client's own number contradicts them: not linked"
OUTVOTED = "linked as the CRM says, but the customer number in WHMCS, which customers can write, is another's"
ONE_SIDED = "only the customer number in WHMCS names the CRM account, and customers can write that: not linked"


class _Judged(NamedTuple):
    """An account that changed hands, or is newly shown to operators."""

    source: str
    source_id: str
    former: UUID
    customer_id: UUID
    former_status: str
    link_status: str
    complaint: str | None


def link_accounts(connection: Connection[Any], touched: Sequence[UUID], run_id: UUID | None) -> Merged:
    """Judge again to whom `touched` accounts, and those around them, belong; then bring their customers up to date.

    Runs inside the transaction that changed the accounts. Writes only what differs and logs each change; what that
    did to hub.customers is returned.
    """
    scope, former = set[UUID](), set[UUID]()
    for some in batches(touched, _AT_ONCE):
        judged, judged_of = _judge(connection, some, run_id)
        scope |= judged_of
        former |= {each.former for each in judged}
        _tell(judged)
    create_stage(connection, CUSTOMERS)
    affected = {"scope": list(scope), "former": list(former)}
    staged = connection.execute(statement("sync/stage_customers"), affected).rowcount
    return merge_stage(connection, CUSTOMERS, staged=staged, run_id=run_id)


def _judge(
    connection: Connection[Any], touched: Sequence[UUID], run_id: UUID | None
) -> tuple[list[_Judged], set[UUID]]:
    """What was written of the accounts around `touched`, and all accounts that were judged for it."""
    around = connection.execute(statement("sync/accounts_in_reach"), {"touched": list(touched)}).fetchall()
    scope = [account for account, hops in around if hops <= _MAY_CHANGE_HANDS]
    values = {"reach": [account for account, _ in around], "scope": scope, "run_id": run_id}
    reasons = {"conflict": CONFLICT, "outvoted": OUTVOTED, "one_sided": ONE_SIDED}
    with connection.cursor(row_factory=class_row(_Judged)) as cursor:
        return cursor.execute(statement("sync/link_accounts").encode(), {**values, **reasons}).fetchall(), set(scope)


def _tell(judged: Sequence[_Judged]) -> None:
    """One event for each link that stood and changed, and each claim that was not followed; new links are counted."""
    made = 0
    for each in judged:
        account = f"{each.source}:{each.source_id}"
        if each.former_status == "linked" and (each.former, "linked") != (each.customer_id, each.link_status):
            log.warning("customer.link_changed", account=account, status=each.link_status)
        elif each.former != each.customer_id:
            made += 1
        if each.complaint is not None:
            log.warning("customer.claim_not_followed", account=account, reason=each.complaint)
    if made:
        log.info("customer.linked", links=made)


def say_linked(connection: Connection[Any], salesforce_id: str, whmcs_id: str, *, by: str, reason: str) -> None:
    """An operator's word that the two accounts are one customer's, whatever they claim, until it is taken back.

    Raises:
        NotFoundError: the hub does not know one of them.
    """
    _say(connection, salesforce_id, whmcs_id, is_linked=True, by=by, reason=reason)


def say_apart(connection: Connection[Any], salesforce_id: str, whmcs_id: str, *, by: str, reason: str) -> None:
    """An operator's word that they are not, whatever they claim; raises as `say_linked`."""
    _say(connection, salesforce_id, whmcs_id, is_linked=False, by=by, reason=reason)


def _say(
    connection: Connection[Any], salesforce_id: str, whmcs_id: str, *, is_linked: bool, by: str, reason: str
) -> None:
    accounts = [account_id("salesforce", salesforce_id), account_id("whmcs", whmcs_id)]
    word = {"salesforce": salesforce_id, "whmcs": whmcs_id, "is_linked": is_linked, "by": by, "reason": reason}
    with connection.transaction():
        known = {
            id_
            for (id_,) in connection.execute(
                "SELECT id FROM hub.customer_accounts WHERE id = ANY(%s) AND deleted_at IS NULL", [accounts]
            ).fetchall()
        }
        for system, source_id, account in zip(
            ("salesforce", "whmcs"), (salesforce_id, whmcs_id), accounts, strict=True
        ):
            if account not in known:
                raise NotFoundError(f"the hub knows no account {source_id} of {system}")
        # Whom an earlier word linked to one of them is judged again too.
        freed = connection.execute(statement("sync/say_linked"), word).fetchall()
        log.warning("customer.link_said", salesforce=salesforce_id, whmcs=whmcs_id, is_linked=is_linked, by=by)
        link_accounts(connection, [*accounts, *(row[0] for row in freed)], None)
