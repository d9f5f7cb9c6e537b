"""Placing an order: what may be asked for, and the rules of the business (portal reference, section 6.3)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, Field, model_validator

from domain.commands.input import Broken, CommandInput
from domain.common.countries import Country

Type = Literal["internet", "sim", "vpn"]
RuleCode = Literal[
    "ACCESS_MODE",
    "ACCOUNT_CLOSED",
    "ACTIVATION_DATE",
    "ACTIVATION_FEE_MISSING",
    "ADDRESS_MISSING",
    "ADDRESS_TOO_LONG",
    "BIRTH_DATE",
    "DATA_ONLY",
    "EID",
    "EXCLUSIVE",
    "FAMILY_DISCOUNT",
    "IDENTITY_NOT_VERIFIED",
    "INSTALLATION_MISSING",
    "INTERNET_ACTIVE",
    "MAPPING_MISSING",
    "MNP_ESIM_ONLY",
    "MNP_EXPIRED",
    "MNP_EXPIRY",
    "NOT_ELIGIBLE",
    "NOT_ORDERABLE",
    "NOT_PRICED",
    "OFFERING",
    "ONE_INSTALLATION",
    "ONE_SERVICE",
    "PAYMENT_METHOD_MISSING",
    "PRODUCT_MAPPING_MISSING",
    "REQUIRED_MISSING",
    "SIM_CHOICES",
    "UNKNOWN_SKU",
    "WRONG_CATEGORY",
]
"""Rules that an order may break."""

LONGEST_AHEAD = timedelta(days=30)
LONGEST_RESERVED = timedelta(days=90)
"""Carriers reserve a number for about two weeks."""
OLDEST_YEARS = 150
LONGEST_ADDRESS = {"street": 255, "city": 40, "state": 80, "postcode": 20}
"""Characters that an order's address has room for (Salesforce Object Reference, Order). WHMCS keeps longer ones."""
KATAKANA = r"^[ァ-ヺー・ 　]+$"


class Line(CommandInput):
    """A product of the cart; nothing is added to what was chosen."""

    sku: str = Field(min_length=1, max_length=80, examples=["SIM-DATA-ONLY-5GB"])
    quantity: int = Field(1, ge=1, le=10)


class Porting(CommandInput):
    """A number that comes from another carrier (MNP)."""

    reservation_number: str = Field(pattern=r"^[0-9]{10}$", examples=["1234567890"])
    expires_on: date
    phone_number: str = Field(pattern=r"^0[0-9]{10}$", examples=["09012345678"])
    carrier_account: str | None = Field(None, max_length=40)
    last_name: str = Field(min_length=1, max_length=50)
    first_name: str = Field(min_length=1, max_length=50)
    last_name_katakana: str = Field(pattern=KATAKANA, max_length=50, examples=["ヤマダ"])
    first_name_katakana: str = Field(pattern=KATAKANA, max_length=50, examples=["ハナコ"])
    gender: Literal["male", "female", "corporate"]
    birth_date: date


class SimChoices(CommandInput):
    """How a SIM is wanted."""

    sim_type: Literal["esim", "physical"]
    eid: str | None = Field(None, pattern=r"^[0-9]{32}$", description="eSIM only: the chip's id, 32 digits")
    voice_mail: bool = False
    call_waiting: bool = False
    porting: Porting | None = None


class Address(CommandInput):
    """Where a service is installed."""

    street: str = Field(min_length=1, max_length=LONGEST_ADDRESS["street"])
    city: str = Field(min_length=1, max_length=LONGEST_ADDRESS["city"])
    state: str = Field(min_length=1, max_length=LONGEST_ADDRESS["state"])
    postcode: str = Field(min_length=1, max_length=LONGEST_ADDRESS["postcode"])
    country: Country = "JP"


class PlaceOrder(CommandInput):
    """A cart."""

    type: Type
    items: list[Line] = Field(min_length=1, max_length=20)
    activate_on: date | None = Field(None, description="First day of service; absent: as soon as approved")
    access_mode: Literal["IPoE-BYOR", "IPoE-HGW", "PPPoE"] | None = Field(None, description="Internet only")
    sim: SimChoices | None = Field(None, description="SIM only, and needed there")
    address: Address | None = Field(None, description="Where to install, if not the address on file")

    @model_validator(mode="after")
    def _each_product_once(self) -> "PlaceOrder":
        skus = [line.sku for line in self.items]
        if len(set(skus)) != len(skus):
            raise ValueError("items name a product twice")
        return self


