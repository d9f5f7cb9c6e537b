"""The world's facts dressed as Salesforce records: field name to value, absent meaning null.

Instants and dates are text in REST's form, which sorts as the instants do; money and quantities are floats.
"""

import json
from datetime import datetime

from sandbox import world as facts
from sandbox.world.catalogue import BY_SKU
from sandbox.world.world import phone_of

Row = dict[str, object]

USER_ID, AGENT_ID = facts.salesforce_id("User", 0), facts.salesforce_id("User", 1)
"""The user that programs log in as, and a person who works on cases."""
_SEEN_FIRST = "2019-01-01T00:00:00.000+0000"
_CATALOGUE_STAMP = "2025-10-01T00:00:{:02d}.000+0000"
# Ids of the catalogue, which half of all rows repeat.
_PRODUCT_IDS = [item.product_id for item in facts.PRODUCTS]
_PORTAL_ID = facts.PRICEBOOKS[facts.PORTAL].pricebook_id
_ELIGIBILITY_CHECKED = {"Eligible", "Ineligible"}
_IDENTITY_SUBMITTED = {"Submitted", "Verified", "Rejected"}


def instant(moment: datetime) -> str:
    """REST's form of a UTC instant, to the second, as Salesforce stores it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000+0000"


def system_fields(record_id: str, created: str, stamp: str) -> Row:
    return {
        "Id": record_id,
        "IsDeleted": False,
        "CreatedDate": created,
        "CreatedById": USER_ID,
        "LastModifiedDate": stamp,
        "LastModifiedById": USER_ID,
        "SystemModstamp": stamp,
        "OwnerId": USER_ID,
    }


def _stamps(created: datetime, updated: datetime) -> tuple[str, str]:
    return instant(min(created, updated)), instant(updated)


def account(customer: facts.Customer) -> Row:
    row = system_fields(customer.account_id, *_stamps(customer.created_at, customer.updated_at))
    created, stamp = row["CreatedDate"], row["SystemModstamp"]
    row |= {
        "Name": customer.account_name,
        "Type": "Customer - Direct",
        "Phone": customer.phone,
        "SF_Account_No__c": customer.customer_number,
        "WH_Account__c": customer.wh_account,
        "Portal_Status__c": customer.portal_status,
        "Portal_Registration_Source__c": "New Signup" if customer.number % 3 else "Migrated",
        "Internet_Eligibility__c": customer.eligibility,
        "Internet_Eligibility_Status__c": customer.eligibility_status,
        "Id_Verification_Status__c": customer.identity_status,
    }
    if customer.portal_status == "Active":
        row["Portal_Last_SignIn__c"] = stamp
    if customer.eligibility_status in _ELIGIBILITY_CHECKED:
        row["Internet_Eligibility_Request_Date_Time__c"] = created
        row["Internet_Eligibility_Checked_Date_Time__c"] = stamp
    if customer.identity_status in _IDENTITY_SUBMITTED:
        row["Id_Verification_Submitted_Date_Time__c"] = created
    return row | _address_parts("Billing", customer)


def contact(customer: facts.Customer) -> Row:
    row = system_fields(customer.contact_id, *_stamps(customer.created_at, customer.updated_at))
    row |= {
        "LastName": customer.last_name,
        "FirstName": customer.first_name,
        "Name": f"{customer.first_name} {customer.last_name}",
        "AccountId": customer.account_id,
        "Email": customer.email,
        "Phone": customer.phone,
        "HasOptedOutOfEmail": False,
        "DoNotCall": False,
    }
    return row | _address_parts("Mailing", customer)


def _address_parts(kind: str, customer: facts.Customer) -> Row:
    address = customer.address
    return {
        f"{kind}Street": "\n".join(filter(None, (address.address1, address.address2))),
        f"{kind}City": address.city,
        f"{kind}State": address.state,
        f"{kind}PostalCode": address.postcode,
        f"{kind}Country": address.country,
    }


def product(item: facts.Product) -> Row:
    row = system_fields(item.product_id, _SEEN_FIRST, _CATALOGUE_STAMP.format(item.number % 60))
    del row["OwnerId"]
    return row | {
        "Name": item.name,
        "ProductCode": item.sku,
        "StockKeepingUnit": item.sku,
        "Description": f"{item.name} ({item.category})",
        "IsActive": item.is_active,
        "IsArchived": False,
        "Family": item.category,
        "Product2Categories1__c": item.category,
        "Item_Class__c": item.item_class,
        "Billing_Cycle__c": item.billing_cycle,
        "Portal_Catalog__c": item.in_catalog,
        "Portal_Accessible__c": item.accessible,
        "WH_Product_ID__c": float(item.pid),
        "WH_Product_Name__c": item.whmcs_name,
        "Internet_Plan_Tier__c": item.tier,
        "Internet_Offering_Type__c": item.offering,
        "Internet_Monthly_Price__c": float(item.price) if item.tier else None,
        "SIM_Data_Size__c": item.data_size,
        "SIM_Plan_Type__c": item.plan_type,
        "SIM_Has_Family_Discount__c": item.family_discount,
        "VPN_Region__c": item.vpn_region,
        "Is_Default__c": item.is_default,
        "Auto_Add__c": item.auto_add,
        "Display_Order__c": float(item.display_order),
        "Is_Bundled_Addon__c": item.bundled_addon is not None,
        "Bundled_Addon__c": BY_SKU[item.bundled_addon].product_id if item.bundled_addon else None,
        "Required_Products__c": _skus(item.required),
        "Dependent_Products__c": _skus(item.dependent),
        "Mutually_Exclusive__c": _skus(item.exclusive),
    }


def _skus(skus: tuple[str, ...]) -> str | None:
    return json.dumps(list(skus)) if skus else None


def pricebook(book: facts.Pricebook) -> Row:
    row = system_fields(book.pricebook_id, _SEEN_FIRST, _CATALOGUE_STAMP.format(book.number))
    del row["OwnerId"]
    return row | {"Name": book.name, "IsActive": True, "IsStandard": book.is_standard, "IsArchived": False}


def pricebook_entry(item: facts.Product, book: facts.Pricebook) -> Row:
    stamp = _CATALOGUE_STAMP.format((item.number * 2 + book.number) % 60)
    row = system_fields(item.entry_id(book.number), _SEEN_FIRST, stamp)
    del row["OwnerId"]
    return row | {
        "Pricebook2Id": book.pricebook_id,
        "Product2Id": item.product_id,
        "UnitPrice": float(item.standard_price if book.is_standard else item.price),
        "UseStandardPrice": False,
        "IsActive": item.is_active,
        "IsArchived": False,
        "Name": item.name,
        "ProductCode": item.sku,
    }


def order(sale: facts.Order, address: facts.Address | None = None) -> Row:
    """`address`: where it is billed, the customer's when the order was placed."""
    plan = sale.plan
    row = system_fields(sale.order_id, *_stamps(sale.created_at, sale.updated_at))
    row |= {
        "AccountId": sale.account_id,
        "EffectiveDate": plan.placed_on.isoformat(),
        "Status": plan.status,
        "StatusCode": "Activated" if plan.status == "Processed" else "Draft",
        "Pricebook2Id": _PORTAL_ID,
        "OpportunityId": sale.opportunity_id,
        "OrderNumber": sale.order_number,
        "Order_Type__c": plan.type,
        "TotalAmount": float(plan.total),
        "Activation_Type__c": plan.activation_type,
        "Activation_Status__c": plan.activation_status,
        "Activation_Error_Code__c": plan.error_code,
        "Activation_Error_Message__c": plan.error_message,
        "SIM_Type__c": plan.sim_type,
        "EID__c": sale.eid,
        "Access_Mode__c": plan.access_mode,
        "WHMCS_Order_ID__c": str(sale.whmcs_order_id) if sale.whmcs_order_id else None,
        "IsReductionOrder": False,
        "Weekend_Install__c": any(item.product.sku.endswith("-WEEKEND") for item in plan.items),
        "Hikari_Denwa__c": any("HIKARI-DENWA" in item.product.sku for item in plan.items),
        "SIM_Voice_Mail__c": any("VOICE-MAIL" in item.product.sku for item in plan.items),
        "SIM_Call_Waiting__c": False,
        "MNP_Application__c": False,
        "Address_Changed__c": False,
    }
    if plan.activation_type == "Scheduled":
        row["Activation_Scheduled_At__c"] = row["CreatedDate"]
    if plan.error_code:
        row["Activation_Last_Attempt_At__c"] = row["SystemModstamp"]
    if address:
        row |= {
            "BillingStreet": "\n".join(filter(None, (address.address1, address.address2))),
            "BillingCity": address.city,
            "BillingState": address.state,
            "BillingPostalCode": address.postcode,
            "BillingCountry": address.country,
        }
    return row


