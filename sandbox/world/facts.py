"""The business facts the emulators dress up as rows. Instants are UTC; WHMCS dates are the install's own."""

from datetime import date, datetime
from typing import NamedTuple

from sandbox.world.catalogue import Product
from sandbox.world.profiles import CasePlan, InvoicePlan, OrderPlan, PayPlan, Profile, ServicePlan


class Address(NamedTuple):
    """A Japanese address."""

    postcode: str
    state: str
    city: str
    address1: str
    address2: str
    country: str


class Customer(NamedTuple):
    """Customer `number` (0-based), as both systems know it. Ids are set even where the record does not exist."""

    number: int
    profile: Profile
    has_salesforce: bool
    has_whmcs: bool
    customer_number: str  # Account.SF_Account_No__c, "C0000123"
    account_id: str  # Salesforce, 18 characters
    contact_id: str
    client_id: int  # WHMCS
    last_name: str
    first_name: str
    last_romaji: str
    first_romaji: str
    company: str  # "" for a private person
    account_name: str | None  # Account.Name; None is dirt
    email: str
    phone: str
    address: Address
    created_at: datetime
    updated_at: datetime  # Account's and Contact's; ascending with `number`
    client_status: str  # WHMCS label
    signup_date: str  # WHMCS datecreated, dirt included
    portal_status: str
    eligibility: str | None
    eligibility_status: str | None
    identity_status: str | None
    wh_account: str | None  # Account.WH_Account__c: "#1234 - Name", dirt included
    field_198: str  # WHMCS custom field "Customer Number", dirt included


class Line(NamedTuple):
    """A SIM line, as Freebit knows it."""

    number: int  # n-th SIM service (0-based)
    msisdn: str
    state: str  # active, suspended, waiting, obsolete
    started_on: date
    plan: Product
    iccid: str
    imsi: str
    eid: str | None
    size: str  # standard, micro, nano, esim
    contract_line: str  # 4G, 5G
    sms: bool
    talk: bool
    voicemail: bool | None  # None: Freebit does not say
    callwaiting: bool | None
    worldwing: bool | None
    remaining_kb: int
    in_freebit: bool


class Service(NamedTuple):
    """Service `number` (0-based, customer by customer); a WHMCS order of its own created it."""

    number: int
    k: int  # which of the customer's services
    customer: int
    client_id: int
    service_id: int
    whmcs_order_id: int
    whmcs_order_number: int
    plan: ServicePlan  # product, status, cycle, prices, dates
    sim_number: int | None  # it is the n-th SIM service
    msisdn: str | None  # the line's true number, digits only
    number_text: str  # what the service's field says: plain, with hyphens, malformed or ""
    serial: str
    eid: str
    domain: str
    sf_order: int | None  # number of the Salesforce order it came from
    sf_order_id: str | None
    opportunity_id: str | None

    @property
    def product(self) -> Product:
        return self.plan.product


class OrderItem(NamedTuple):
    """Order item `number` (0-based, order by order)."""

    number: int
    item_id: str
    order_number: int
    product: Product
    entry_id: str  # PricebookEntry in the portal's book
    quantity: int
    unit_price: int
    whmcs_service_id: int | None


class Order(NamedTuple):
    """Salesforce order `number` (0-based, customer by customer)."""

    number: int
    order_id: str
    order_number: str  # "00000100"
    customer: int
    account_id: str
    plan: OrderPlan  # type, statuses, error, dates
    items: tuple[OrderItem, ...]
    whmcs_order_id: int | None
    opportunity_id: str
    eid: str | None
    created_at: datetime
    updated_at: datetime  # the items' too; ascending with `number`

    @property
    def total(self) -> int:
        return self.plan.total


class Case(NamedTuple):
    """Salesforce case `number` (0-based, customer by customer)."""

    number: int
    case_id: str
    case_number: str
    customer: int
    account_id: str
    contact_id: str
    plan: CasePlan
    opened_at: datetime
    closed_at: datetime | None
    updated_at: datetime  # ascending with `number`


class Invoice(NamedTuple):
    """Invoice `number` (0-based, chronological); amounts and dates are in `plan`."""

    number: int
    invoice_id: int
    customer: int
    client_id: int
    plan: InvoicePlan
    date_text: str  # the date as served, dirt included


class PayMethod(NamedTuple):
    """Pay method `number` (0-based, customer by customer)."""

    number: int
    pay_method_id: int
    customer: int
    client_id: int
    plan: PayPlan
    last_four: str


class Dirt(NamedTuple):
    """A row as served that no correct reader can represent."""

    system: str
    dataset: str
    source_id: str
    reason: str