class Product(BaseModel):
    """What the hub knows of a product in the cart. `has_plan`: a SIM plan says which plan of the network it is."""

    category: str
    item_class: str
    is_orderable: bool
    has_price: bool
    is_mapped: bool
    offering: str | None
    for_families: bool
    is_data_only: bool
    has_plan: bool = True
    required: list[str]
    exclusive: list[str]


class Facts(BaseModel):
    """What the hub knows of the customer and of the products in the cart, by SKU. `address`: the one on file."""

    has_crm_account: bool
    has_billing_account: bool
    status: str | None
    payment_methods: int
    has_address: bool
    address: dict[str, str | None] = Field(default_factory=dict)
    identity_status: str | None
    eligibility_status: str | None
    eligibility: str | None
    has_internet: bool
    has_sim: bool
    products: dict[str, Product]


def broken_rules(order: PlaceOrder, facts: Facts, today: date) -> list[Broken]:
    """Every rule that the order breaks; empty: it may be placed."""
    return [
        *_customer(order, facts),
        *_products(order, facts.products),
        *_composition(order, facts.products),
        *_offers(order, facts),
        *_choices(order, facts.products, today),
    ]


def _customer(order: PlaceOrder, facts: Facts) -> Iterator[Broken]:
    if not (facts.has_crm_account and facts.has_billing_account):
        yield _rule("type", "MAPPING_MISSING", "needs an account that is linked in both systems")
    if facts.status == "closed":
        yield _rule("type", "ACCOUNT_CLOSED", "cannot be ordered by a closed account")
    if facts.payment_methods == 0:
        yield _rule("type", "PAYMENT_METHOD_MISSING", "needs a payment method on file")
    if order.type == "sim" and facts.identity_status != "verified":
        yield _rule("type", "IDENTITY_NOT_VERIFIED", "needs a verified identity")
    if order.type == "internet":
        if facts.eligibility_status != "eligible":
            yield _rule("type", "NOT_ELIGIBLE", "needs an address that was found eligible")
        if facts.has_internet:
            yield _rule("type", "INTERNET_ACTIVE", "cannot be ordered while an internet service is active")
    if order.address is None and not facts.has_address:
        yield _rule("address", "ADDRESS_MISSING", "is needed, because none is on file")
    if order.address is None:
        yield from address_rules(facts.address)


def address_rules(on_file: Mapping[str, str | None]) -> list[Broken]:
    """Whether an order has room for the address on file."""
    long = [part for part, longest in LONGEST_ADDRESS.items() if len(on_file.get(part) or "") > longest]
    reason = f"is needed, because that on file has too long a {' and '.join(long)}"
    return [_rule("address", "ADDRESS_TOO_LONG", reason)] if long else []


def _products(order: PlaceOrder, known: Mapping[str, Product]) -> Iterator[Broken]:
    for at, line in enumerate(order.items):
        field, product = f"items[{at}].sku", known.get(line.sku)
        if product is None:
            yield _rule(field, "UNKNOWN_SKU", "is not in the catalogue")
        elif not product.is_orderable:
            yield _rule(field, "NOT_ORDERABLE", "cannot be ordered")
        elif not product.has_price:
            yield _rule(field, "NOT_PRICED", "has no price in the portal's price book")
        elif not (product.is_mapped and product.has_plan):
            yield _rule(field, "PRODUCT_MAPPING_MISSING", "cannot be billed yet")
        elif product.category != order.type:
            yield _rule(field, "WRONG_CATEGORY", f"does not belong to an order of type {order.type}")


def _composition(order: PlaceOrder, known: Mapping[str, Product]) -> Iterator[Broken]:
    skus = {line.sku for line in order.items}
    for at, line in enumerate(order.items):
        product = known.get(line.sku)
        if product is None:
            continue
        if product.item_class == "service" and line.quantity != 1:
            yield _rule(f"items[{at}].quantity", "ONE_SERVICE", "must be 1 for a service")
        for other in product.exclusive:
            if other in skus and other > line.sku:
                yield _rule(f"items[{at}].sku", "EXCLUSIVE", f"cannot be ordered together with {other}")
        for needed in product.required:
            if not _has_or_replaces(needed, order.items, known):
                yield _rule(f"items[{at}].sku", "REQUIRED_MISSING", f"needs {needed} in the same order")
    yield from _parts(order, known)


def _has_or_replaces(needed: str, lines: Sequence[Line], known: Mapping[str, Product]) -> bool:
    """Whether the needed product is in the cart, or one that may only stand in its place (another way to pay it)."""
    skus = [line.sku for line in lines]
    return needed in skus or any(needed in known[sku].exclusive for sku in skus if sku in known)


