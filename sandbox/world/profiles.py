"""The shapes customers come in: PROFILES of them per seed, repeated block after block.

A profile fixes how many services, orders, cases and invoices a customer has and everything about them that is not an
identity (products, prices, statuses, dates). That keeps every count in closed form and lets the emulators render most
of a row once per profile.
"""

from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from sandbox.world.catalogue import ADDONS, BY_SKU, FIRST_FEES, PLANS, Product
from sandbox.world.index import PROFILES

MONTHS = 24
FIRST_YEAR = 2024  # month 0 is January 2024, the last one December 2025
TAX_PERCENT = 10


class ServicePlan(NamedTuple):
    """A WHMCS service."""

    product: Product
    status: str  # WHMCS label
    cycle: str  # WHMCS display form
    first_amount: int
    amount: int  # recurring
    month: int  # in which it started
    day: int
    has_addon: bool
    addon: Product | None
    esim: bool
    number_field: str  # where its phone number is: a custom field's name, "domain", "" (nowhere)
    number_style: str  # plain, hyphens or malformed
    is_5g: bool

    @property
    def registered_on(self) -> date:
        return month_start(self.month) + timedelta(days=self.day)

    @property
    def is_sim(self) -> bool:
        return self.product.category == "SIM"


class ItemPlan(NamedTuple):
    """A line of a Salesforce order."""

    product: Product
    quantity: int


class OrderPlan(NamedTuple):
    """A Salesforce order. `service` is the customer's service (0-based) that came of it, None if none did."""

    type: str
    status: str
    activation_status: str
    activation_type: str
    error_code: str | None
    error_message: str | None
    placed_on: date
    items: tuple[ItemPlan, ...]
    service: int | None
    sim_type: str | None
    access_mode: str | None

    @property
    def total(self) -> int:
        return sum(item.product.price * item.quantity for item in self.items)


class CasePlan(NamedTuple):
    """A Salesforce case."""

    status: str
    priority: str
    type: str | None
    origin: str
    subject: str
    description: str | None
    opened_on: date
    closed_on: date | None


class PayPlan(NamedTuple):
    """A WHMCS pay method."""

    type: str
    card_type: str
    gateway: str
    bank: str
    expires: str  # MM/YY or ""


class LinePlan(NamedTuple):
    """A line of an invoice. `service` is the customer's service (0-based) it bills, None for a manual line."""

    type: str
    description: str
    amount: int
    taxed: bool
    service: int | None


class PaymentPlan(NamedTuple):
    """A transaction of an invoice. `refund_of` is the transaction (0-based, same invoice) it gives back."""

    amount_in: int
    amount_out: int
    fees: int
    gateway: str
    paid_on: date
    refund_of: int | None


class InvoicePlan(NamedTuple):
    """An invoice. Amounts in JPY; dates in the install's own zone, None where WHMCS says 0000-00-00."""

    month: int
    status: str
    issued_on: date
    due_on: date
    paid_on: date | None
    refunded_on: date | None
    cancelled_on: date | None
    captured_on: date | None
    subtotal: int
    credit: int
    tax: int
    total: int
    gateway: str
    lines: tuple[LinePlan, ...]
    payments: tuple[PaymentPlan, ...]

    @property
    def balance(self) -> int:
        return self.total - sum(p.amount_in - p.amount_out for p in self.payments)


class Profile(NamedTuple):
    """Everything about a customer that is not an identity."""

    slot: int
    has_salesforce: bool
    has_whmcs: bool
    is_company: bool
    client_status: str
    portal_status: str
    eligibility: str | None
    eligibility_status: str | None
    identity_status: str | None
    services: tuple[ServicePlan, ...]
    orders: tuple[OrderPlan, ...]
    cases: tuple[CasePlan, ...]
    pay_methods: tuple[PayPlan, ...]
    invoices: dict[int, InvoicePlan]  # by month