def order_item(sale: facts.Order, item: facts.OrderItem) -> Row:
    row = system_fields(item.item_id, *_stamps(sale.created_at, sale.updated_at))
    del row["OwnerId"]
    return row | {
        "OrderId": sale.order_id,
        "PricebookEntryId": item.entry_id,
        "Product2Id": _PRODUCT_IDS[item.product.number],
        "Quantity": float(item.quantity),
        "UnitPrice": float(item.unit_price),
        "ListPrice": float(item.unit_price),
        "TotalPrice": float(item.unit_price * item.quantity),
        "AvailableQuantity": float(item.quantity),
        "OrderItemNumber": f"{item.number + 1:010d}",
        "Billing_Cycle__c": item.product.billing_cycle,
        "WHMCS_Service_ID__c": str(item.whmcs_service_id) if item.whmcs_service_id else None,
    }


def case(ticket: facts.Case, email: str | None = None) -> Row:
    """`email`: the contact's, which Salesforce mirrors on the case."""
    plan = ticket.plan
    row = system_fields(ticket.case_id, *_stamps(ticket.opened_at, ticket.updated_at))
    return row | {
        "CaseNumber": ticket.case_number,
        "Subject": plan.subject,
        "Description": plan.description,
        "Status": plan.status,
        "Priority": plan.priority,
        "Origin": plan.origin,
        "Type": plan.type,
        "AccountId": ticket.account_id,
        "ContactId": ticket.contact_id,
        "IsClosed": ticket.closed_at is not None,
        "IsClosedOnCreate": False,
        "ClosedDate": instant(ticket.closed_at) if ticket.closed_at else None,
        "IsEscalated": plan.status == "Escalated",
        "ContactEmail": email,
    }


