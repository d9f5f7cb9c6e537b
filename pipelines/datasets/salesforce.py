"""What is read from Salesforce: the CRM, the catalogue, orders and cases."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial

from domain.catalog.contract import Price, Product
from domain.catalog.providers.salesforce import mapper as catalog
from domain.common.record import Contract
from domain.common.vocabulary import SalesforceVocabulary
from domain.customer.contract import CrmAccount
from domain.customer.providers.salesforce import mapper as customer
from domain.orders.contract import Order, OrderItem
from domain.orders.providers.salesforce import mapper as orders
from domain.support.contract import CaseComment, SupportCase
from domain.support.providers.salesforce import mapper as support
from pipelines.datasets.linking import link_accounts
from pipelines.sources.salesforce.extract import Query, changed_records, chosen_records
from pipelines.sync.dataset import Dataset, Linker, Row, Target
from sql.tables.catalog import prices, products
from sql.tables.customer import customer_accounts
from sql.tables.orders import order_items
from sql.tables.orders import orders as orders_table
from sql.tables.support import case_comments, support_cases

Mapper = Callable[[Mapping[str, object], SalesforceVocabulary], Contract]


def _dataset(
    key: str, *, group: str, description: str, target: Target, query: Query, mapper: Mapper, version: str,
    link: Linker | None = None,
) -> Dataset:  # fmt: skip
    def to_contracts(row: Row, vocabulary: SalesforceVocabulary) -> Iterable[Contract]:
        return (mapper(row, vocabulary),)

    return Dataset(
        name=f"salesforce.{key}",
        system="salesforce",
        group=group,
        description=description,
        targets=(target,),
        read=partial(changed_records, query),
        read_some=partial(chosen_records, query),
        to_contracts=to_contracts,
        source_id=lambda row: str(row.get("Id")),
        mapper_version=version,
        freshness=timedelta(minutes=10),
        link=link,
    )


ACCOUNTS = _dataset(
    "accounts",
    group="customer",
    description="Customers as the CRM knows them: name, customer number, eligibility and identity checks.",
    target=Target(
        contract=CrmAccount,
        table=customer_accounts,
        kind="account",
        scope="source = 'salesforce'",
    ),
    query=Query(
        "Account",
        (
            "Name",
            "Phone",
            "CreatedDate",
            "SF_Account_No__c",
            "WH_Account__c",
            "Portal_Status__c",
            "Internet_Eligibility__c",
            "Internet_Eligibility_Status__c",
            "Id_Verification_Status__c",
        ),
        owner="Id",
    ),
    mapper=customer.account_from_row,
    version=customer.MAPPER_VERSION,
    link=link_accounts,
)

PRODUCTS = _dataset(
    "products",
    group="catalog",
    description="What can be sold, hidden fees and add-ons included.",
    target=Target(contract=Product, table=products, kind="product"),
    query=Query(
        "Product2",
        (
            "StockKeepingUnit",
            "Name",
            "Description",
            "IsActive",
            "Product2Categories1__c",
            "Portal_Catalog__c",
            "Portal_Accessible__c",
            "Item_Class__c",
            "Billing_Cycle__c",
            "WH_Product_ID__c",
            "WH_Product_Name__c",
            "Internet_Plan_Tier__c",
            "Internet_Offering_Type__c",
            "SIM_Data_Size__c",
            "SIM_Plan_Type__c",
            "SIM_Has_Family_Discount__c",
            "VPN_Region__c",
            "Is_Default__c",
            "Auto_Add__c",
            "Display_Order__c",
            "Required_Products__c",
            "Dependent_Products__c",
            "Mutually_Exclusive__c",
            "Is_Bundled_Addon__c",
            "Bundled_Addon__c",
        ),
    ),
    mapper=catalog.product_from_row,
    version=catalog.MAPPER_VERSION,
)

PRICES = _dataset(
    "prices",
    group="catalog",
    description="What each product costs, by pricebook.",
    target=Target(contract=Price, table=prices, kind="price"),
    query=Query(
        "PricebookEntry",
        ("Product2Id", "Pricebook2Id", "Pricebook2.Name", "UnitPrice", "IsActive"),
        has_amounts=True,
    ),
    mapper=catalog.price_from_row,
    version=catalog.MAPPER_VERSION,
)

ORDERS = _dataset(
    "orders",
    group="orders",
    description="Orders and how far their activation has come.",
    target=Target(contract=Order, table=orders_table, kind="order", parts=((order_items, "order_id"),)),
    query=Query(
        "Order",
        (
            "AccountId",
            "OrderNumber",
            "Status",
            "EffectiveDate",
            "TotalAmount",
            "CreatedDate",
            "Order_Type__c",
            "Activation_Type__c",
            "Activation_Scheduled_At__c",
            "Activation_Status__c",
            "Activation_Error_Code__c",
            "Activation_Error_Message__c",
            "SIM_Type__c",
            "Access_Mode__c",
            "WHMCS_Order_ID__c",
            "Hub_Command_Id__c",
            "BillingStreet",
            "BillingCity",
            "BillingState",
            "BillingPostalCode",
            "BillingCountry",
        ),
        owner="AccountId",
        has_amounts=True,
    ),
    mapper=orders.order_from_row,
    version=orders.MAPPER_VERSION,
)

ORDER_ITEMS = _dataset(
    "order_items",
    group="orders",
    description="The lines of each order.",
    target=Target(contract=OrderItem, table=order_items, kind="order_item"),
    query=Query(
        "OrderItem",
        (
            "OrderId",
            "Order.AccountId",
            "Product2Id",
            "Product2.Name",
            "Product2.StockKeepingUnit",
            "PricebookEntryId",
            "Quantity",
            "UnitPrice",
            "TotalPrice",
            "Billing_Cycle__c",
            "WHMCS_Service_ID__c",
        ),
        owner="Order.AccountId",
        has_amounts=True,
    ),
    mapper=orders.order_item_from_row,
    version=orders.MAPPER_VERSION,
)

CASES = _dataset(
    "cases",
    group="support",
    description="Support cases and their state.",
    target=Target(contract=SupportCase, table=support_cases, kind="case", parts=((case_comments, "case_id"),)),
    query=Query(
        "Case",
        (
            "AccountId",
            "CaseNumber",
            "Subject",
            "Description",
            "Status",
            "Priority",
            "Type",
            "Origin",
            "IsClosed",
            "CreatedDate",
            "ClosedDate",
        ),
        owner="AccountId",
    ),
    mapper=support.case_from_row,
    version=support.MAPPER_VERSION,
)

CASE_COMMENTS = _dataset(
    "case_comments",
    group="support",
    description="What customers and agents said on cases, and agents' notes.",
    target=Target(contract=CaseComment, table=case_comments, kind="case_comment"),
    query=Query(
        "CaseComment",
        (
            "ParentId",
            "Parent.AccountId",
            "CommentBody",
            "IsPublished",
            "CreatedDate",
            "CreatedById",
            "CreatedBy.Username",
        ),
        owner="Parent.AccountId",
    ),
    mapper=support.comment_from_row,
    version=support.MAPPER_VERSION,
)
