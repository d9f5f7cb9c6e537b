"""Fields that Salesforce fills in itself when a record is written."""

from sandbox.salesforce import orders
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.rows import USER_ID, Row, instant
from sandbox.salesforce.schema import SObject
from sandbox.salesforce.table import SYSTEM


def on_create(org: Org, definition: SObject, row: Row, number: int) -> Row:
    """The new row with audit fields, defaults, autonumbers and everything computed.

    Raises:
        SalesforceError: the row contradicts its parents.
    """
    now = instant(org.clock.now())
    audit = {"CreatedDate": now, "CreatedById": USER_ID, "LastModifiedById": USER_ID}
    # Above all that the world itself gives out.
    autonumbers: Row = {f.name: f"9{number % 10**7:07d}" for f in definition.fields if f.autonumber}
    owner = {"OwnerId": USER_ID} if "ownerid" in definition.by_name else {}
    full = {**audit, **owner, **definition.defaults, **autonumbers, **row}
    if definition.name == "Order":
        orders.check_new(full)
    if definition.name == "OrderItem":
        full |= _priced(org, full)
    return full | computed(org, definition, full)


def computed(org: Org, definition: SObject, row: Row) -> Row:
    """The computed fields of a complete row."""
    match definition.name:
        case "Contact":
            return {"Name": " ".join(str(part) for part in (row.get("FirstName"), row.get("LastName")) if part)}
        case "OrderItem":
            quantity, price = float(str(row["Quantity"])), float(str(row.get("UnitPrice") or 0))
            return {"TotalPrice": quantity * price, "AvailableQuantity": quantity}
        case "Order":
            code = orders.category(row.get("Status"))
            now = instant(org.clock.now())
            return {
                "StatusCode": code,
                "ActivatedDate": row.get("ActivatedDate") or now if code == "Activated" else None,
            }
        case "Case":
            return _case(org, row)
        case "PricebookEntry":
            product = org.table("Product2").get(str(row["Product2Id"])) or {}
            return {"Name": product.get("Name"), "ProductCode": product.get("ProductCode")}
        case _:
            return {}


def roll_up(org: Org, order_id: object) -> None:
    """Writes an order's TotalAmount anew."""
    items = (row for row in org.table("OrderItem").referring("OrderId", str(order_id)) if not row["IsDeleted"])
    total = sum(float(str(row["TotalPrice"])) for row in items)
    org.state.overlay.put(SYSTEM, "Order", str(order_id), {"TotalAmount": total})


def _case(org: Org, row: Row) -> Row:
    contact = org.table("Contact").get(str(row.get("ContactId"))) or {}
    closed = row.get("Status") == "Closed"
    return {
        "AccountId": row.get("AccountId") or contact.get("AccountId"),
        "ContactEmail": contact.get("Email"),
        "IsClosed": closed,
        "ClosedDate": (row.get("ClosedDate") or instant(org.clock.now())) if closed else None,
    }


def _priced(org: Org, row: Row) -> Row:
    """What an order item takes from its price book entry, which must be of its order's price book."""
    entry = org.table("PricebookEntry").get(str(row["PricebookEntryId"])) or {}
    order = org.table("Order").get(str(row["OrderId"])) or {}
    orders.check_new_item(order)
    if entry.get("Pricebook2Id") != order.get("Pricebook2Id"):
        problem = (
            "Order Products must have a Price Book Entry that belongs to the Price Book related to the parent Order.:"
            " Price Book Entry ID"
        )
        raise SalesforceError(400, "FIELD_INTEGRITY_EXCEPTION", problem, ("PricebookEntryId",))
    if not entry.get("IsActive"):
        problem = "field integrity exception: PricebookEntryId (pricebook entry is inactive)"
        raise SalesforceError(400, "FIELD_INTEGRITY_EXCEPTION", problem, ("PricebookEntryId",))
    list_price = row.get("ListPrice") or entry.get("UnitPrice")
    return {"Product2Id": entry.get("Product2Id"), "ListPrice": list_price}