def month_start(month: int) -> date:
    """First day of month number `month`."""
    return date(FIRST_YEAR + month // 12, month % 12 + 1, 1)


# Slots that break a rule on purpose. They are low, so that a small world has them too, and few: 0.1-2 % of customers.
ONLY_SALESFORCE = frozenset(range(11, PROFILES, 50))
ONLY_WHMCS = frozenset(range(23, PROFILES, 50))
NAMELESS_ACCOUNT = frozenset({7, 507})  # unrepresentable: an Account without a Name
MALFORMED_SIGNUP = frozenset({19, 519})  # unrepresentable: a client whose datecreated is no date
MALFORMED_NUMBER = frozenset({3, 503})  # unrepresentable: a SIM service whose number is no number
MALFORMED_INVOICE = frozenset({5, 505})  # unrepresentable: last invoice's date is "not-a-date"
ZERO_SIGNUP = frozenset({29, 529})  # datecreated 0000-00-00
CLAIMS_NEXT_CLIENT = frozenset({31, 531})  # WH_Account__c names the next customer's client: two accounts, one partner
CLAIMS_NEXT_NUMBER = frozenset({41, 541})  # field 198 holds the next customer's number: the links contradict
UNREADABLE_CLAIM = frozenset({44, 544})  # WH_Account__c without a leading number
NO_FIELD_198 = frozenset({52, 552})  # linked from one side only
UNKNOWN_LABELS = frozenset({37, 537})  # statuses no documentation knows
BILLED_BY_HAND = frozenset({5, 505, 9, 509})  # always have invoices, whatever chance says


def profiles(seed: int) -> tuple[Profile, ...]:
    """The PROFILES shapes of a seed, in slot order."""
    random = Random(seed)
    service_counts = _dealt(random, {0: 10, 1: 38, 2: 36, 3: 14, 4: 2})
    order_counts = _dealt(random, {0: 5, 1: 25, 2: 40, 3: 25, 4: 5})
    case_counts = _dealt(random, {0: 30, 1: 35, 2: 22, 3: 10, 4: 3})
    pay_counts = _dealt(random, {0: 12, 1: 76, 2: 12})
    return tuple(
        _profile(Random(f"{seed}/{slot}"), slot, service_counts[slot], order_counts[slot], case_counts[slot],
                 pay_counts[slot])
        for slot in range(PROFILES)
    )  # fmt: skip


def _dealt(random: Random, percent: dict[int, int]) -> list[int]:
    """A count for each slot in exactly these shares, shuffled."""
    cards = [count for count, share in percent.items() for _ in range(share * PROFILES // 100)]
    random.shuffle(cards)
    return cards


def _profile(random: Random, slot: int, services: int, orders: int, cases: int, pays: int) -> Profile:
    has_salesforce, has_whmcs = slot not in ONLY_WHMCS, slot not in ONLY_SALESFORCE
    strange = slot in UNKNOWN_LABELS
    services = max(services, 1) if slot in MALFORMED_NUMBER | UNKNOWN_LABELS else services
    service_plans = tuple(_service(random, slot, k) for k in range(services)) if has_whmcs else ()
    eligibility_status = _chosen(random, {"Eligible": 45, "Not Requested": 30, "Pending": 12, "Ineligible": 13})
    return Profile(
        slot=slot,
        has_salesforce=has_salesforce,
        has_whmcs=has_whmcs,
        is_company=random.random() < 0.15,
        client_status="Dormant" if strange else _chosen(random, {"Active": 88, "Inactive": 7, "Closed": 5}),
        portal_status="Invited" if strange else _chosen(random, {"Active": 70, "Not Yet": 30}),
        eligibility=random.choice(("Home 1G", "Apartment 1G", "Apartment 100M"))
        if eligibility_status == "Eligible" else None,
        eligibility_status="Escalated" if strange else eligibility_status if random.random() < 0.9 else None,
        identity_status="Expired" if strange else _chosen(
            random, {"Verified": 60, "Not Submitted": 25, "Submitted": 10, "Rejected": 5}),
        services=service_plans,
        orders=tuple(_order(random, slot, k, service_plans) for k in range(orders)) if has_salesforce else (),
        cases=tuple(_case(random, slot) for _ in range(cases)) if has_salesforce else (),
        pay_methods=tuple(_pay_method(random) for _ in range(pays)) if has_whmcs else (),
        invoices=_invoices(random, slot, service_plans) if has_whmcs else {},
    )  # fmt: skip


def _chosen(random: Random, shares: dict[str, int]) -> str:
    return random.choices(list(shares), weights=list(shares.values()))[0]


def _service(random: Random, slot: int, k: int) -> ServicePlan:
    malformed = slot in MALFORMED_NUMBER and k == 0
    category = "SIM" if malformed else _chosen(random, {"SIM": 52, "Internet": 30, "VPN": 13, "Other": 5})
    product = random.choice([plan for plan in PLANS[category] if plan.is_active])
    status = _chosen(random, {"Active": 74, "Pending": 5, "Suspended": 6, "Terminated": 6, "Cancelled": 6,
                              "Completed": 2, "Fraud": 1})  # fmt: skip
    if slot in UNKNOWN_LABELS and k == 0:
        status = "On Hold"
    once = category == "Other" and random.random() < 0.4
    yearly = category == "VPN" and random.random() < 0.2
    fee = FIRST_FEES[category].price
    amount = product.price * (12 if yearly else 1)
    addon = ADDONS.get(category)
    has_addon = addon is not None and product.plan_type != "DataOnly" and random.random() < 0.25
    field = _chosen(random, {"SIM Number": 88, "Phone Number": 4, "MSISDN": 3, "domain": 3, "": 2})
    return ServicePlan(
        product=product,
        status=status,
        cycle="One Time" if once else "Annually" if yearly else "Monthly",
        first_amount=amount + fee,
        amount=0 if once else amount,
        month=random.randrange(18, 24) if random.random() < 0.45 else random.randrange(6, 24),
        day=random.randrange(28),
        has_addon=has_addon,
        addon=addon if has_addon else None,
        esim=random.random() < 0.4,
        number_field="" if category != "SIM" else "SIM Number" if malformed else field,
        number_style="malformed" if malformed else "hyphens" if random.random() < 0.1 else "plain",
        is_5g=random.random() < 0.5,
    )


_ERRORS = (
    ("PAYMENT_METHOD_MISSING", "The client has no payment method"),
    ("SIM_ACTIVATION_FAILED", "400-270 MNP reservation unknown or expired"),
    ("WHMCS_ADD_FAILED", "Client ID Not Found"),
)
_OPEN_ORDERS = {"Pending Review": 40, "Draft": 20, "Cancelled": 22, "Rejected": 10, "Approved": 5, "Reactivate": 3}


def _order(random: Random, slot: int, k: int, services: tuple[ServicePlan, ...]) -> OrderPlan:
    service = services[k] if k < len(services) else None
    category = service.product.category if service else _chosen(random, {"SIM": 60, "Internet": 30, "VPN": 10})
    plan = service.product if service else random.choice(PLANS[category])
    strange = slot in UNKNOWN_LABELS and k == 0
    status = "Processed" if service else _chosen(random, _OPEN_ORDERS)
    failed = status in {"Approved", "Reactivate"} and random.random() < 0.6
    code, message = random.choice(_ERRORS) if failed else (None, None)
    activation = "Activated" if service else "Failed" if failed else _chosen(
        random, {"Not Started": 70, "Scheduled": 30}) if status != "Approved" else "Activating"  # fmt: skip
    esim = service.esim if service else random.random() < 0.4
    return OrderPlan(
        type=category,
        status="Awaiting Stock" if strange else status,
        activation_status="Queued" if strange else activation,
        activation_type="Scheduled" if activation == "Scheduled" else "Immediate",
        error_code=code,
        error_message=message,
        placed_on=service.registered_on - timedelta(days=random.randrange(2, 9)) if service
        else date(2024, 6, 1) + timedelta(days=random.randrange(450)),
        items=_items(random, plan, service),
        service=k if service else None,
        sim_type=("eSIM" if esim else "Physical SIM") if category == "SIM" else None,
        access_mode=random.choice(("IPoE-BYOR", "IPoE-HGW", "PPPoE")) if category == "Internet" else None,
    )  # fmt: skip


def _items(random: Random, plan: Product, service: ServicePlan | None) -> tuple[ItemPlan, ...]:
    """The plan, the fee that goes with it, and in half the orders an add-on: two or three lines."""
    items = [ItemPlan(plan, 1), ItemPlan(FIRST_FEES[plan.category], 1)]
    if service and service.addon:
        items.append(ItemPlan(service.addon, 1))
    elif plan.category == "Internet" and random.random() < 0.5:
        items.append(ItemPlan(BY_SKU["INTERNET-INSTALL-WEEKEND"], 1))
    elif plan.category == "VPN" and random.random() < 0.3:
        items.append(ItemPlan(BY_SKU["SUPPORT-REMOTE-MONTHLY"], 2))
    elif plan.category == "SIM" and not service and random.random() < 0.5:
        items.append(ItemPlan(ADDONS["SIM"], 1))
    return tuple(items)


_SUBJECTS = (
    "請求書について",
    "SIM が届かない",
    "Cannot log in to the portal",
    "回線速度が遅い",
    "Change of address & name",
    "Internet availability check",
    "解約したい",
    'MNP "port-in" question',
)


def _case(random: Random, slot: int) -> CasePlan:
    status = _chosen(random, {"Closed": 62, "New": 12, "Working": 10, "In Progress": 6, "Escalated": 4,
                              "Awaiting Customer": 6})  # fmt: skip
    opened = date(2024, 3, 1) + timedelta(days=random.randrange(500))
    closed = opened + timedelta(days=random.randrange(1, 20))
    return CasePlan(
        status="Parked" if slot in UNKNOWN_LABELS else status,
        priority="Urgent" if slot in UNKNOWN_LABELS else _chosen(random, {"Medium": 60, "Low": 25, "High": 15}),
        type=random.choice((None, "Billing", "Technical", "Question", "Internet Eligibility")),
        origin=random.choice(("Portal Website", "Phone", "Email")),
        subject=random.choice(_SUBJECTS),
        description=None if random.random() < 0.1 else 'ご確認をお願いします。\nThank you, "regards"',
        opened_on=opened,
        closed_on=closed if status == "Closed" and slot not in UNKNOWN_LABELS else None,
    )


def _pay_method(random: Random) -> PayPlan:
    kind = _chosen(random, {"RemoteCreditCard": 70, "CreditCard": 15, "RemoteBankAccount": 10, "BankAccount": 5})
    bank = kind.endswith("BankAccount")
    return PayPlan(
        type=kind,
        card_type="" if bank else random.choice(("Visa", "MasterCard", "JCB", "American Express")),
        gateway="Bank Transfer" if bank else "Stripe",
        bank=random.choice(("みずほ銀行", "三菱UFJ銀行", "MUFG & Co")) if bank else "",
        expires="" if bank else f"{random.randrange(1, 13):02d}/{random.randrange(26, 31)}",
    )


def _invoices(random: Random, slot: int, services: tuple[ServicePlan, ...]) -> dict[int, InvoicePlan]:
    """An invoice for every month in which some service is billed; about six a customer."""
    months = {month for service in services for month in _billed_months(service)}
    if not months and (slot in BILLED_BY_HAND or random.random() < 0.3):
        months = {random.randrange(12, MONTHS)}
    return {month: _invoice(random, slot, month, services) for month in sorted(months)}


def _billed_months(service: ServicePlan) -> list[int]:
    step = {"Monthly": 1, "Annually": 12}.get(service.cycle)
    if step is None:
        return [service.month]
    ended = service.status in {"Terminated", "Cancelled", "Fraud", "Completed"}
    return list(range(service.month, min(MONTHS, service.month + 4) if ended else MONTHS, step))


def _invoice(random: Random, slot: int, month: int, services: tuple[ServicePlan, ...]) -> InvoicePlan:
    lines = tuple(_lines(services, month)) or (LinePlan("", "Engineer&#039;s visit &amp; parts", 8000, True, None),)
    subtotal = sum(line.amount for line in lines)
    tax = subtotal * TAX_PERCENT // 100
    credit = 500 if random.random() < 0.04 and subtotal > 1000 else 0
    total = subtotal + tax - credit
    status = _invoice_status(random, slot, month)
    issued = month_start(month)
    paid_on = issued + timedelta(days=random.randrange(1, 27)) if status in {"Paid", "Refunded"} else None
    refunded_on = paid_on + timedelta(days=20) if paid_on and status == "Refunded" else None
    gateway = random.choice(("stripe", "stripe", "stripe", "mailin"))
    return InvoicePlan(
        month=month,
        status=status,
        issued_on=issued,
        due_on=issued + timedelta(days=14),
        paid_on=paid_on,
        refunded_on=refunded_on,
        cancelled_on=issued + timedelta(days=random.randrange(3, 20)) if status == "Cancelled" else None,
        captured_on=paid_on or (issued + timedelta(days=15) if status == "Collections" else None),
        subtotal=subtotal,
        credit=credit,
        tax=tax,
        total=total,
        gateway=gateway,
        lines=lines,
        payments=_payments(random, status, total, gateway, issued, paid_on, refunded_on),
    )


def _invoice_status(random: Random, slot: int, month: int) -> str:
    if slot in UNKNOWN_LABELS:
        return "Disputed"
    if month >= MONTHS - 2:
        return _chosen(random, {"Paid": 52, "Unpaid": 38, "Draft": 4, "Payment Pending": 4, "Cancelled": 2})
    return _chosen(random, {"Paid": 88, "Unpaid": 4, "Cancelled": 3, "Refunded": 3, "Collections": 2})


def _lines(services: tuple[ServicePlan, ...], month: int) -> list[LinePlan]:
    lines: list[LinePlan] = []
    start = month_start(month)
    end = month_start(month + 1) - timedelta(days=1)
    for k, service in enumerate(services):
        if month not in _billed_months(service):
            continue
        name = service.product.whmcs_name.replace("&", "&amp;")
        amount = service.first_amount - FIRST_FEES[service.product.category].price
        lines.append(LinePlan("Hosting", f"{name} ({start:%d/%m/%Y} - {end:%d/%m/%Y})", amount, True, k))
        if month == service.month:
            fee = FIRST_FEES[service.product.category]
            lines.append(LinePlan("", fee.name.replace("'", "&#039;"), fee.price, True, None))
        if service.addon:
            lines.append(LinePlan("Addon", service.addon.name, service.addon.price, True, k))
    return lines


def _payments(
    random: Random, status: str, total: int, gateway: str, issued: date, paid: date | None, refunded: date | None
) -> tuple[PaymentPlan, ...]:
    fees = total * 36 // 1000 if gateway == "stripe" else 0
    if paid is None:
        partial = status == "Unpaid" and random.random() < 0.1
        return (PaymentPlan(total // 2, 0, 0, gateway, issued + timedelta(days=5), None),) if partial else ()
    if refunded:
        return (
            PaymentPlan(total, 0, fees, gateway, paid, None),
            PaymentPlan(0, total, 0, gateway, refunded, 0),
        )
    if random.random() < 0.05:
        half = total // 2
        return (
            PaymentPlan(half, 0, 0, gateway, issued + timedelta(days=1), None),
            PaymentPlan(total - half, 0, fees, gateway, paid, None),
        )
    return (PaymentPlan(total, 0, fees, gateway, paid, None),)
