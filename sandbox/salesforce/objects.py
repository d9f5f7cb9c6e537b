"""The objects of the emulated org: standard fields of salesforce.md, section 4; custom ones of portal-domain.md."""

from sandbox.salesforce.schema import Child, SObject, fields_of

_SYSTEM = """
Id id
IsDeleted boolean
CreatedDate datetime
CreatedById reference ->User
LastModifiedDate datetime
LastModifiedById reference
SystemModstamp datetime
"""
_OWNER = "OwnerId reference CU"


def _address(kind: str) -> str:
    return f"""
{kind}Street textarea:255 CUN
{kind}City string:40 CUN
{kind}State string:80 CUN
{kind}PostalCode string:20 CUN
{kind}Country string:80 CUN
{kind}Address address N"""


def _fields(*parts: str) -> str:
    return "\n".join(part.strip() for part in (_SYSTEM, *parts))


ACCOUNT = SObject(
    "Account",
    "001",
    fields_of(
        _fields(
            """
Name string:255 CU!
Type,AccountSource,Industry,Ownership,Rating picklist:255 CUN
ParentId reference CUN ->Account
AccountNumber string:40 CUN
Phone,Fax phone:40 CUN
Website url:255 CUN
AnnualRevenue currency CUN
NumberOfEmployees int CUN
Site string:80 CUN
Description textarea:32000 CUN
MasterRecordId reference N ->Account
LastActivityDate date N
SF_Account_No__c string:255 CUNX
WH_Account__c string:255 CUN
Portal_Status__c,Portal_Registration_Source__c picklist:255 CUN
Portal_Last_SignIn__c datetime CUN
Internet_Eligibility__c string:255 CUN
Internet_Eligibility_Status__c picklist:255 CUN
Internet_Eligibility_Request_Date_Time__c,Internet_Eligibility_Checked_Date_Time__c datetime CUN
Internet_Eligibility_Notes__c textarea:32000 CUN
Internet_Eligibility_Case_Id__c string:18 CUN
Id_Verification_Status__c picklist:255 CUN
Id_Verification_Submitted_Date_Time__c,Id_Verification_Verified_Date_Time__c datetime CUN
Id_Verification_Note__c,Id_Verification_Rejection_Message__c textarea:32000 CUN
Hub_Command_Id__c string:36 CUNX
""",
            _OWNER,
            _address("Billing"),
            _address("Shipping"),
        )
    ),
    (
        Child("Contacts", "Contact", "AccountId"),
        Child("Orders", "Order", "AccountId"),
        Child("Cases", "Case", "AccountId"),
        Child("Opportunities", "Opportunity", "AccountId"),
        Child("ChildAccounts", "Account", "ParentId"),
    ),
)

CONTACT = SObject(
    "Contact",
    "003",
    fields_of(
        _fields(
            """
LastName string:80 CU!
FirstName string:40 CUN
Salutation picklist:40 CUN
Name string:121
AccountId reference CUN ->Account
ReportsToId reference CUN ->Contact
Email email:80 CUN
Phone,MobilePhone,HomePhone,OtherPhone,Fax phone:40 CUN
Title string:128 CUN
Department string:80 CUN
Birthdate date CUN
LeadSource picklist:255 CUN
HasOptedOutOfEmail,DoNotCall boolean CU
Description textarea:32000 CUN
""",
            _OWNER,
            _address("Mailing"),
        )
    ),
    (Child("Cases", "Case", "ContactId"),),
    {"HasOptedOutOfEmail": False, "DoNotCall": False},
)

