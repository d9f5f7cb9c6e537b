"""Orders and their lines.

Order, OrderItem: Object Reference; custom fields: portal reference, 6.1 and 6.2.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.orders.contract import Order, OrderItem
from tests.domain.literals.literal import SALESFORCE, Labels, Literal, Row, ours
from tests.domain.readers import order_from_row, order_item_from_row


def order(row: Row) -> object:
    return order_from_row(row, SALESFORCE)


def line(row: Row) -> object:
    return order_item_from_row(row, SALESFORCE)


ORDER: dict[str, Any] = {
    "attributes": {"type": "Order"}, "Id": "801000000000001AAA", "IsDeleted": False,
    "SystemModstamp": "2026-02-03T04:05:06.000+0000", "AccountId": "001D000000IRFma", "OrderNumber": "00000100",
    "Status": "Reactivate", "EffectiveDate": "2026-02-10", "TotalAmount": Decimal("4480.00"),
    "CreatedDate": "2026-02-01T15:30:00.000+0000", "Order_Type__c": "eSIM", "Activation_Type__c": "Scheduled",
    "Activation_Scheduled_At__c": "2026-02-09T15:00:00.000+0000", "Activation_Status__c": "Failed",
    "Activation_Error_Code__c": "SIM_ACTIVATION_FAILED", "Activation_Error_Message__c": "The network refused.",
    "SIM_Type__c": "eSIM", "Access_Mode__c": "PPPoE", "WHMCS_Order_ID__c": "51",
    "Hub_Command_Id__c": "0f7f9e0e-8a60-4f0c-9c1b-8f1f6f0b7a01", "BillingStreet": "1-2-3 Kita\nRoom 501",
    "BillingCity": "Osaka", "BillingState": "Osaka-fu", "BillingPostalCode": "530-0001", "BillingCountry": "Japan",
}  # fmt: skip
BARE_ORDER: dict[str, Any] = {
    "attributes": {"type": "Order"}, "Id": "801000000000002AAA", "IsDeleted": True,
    "SystemModstamp": "2026-02-04T00:00:00.000+0000", "AccountId": "0014H00002LbR7QQAV", "Status": "Draft",
    "CreatedDate": "2026-02-02T00:00:00.000+0000", "Hub_Command_Id__c": "written by hand", "TotalAmount": 0,
}  # fmt: skip
ORDER_SAYS = (Order, {
    "id": ours("salesforce:order:801000000000001AAA"), "source": "salesforce", "source_id": "801000000000001AAA",
    "source_updated_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    "account_id": ours("salesforce:account:001D000000IRFmaIAH"), "order_number": "00000100", "type": "sim",
    "source_type": "eSIM", "status": "approved", "source_status": "Reactivate", "activation_status": "failed",
    "source_activation_status": "Failed", "activation_error_code": "SIM_ACTIVATION_FAILED",
    "activation_error_message": "The network refused.", "activation_type": "Scheduled",
    "activation_scheduled_at": datetime(2026, 2, 9, 15, tzinfo=UTC), "effective_on": date(2026, 2, 10),
    "total": Decimal(4480), "currency": "JPY", "placed_at": datetime(2026, 2, 1, 15, 30, tzinfo=UTC),
    "whmcs_order_id": "51", "command_id": UUID("0f7f9e0e-8a60-4f0c-9c1b-8f1f6f0b7a01"), "sim_type": "eSIM",
    "access_mode": "PPPoE", "billing_street": "1-2-3 Kita\nRoom 501", "billing_city": "Osaka",
    "billing_state": "Osaka-fu", "billing_postcode": "530-0001", "billing_country": "Japan",
})  # fmt: skip
BARE_ORDER_SAYS = (Order, {
    "id": ours("salesforce:order:801000000000002AAA"), "source": "salesforce", "source_id": "801000000000002AAA",
    "source_updated_at": datetime(2026, 2, 4, tzinfo=UTC), "deleted_at": datetime(2026, 2, 4, tzinfo=UTC),
    "account_id": ours("salesforce:account:0014H00002LbR7QQAV"), "type": "other", "status": "draft",
    "source_status": "Draft", "total": Decimal(0), "currency": "JPY", "placed_at": datetime(2026, 2, 2, tzinfo=UTC),
})  # fmt: skip
PHYSICAL = ORDER | {"SIM_Type__c": "Physical SIM"}

LINE: dict[str, Any] = {
    "attributes": {"type": "OrderItem"}, "Id": "802000000000001AAA", "IsDeleted": False,
    "SystemModstamp": "2026-02-03T04:05:06.000+0000", "OrderId": "801D000000IRFma",
    "Order": {"attributes": {"type": "Order"}, "AccountId": "001D000000IRFma"}, "Product2Id": "01tD000000IRFma",
    "Product2": {"attributes": {"type": "Product2"}, "Name": "SIM 5GB", "StockKeepingUnit": "SIM-DATA-ONLY-5GB"},
    "PricebookEntryId": "01uD000000IRFma", "Quantity": Decimal("3.0"), "UnitPrice": Decimal("980.5"),
    "TotalPrice": Decimal("2941.5"), "Billing_Cycle__c": "Monthly", "WHMCS_Service_ID__c": "41",
}  # fmt: skip
BARE_LINE = LINE | {
    "Id": "802000000000002AAA", "IsDeleted": True, "Product2Id": None, "Product2": None, "PricebookEntryId": None,
    "UnitPrice": None, "TotalPrice": None, "Billing_Cycle__c": None, "WHMCS_Service_ID__c": None,
}  # fmt: skip
_LINE = {
    "source": "salesforce", "source_updated_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    "account_id": ours("salesforce:account:001D000000IRFmaIAH"),
    "order_id": ours("salesforce:order:801D000000IRFmaIAH"), "quantity": Decimal(3), "currency": "JPY",
}  # fmt: skip
LINE_SAYS = (OrderItem, _LINE | {
    "id": ours("salesforce:order_item:802000000000001AAA"), "source_id": "802000000000001AAA",
    "product_id": ours("salesforce:product:01tD000000IRFmaIAH"),
    "price_id": ours("salesforce:price:01uD000000IRFmaIAH"), "sku": "SIM-DATA-ONLY-5GB", "product_name": "SIM 5GB",
    "unit_price": Decimal("980.5"), "total": Decimal("2941.5"), "billing_cycle": "monthly",
    "source_billing_cycle": "Monthly", "whmcs_service_id": "41", "subscription_id": ours("whmcs:subscription:41"),
})  # fmt: skip
BARE_LINE_SAYS = (OrderItem, _LINE | {
    "id": ours("salesforce:order_item:802000000000002AAA"), "source_id": "802000000000002AAA",
    "deleted_at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
})  # fmt: skip

LITERALS = (
    Literal("an order for an eSIM that the network refused", order, ORDER, (ORDER_SAYS,)),
    Literal("an order for a card", order, PHYSICAL, ((Order, ORDER_SAYS[1] | {"sim_type": "Physical SIM"}),)),
    Literal("a draft that is deleted, and that no command of ours placed", order, BARE_ORDER, (BARE_ORDER_SAYS,)),
    Literal("a line of an order that became a service", line, LINE, (LINE_SAYS,)),
    Literal("a line without a product", line, BARE_LINE, (BARE_LINE_SAYS,)),
)

# Portal reference, 6.1 and 6.2; Object Reference, Order: Draft and Activated in every org.
LABELS = (
    Labels("Order_Type__c", "type", order, ORDER, {
        "Internet": "internet", "SIM": "sim", "eSIM": "sim", "VPN": "vpn", "Other": "other",
    }),
    Labels("Status", "status", order, ORDER, {
        "Draft": "draft", "Pending Review": "pending_review", "Approved": "approved", "Reactivate": "approved",
        "Processed": "processed", "Activated": "processed", "Cancelled": "cancelled", "Rejected": "rejected",
    }),
    Labels("Activation_Status__c", "activation_status", order, ORDER, {
        "Not Started": "not_started", "Scheduled": "scheduled", "Activating": "activating", "Activated": "activated",
        "Failed": "failed",
    }, None),
    Labels("Billing_Cycle__c", "billing_cycle", line, LINE, {"Monthly": "monthly", "Onetime": "onetime"}, None),
)  # fmt: skip