def _parts(order: PlaceOrder, known: Mapping[str, Product]) -> Iterator[Broken]:
    classes = [known[line.sku].item_class for line in order.items if line.sku in known]
    if classes.count("service") != 1:
        yield _rule("items", "ONE_SERVICE", "must hold exactly one service")
    if order.type == "internet":
        yield from _installation(order, known)
    if order.type in {"sim", "vpn"} and "activation" not in classes:
        yield _rule("items", "ACTIVATION_FEE_MISSING", "must hold the activation fee")


def _installation(order: PlaceOrder, known: Mapping[str, Product]) -> Iterator[Broken]:
    """One way to install and to pay for it; a weekend costs extra and is none by itself."""
    skus = [line.sku for line in order.items if line.sku in known]
    ways = [sku for sku in skus if known[sku].item_class == "installation" and not is_weekend(sku)]
    if not ways:
        yield _rule("items", "INSTALLATION_MISSING", "must hold an installation")
    if len(ways) > 1:
        yield _rule("items", "ONE_INSTALLATION", "must hold one installation, besides that of a weekend")


def is_weekend(sku: str) -> bool:
    """Whether the product is the extra charge for an installation at a weekend."""
    return "WEEKEND" in sku


def _choices(order: PlaceOrder, known: Mapping[str, Product], today: date) -> Iterator[Broken]:
    if order.activate_on is not None and not today <= order.activate_on <= today + LONGEST_AHEAD:
        yield _rule("activateOn", "ACTIVATION_DATE", "must lie between today and 30 days from now")
    if (order.type == "sim") != (order.sim is not None):
        needed = "is needed for an order of type sim" if order.type == "sim" else "is for orders of type sim only"
        yield _rule("sim", "SIM_CHOICES", needed)
    if order.access_mode is not None and order.type != "internet":
        yield _rule("accessMode", "ACCESS_MODE", "is for orders of type internet only")
    if order.sim is not None:
        yield from _sim(order.sim)
        if order.sim.porting is not None:
            yield from porting_rules(order.sim.porting, today, order.activate_on)
        yield from _voice(order, order.sim, known)


def _sim(sim: SimChoices) -> Iterator[Broken]:
    if (sim.sim_type == "esim") != (sim.eid is not None):
        yield _rule("sim.eid", "EID", "is needed for an eSIM, and for nothing else")
    # See decision 0012: no call that opens a card takes a reservation.
    if sim.porting is not None and sim.sim_type != "esim":
        yield _rule("sim.porting", "MNP_ESIM_ONLY", "is for eSIMs; open a case to bring a number to a card")


def porting_rules(porting: Porting, today: date, activate_on: date | None) -> Iterator[Broken]:
    """What days must be true of a number that is brought along: the reservation still holds when the line is opened."""
    if porting.expires_on < max(today, activate_on or today):
        yield _rule("sim.porting.expiresOn", "MNP_EXPIRED", "has passed by then: a new reservation is needed")
    if porting.expires_on > today + LONGEST_RESERVED:
        yield _rule("sim.porting.expiresOn", "MNP_EXPIRY", f"must lie within {LONGEST_RESERVED.days} days from now")
    if not today.year - OLDEST_YEARS <= porting.birth_date.year or porting.birth_date >= today:
        yield _rule("sim.porting.birthDate", "BIRTH_DATE", f"must have passed, within the last {OLDEST_YEARS} years")


def _voice(order: PlaceOrder, sim: SimChoices, known: Mapping[str, Product]) -> Iterator[Broken]:
    """Voice options are for plans with voice."""
    plans = [known[line.sku] for line in order.items if line.sku in known and known[line.sku].item_class == "service"]
    if any(plan.is_data_only for plan in plans):
        chosen = {"voiceMail": sim.voice_mail, "callWaiting": sim.call_waiting}
        for name in (name for name, is_wanted in chosen.items() if is_wanted):
            yield _rule(f"sim.{name}", "DATA_ONLY", "is not for data-only plans")


def _offers(order: PlaceOrder, facts: Facts) -> Iterator[Broken]:
    """Who is offered what."""
    for at, line in enumerate(order.items):
        product = facts.products.get(line.sku)
        if product is None or product.item_class != "service":
            continue
        if product.for_families and not facts.has_sim:
            yield _rule(f"items[{at}].sku", "FAMILY_DISCOUNT", "is for customers with an active SIM")
        if order.type == "internet" and product.offering not in {None, facts.eligibility}:
            yield _rule(f"items[{at}].sku", "OFFERING", "is not offered at the customer's address")


def _rule(field: str, code: RuleCode, reason: str) -> Broken:
    return Broken(field=field, code=code, reason=reason)