PRODUCT = SObject(
    "Product2",
    "01t",
    fields_of(
        _fields("""
Name string:255 CU!
ProductCode string:255 CUN
StockKeepingUnit string:180 CUNX
Description textarea:4000 CUN
IsActive,IsArchived boolean CU
Family,QuantityUnitOfMeasure picklist:255 CUN
DisplayUrl url:1000 CUN
ExternalId string:255 CUN
Product2Categories1__c,Item_Class__c,Billing_Cycle__c picklist:255 CUN
Portal_Catalog__c,Portal_Accessible__c boolean CU
WH_Product_ID__c double CUN
WH_Product_Name__c string:255 CUN
Internet_Plan_Tier__c,Internet_Offering_Type__c picklist:255 CUN
Internet_Monthly_Price__c currency CUN
SIM_Data_Size__c,SIM_Plan_Type__c,VPN_Region__c picklist:255 CUN
SIM_Has_Family_Discount__c,Is_Default__c,Auto_Add__c,Is_Bundled_Addon__c boolean CU
Display_Order__c double CUN
Bundled_Addon__c reference CUN ->Product2
Required_Products__c,Dependent_Products__c,Mutually_Exclusive__c textarea:32000 CUN
""")
    ),
    (Child("PricebookEntries", "PricebookEntry", "Product2Id"),),
    dict.fromkeys(
        (
            "IsActive",
            "IsArchived",
            "Portal_Catalog__c",
            "Portal_Accessible__c",
            "SIM_Has_Family_Discount__c",
            "Is_Default__c",
            "Auto_Add__c",
            "Is_Bundled_Addon__c",
        ),
        False,
    ),
)

PRICEBOOK = SObject(
    "Pricebook2",
    "01s",
    fields_of(
        _fields("""
Name string:255 CU!
Description string:255 CUN
IsActive boolean CU
IsStandard,IsArchived boolean
""")
    ),
    (Child("PricebookEntries", "PricebookEntry", "Pricebook2Id"),),
    {"IsActive": False, "IsStandard": False, "IsArchived": False},
)

PRICEBOOK_ENTRY = SObject(
    "PricebookEntry",
    "01u",
    fields_of(
        _fields("""
Pricebook2Id reference C! ->Pricebook2
Product2Id reference C! ->Product2
UnitPrice currency CU!
UseStandardPrice,IsActive boolean CU
IsArchived boolean
Name,ProductCode string:255 N
""")
    ),
    (Child("OrderItems", "OrderItem", "PricebookEntryId"),),
    {"UseStandardPrice": False, "IsActive": False, "IsArchived": False},
)

ORDER = SObject(
    "Order",
    "801",
    fields_of(
        _fields(
            """
AccountId reference CUN! ->Account
EffectiveDate date CU!
Status picklist:100 CU!
StatusCode picklist:40
Pricebook2Id reference CUN ->Pricebook2
OpportunityId reference CUN ->Opportunity
OrderNumber string:30 A
Type picklist:255 CUN
Name,PoNumber,OrderReferenceNumber string:80 CUN
PoDate,EndDate date CUN
Description textarea:32000 CUN
BillToContactId,ShipToContactId reference CUN ->Contact
ActivatedDate datetime N
IsReductionOrder boolean C
TotalAmount currency
Order_Type__c,Activation_Type__c,Activation_Status__c picklist:255 CUN
Activation_Scheduled_At__c,Activation_Last_Attempt_At__c datetime CUN
Activation_Error_Code__c,Activation_Error_Message__c string:255 CUN
Internet_Plan_Tier__c,Installation_Type__c,Access_Mode__c picklist:255 CUN
Weekend_Install__c,Hikari_Denwa__c,SIM_Voice_Mail__c,SIM_Call_Waiting__c boolean CU
SIM_Type__c,VPN_Region__c picklist:255 CUN
EID__c string:32 CUN
MNP_Application__c,Address_Changed__c boolean CU
MNP_Reservation_Number__c,MNP_Phone_Number__c,MVNO_Account_Number__c string:255 CUN
MNP_Expiry_Date__c,Porting_DateOfBirth__c date CUN
Porting_LastName__c,Porting_FirstName__c,Porting_Gender__c string:255 CUN
Porting_LastName_Katakana__c,Porting_FirstName_Katakana__c string:255 CUN
WHMCS_Order_ID__c string:255 CUNX
Hub_Command_Id__c string:36 CUNX
Assign_Physical_SIM__c string:18 CUN
""",
            _OWNER,
            _address("Billing"),
            _address("Shipping"),
        )
    ),
    (Child("OrderItems", "OrderItem", "OrderId"),),
    {
        "IsReductionOrder": False,
        "TotalAmount": 0.0,
        "Weekend_Install__c": False,
        "Hikari_Denwa__c": False,
        "SIM_Voice_Mail__c": False,
        "SIM_Call_Waiting__c": False,
        "MNP_Application__c": False,
        "Address_Changed__c": False,
    },
    {
        "Status": (
            *("Draft", "Pending Review", "Approved", "Reactivate", "Cancelled", "Rejected"),
            *("Processed", "Activated"),
        ),
        "StatusCode": ("Draft", "Activated"),
    },
)

