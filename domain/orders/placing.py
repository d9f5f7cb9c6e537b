"""Placing an order: what may be asked for, and the rules of the business (portal reference, section 6.3)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, Field, model_validator

from domain.commands.asked import Asked, Broken

Type = Literal["internet", "sim", "vpn"]
RuleCode = Literal[
    "ACCESS_MODE",
    "ACCOUNT_CLOSED",
    "ACTIVATION_DATE",
    "ACTIVATION_FEE_MISSING",
    "ADDRESS_MISSING",
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
KATAKANA = r"^[ァ-ヺー・ 　]+$"


class Line(Asked):
    """A product of the cart; nothing is added to what was chosen."""

    sku: str = Field(min_length=1, max_length=80, examples=["SIM-DATA-ONLY-5GB"])
    quantity: int = Field(1, ge=1, le=10)


class Porting(Asked):
    """A number that comes from another carrier (MNP)."""

    reservation_number: str = Field(pattern=r"^\d{10}$", examples=["1234567890"])
    expires_on: date
    phone_number: str = Field(pattern=r"^0\d{10}$", examples=["09012345678"])
    carrier_account: str | None = Field(None, max_length=40)
    last_name: str = Field(min_length=1, max_length=50)
    first_name: str = Field(min_length=1, max_length=50)
    last_name_katakana: str = Field(pattern=KATAKANA, max_length=50, examples=["ヤマダ"])
    first_name_katakana: str = Field(pattern=KATAKANA, max_length=50, examples=["ハナコ"])
    gender: Literal["male", "female", "corporate"]
    birth_date: date


class SimChoices(Asked):
    """How a SIM is wanted."""

    sim_type: Literal["esim", "physical"]
    eid: str | None = Field(None, pattern=r"^\d{32}$", description="eSIM only: the chip's id, 32 digits")
    voice_mail: bool = False
    call_waiting: bool = False
    porting: Porting | None = None


class Address(Asked):
    """Where a service is installed."""

    street: str = Field(min_length=1, max_length=255)
    city: str = Field(min_length=1, max_length=40)
    state: str = Field(min_length=1, max_length=80)
    postcode: str = Field(min_length=1, max_length=20)
    country: str = Field("JP", pattern=r"^[A-Z]{2}$")


class PlaceOrder(Asked):
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
    """What the hub knows of a product in the cart."""

    category: str
    item_class: str
    is_orderable: bool
    has_price: bool
    is_mapped: bool
    offering: str | None
    for_families: bool
    is_data_only: bool
    required: list[str]
    exclusive: list[str]


class Facts(BaseModel):
    """What the hub knows of the customer and of the products in the cart, by SKU."""

    has_crm_account: bool
    has_billing_account: bool
    status: str | None
    payment_methods: int
    has_address: bool
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


def _products(order: PlaceOrder, known: Mapping[str, Product]) -> Iterator[Broken]:
    for at, line in enumerate(order.items):
        field, product = f"items[{at}].sku", known.get(line.sku)
        if product is None:
            yield _rule(field, "UNKNOWN_SKU", "is not in the catalogue")
        elif not product.is_orderable:
            yield _rule(field, "NOT_ORDERABLE", "cannot be ordered")
        elif not product.has_price:
            yield _rule(field, "NOT_PRICED", "has no price in the portal's price book")
        elif not product.is_mapped:
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
        yield from _sim(order.sim, today)
        yield from _voice(order, order.sim, known)


def _sim(sim: SimChoices, today: date) -> Iterator[Broken]:
    if (sim.sim_type == "esim") != (sim.eid is not None):
        yield _rule("sim.eid", "EID", "is needed for an eSIM, and for nothing else")
    # See decision 0012: no call that opens a card takes a reservation.
    if sim.porting is not None and sim.sim_type != "esim":
        yield _rule("sim.porting", "MNP_ESIM_ONLY", "is for eSIMs; open a case to bring a number to a card")
    if sim.porting is not None and sim.porting.expires_on < today:
        yield _rule("sim.porting.expiresOn", "MNP_EXPIRED", "has passed: a new reservation is needed")
    if sim.porting is not None and sim.porting.birth_date >= today:
        yield _rule("sim.porting.birthDate", "BIRTH_DATE", "must have passed")


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