def case_comment(ticket: facts.Case, number: int) -> Row:
    """What an agent said on the case; every third time a note to the other agents."""
    row = system_fields(facts.salesforce_id("CaseComment", number), *_stamps(ticket.opened_at, ticket.updated_at))
    del row["OwnerId"]
    is_note = number % 3 == 2
    return row | {
        "ParentId": ticket.case_id,
        "CommentBody": "Called twice, nobody answers." if is_note else "Thank you. We are looking into it.",
        "IsPublished": not is_note,
        "CreatedById": AGENT_ID,
        "LastModifiedById": AGENT_ID,
    }


def user(number: int) -> Row:
    row = system_fields(facts.salesforce_id("User", number), _SEEN_FIRST, _SEEN_FIRST)
    del row["OwnerId"]
    username, name = USERS[number]
    return row | {"Username": username, "Name": name, "IsActive": True}


USERS = (("hub@sandbox.example", "Data Hub"), ("agent@sandbox.example", "Aoi Agent"))


def opportunity(sale: facts.Order) -> Row:
    """The opportunity behind an order; its stage follows what became of the order (portal-domain.md, section 7)."""
    row = system_fields(sale.opportunity_id, *_stamps(sale.created_at, sale.updated_at))
    service = next((item.whmcs_service_id for item in sale.items if item.whmcs_service_id), None)
    return row | {
        "Name": f"{sale.plan.type} {sale.order_number}",
        "StageName": "Active" if service else "Post Processing",
        "CloseDate": sale.plan.placed_on.isoformat(),
        "AccountId": sale.account_id,
        "Amount": float(sale.plan.total),
        "Opportunity_Source__c": "Portal - Order Placement",
        "WHMCS_Service_ID__c": str(service) if service else None,
    }


STOCK = 1000
"""SIM cards that wait for a customer: every second one an eSIM's number."""
_FIRST_STOCKED = 99_000_000


def sim_card(number: int) -> Row:
    """A card of the stock. Its number lies far beyond those of the world's lines."""
    is_esim = number % 2 == 1
    row = system_fields(facts.salesforce_id("SIM_Inventory__c", number), _SEEN_FIRST, _SEEN_FIRST)
    return row | {
        "Name": f"SIM-{number:06d}",
        "Phone_Number__c": phone_of(_FIRST_STOCKED + number),
        "PT_Number__c": None if is_esim else f"PT{number:013d}",
        "Status__c": "Available",
        "SIM_Type__c": "eSIM" if is_esim else "Physical SIM",
        "Assigned_Account__c": None,
        "Assigned_Order__c": None,
    }