ORDER_ITEM = SObject(
    "OrderItem",
    "802",
    fields_of(
        _fields("""
OrderId reference C! ->Order
PricebookEntryId reference CN! ->PricebookEntry
Product2Id reference CN ->Product2
Quantity double CU!
UnitPrice currency CUN!
ListPrice currency CN
TotalPrice currency N
ServiceDate,EndDate date CUN
Description string:255 CUN
AvailableQuantity double N
OrderItemNumber string:30 A
Billing_Cycle__c picklist:255 CUN
WHMCS_Service_ID__c string:255 CUN
""")
    ),
)

CASE = SObject(
    "Case",
    "500",
    fields_of(
        _fields(
            """
CaseNumber string:30 A
Subject string:255 CUN
Description textarea:32000 CUN
Status,Priority,Origin,Type,Reason picklist:255 CUN
AccountId reference CUN ->Account
ContactId reference CUN ->Contact
ParentId reference CUN ->Case
IsClosed,IsClosedOnCreate boolean
ClosedDate datetime N
IsEscalated boolean CU
SuppliedName,SuppliedEmail,SuppliedCompany string:80 CUN
SuppliedPhone string:40 CUN
Hub_Command_Id__c string:36 CUNX
ContactEmail email:80 N
ContactPhone phone:40 N
""",
            _OWNER,
        )
    ),
    (Child("Cases", "Case", "ParentId"),),
    {"Status": "New", "Priority": "Medium", "IsClosed": False, "IsClosedOnCreate": False, "IsEscalated": False},
)

OPPORTUNITY = SObject(
    "Opportunity",
    "006",
    fields_of(
        _fields(
            """
Name string:120 CU!
StageName picklist:255 CU!
CloseDate date CU!
AccountId reference CUN ->Account
Amount currency CUN
Application_Stage__c,Opportunity_Source__c picklist:255 CUN
WHMCS_Service_ID__c string:255 CUN
WH_Registeration__c string:255 CUN
ScheduledCancellationDateAndTime__c,SIMScheduledCancellationDateAndTime__c datetime CUN
CancellationNotice__c,LineReturn__c,SIMCancellationNotice__c picklist:255 CUN
Hub_Command_Id__c string:36 CUNX
""",
            _OWNER,
        )
    ),
    (Child("Orders", "Order", "OpportunityId"),),
)

CASE_COMMENT = SObject(
    "CaseComment",
    "00a",
    fields_of(
        _fields("""
ParentId reference C! ->Case
CommentBody textarea:4000 CU!
IsPublished boolean CU
""")
    ),
    defaults={"IsPublished": False},
)

# Those who work in the org; what they may and where they sit is left out.
USER = SObject(
    "User",
    "005",
    fields_of(
        _fields("""
Username string:80 CU!
Name string:121
IsActive boolean CU
""")
    ),
)

# A file: its content comes in base64 and is kept as it came.
CONTENT_VERSION = SObject(
    "ContentVersion",
    "068",
    fields_of(
        _fields("""
Title string:255 CUN
PathOnClient string:500 C!
VersionData textarea C!
FirstPublishLocationId reference CN ->Account
ContentDocumentId string:18 N
""")
    ),
)

# The stock of SIM cards, an object of the org's own (portal-domain.md, section 6.1).
SIM_INVENTORY = SObject(
    "SIM_Inventory__c",
    "a01",
    fields_of(
        _fields("""
Name string:80 CU
Phone_Number__c string:40 CUNX
PT_Number__c string:15 CUNX
Status__c,SIM_Type__c picklist:255 CUN
Assigned_Account__c reference CUN ->Account
Assigned_Order__c reference CUN ->Order
""")
    ),
)

OBJECTS = {
    definition.name.lower(): definition
    for definition in (
        ACCOUNT,
        CONTACT,
        PRODUCT,
        PRICEBOOK,
        PRICEBOOK_ENTRY,
        ORDER,
        ORDER_ITEM,
        CASE,
        OPPORTUNITY,
        CASE_COMMENT,
        USER,
        CONTENT_VERSION,
        SIM_INVENTORY,
    )
}
