"""The life of an order: what its status allows to be written.

Sources: Object Reference, Order and OrderStatus ("the Status field is the only field you can update when activating");
help "Editing and Deletion Limitations for Orders", "Editing and Deletion Considerations for Order Products". The pages
give the rules; FAILED_ACTIVATION is the code that activations are reported to fail with, the other codes are those the
vendor uses for the like on other records.
"""

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.rows import Row

ACTIVATED = frozenset({"Processed", "Activated"})
"""Values of Status in the category Activated; every other is a draft."""


def category(status: object) -> str:
    """StatusCode of a Status."""
    return "Activated" if status in ACTIVATED else "Draft"


def check_new(row: Row) -> None:
    """Raises SalesforceError: an order starts as a draft."""
    if row.get("Status") in ACTIVATED:
        raise _failed_activation("Choose a valid order status and save your changes.")


def check_change(org: Org, row: Row, changes: Row) -> None:
    """`row`: the order as it is. Raises SalesforceError when its life does not allow the changes."""
    was_activated = row.get("Status") in ACTIVATED
    if not was_activated and changes.get("Status") in ACTIVATED:
        if len(changes) > 1:
            raise _failed_activation("Status is the only field that can be updated when an order is activated.")
        if not _has_items(org, row):
            raise _failed_activation("An order must have at least one product.")
    if was_activated and _changes("AccountId", row, changes):
        raise _integrity("AccountId", "The account of an activated order cannot be changed")
    if _changes("Pricebook2Id", row, changes) and row.get("Pricebook2Id") and _has_items(org, row):
        raise _integrity("Pricebook2Id", "The price book of an order with products cannot be changed")


def check_delete(row: Row) -> None:
    """Raises SalesforceError: an activated order stays."""
    if row.get("Status") in ACTIVATED:
        raise SalesforceError(400, "DELETE_FAILED", "Activated orders cannot be deleted.")


def check_new_item(order: Row) -> None:
    """Raises SalesforceError: an activated order gets no further products."""
    if order.get("Status") in ACTIVATED:
        raise _integrity("OrderId", "Products cannot be added to an activated order")


def check_delete_item(order: Row) -> None:
    """Raises SalesforceError: an activated order keeps its products."""
    if order.get("Status") in ACTIVATED:
        raise SalesforceError(400, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")


def _has_items(org: Org, order: Row) -> bool:
    items = org.table("OrderItem").referring("OrderId", str(order["Id"]))
    return any(not item["IsDeleted"] for item in items)


def _changes(name: str, row: Row, changes: Row) -> bool:
    return name in changes and changes[name] != row.get(name)


def _failed_activation(problem: str) -> SalesforceError:
    return SalesforceError(400, "FAILED_ACTIVATION", problem, ("Status",))


def _integrity(field: str, problem: str) -> SalesforceError:
    return SalesforceError(
        400, "FIELD_INTEGRITY_EXCEPTION", f"field integrity exception: {field} ({problem})", (field,)
    )
