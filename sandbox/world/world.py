"""A whole business as a pure function of (seed, number): any size, no memory."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from sandbox.world.catalogue import PORTAL, PRICEBOOKS, PRODUCTS
from sandbox.world.facts import (
    Address,
    Case,
    Customer,
    Dirt,
    Invoice,
    Line,
    Order,
    OrderItem,
    PayMethod,
    Service,
)
from sandbox.world.index import PROFILES, Cell, MonthIndex, OwnerIndex
from sandbox.world.mixing import mixed, picked
from sandbox.world.names import BUILDINGS, COMPANIES, GIVEN_NAMES, PLACES, SURNAMES
from sandbox.world.profiles import (
    CLAIMS_NEXT_CLIENT,
    CLAIMS_NEXT_NUMBER,
    MALFORMED_INVOICE,
    MALFORMED_NUMBER,
    MALFORMED_SIGNUP,
    MONTHS,
    NAMELESS_ACCOUNT,
    NO_FIELD_198,
    UNREADABLE_CLAIM,
    ZERO_SIGNUP,
    Profile,
    profiles,
)
from sandbox.world.salesforce_ids import number_of, salesforce_id

FIRST_CLIENT_ID = 1001
FIRST_SERVICE_ID = 5001
FIRST_WHMCS_ORDER_ID = 3001
FIRST_INVOICE_ID = 10001
FIRST_PAY_METHOD_ID = 7001
FIRST_ORDER_NUMBER = 100  # Salesforce autonumber "00000100"
FIRST_CASE_NUMBER = 1000

_SETTLED = datetime(2025, 10, 1, tzinfo=UTC)  # everything in Salesforce was last touched in the quarter after this
_SETTLING = timedelta(days=91)
_PHONES, _STRIDE, _SHIFT = 10**8, 61_803_399, 27_182_818  # stride has no factor in common with 10**8
_UNSTRIDE = pow(_STRIDE, -1, _PHONES)
_LINE_STATES = {
    "Active": "active",
    "Suspended": "suspended",
    "Pending": "waiting",
    "On Hold": "suspended",
}  # any other: obsolete


class World:
    """Facts about customers 0..customers-1. Same seed, same facts; nothing is stored."""

    products = PRODUCTS
    pricebooks = PRICEBOOKS

    def __init__(self, seed: int = 1, customers: int = 1000) -> None:
        self.seed = seed
        self.customers = customers
        self.profiles = profiles(seed)
        p = self.profiles
        self.accounts = OwnerIndex(customers, [int(x.has_salesforce) for x in p])  # n-th Account <-> customer
        self.clients = OwnerIndex(customers, [int(x.has_whmcs) for x in p])
        self.service_index = OwnerIndex(customers, [len(x.services) for x in p])
        self.sim_index = OwnerIndex(customers, [sum(s.is_sim for s in x.services) for x in p])
        self.addon_index = OwnerIndex(customers, [sum(s.has_addon for s in x.services) for x in p])
        self.order_index = OwnerIndex(customers, [len(x.orders) for x in p])
        self.item_index = OwnerIndex(customers, [sum(len(o.items) for o in x.orders) for x in p])
        self.case_index = OwnerIndex(customers, [len(x.cases) for x in p])
        self.pay_method_index = OwnerIndex(customers, [len(x.pay_methods) for x in p])
        self.invoice_index = MonthIndex(customers, [(m, [x.slot for x in p if m in x.invoices]) for m in range(MONTHS)])

    def counts(self) -> dict[str, int]:
        """How many of each object there are."""
        return {
            "customers": self.customers,
            "salesforce.accounts": len(self.accounts),
            "salesforce.contacts": len(self.accounts),
            "salesforce.products": len(PRODUCTS),
            "salesforce.prices": len(PRODUCTS) * len(PRICEBOOKS),
            "salesforce.orders": len(self.order_index),
            "salesforce.order_items": len(self.item_index),
            "salesforce.cases": len(self.case_index),
            "salesforce.case_comments": len(self.case_index),
            "whmcs.clients": len(self.clients),
            "whmcs.services": len(self.service_index),
            "whmcs.invoices": len(self.invoice_index),
            "whmcs.payment_methods": len(self.pay_method_index),
            "freebit.lines": len(self.sim_index),
        }

    def profile(self, customer: int) -> Profile:
        return self.profiles[customer % PROFILES]

    # -- customers ---------------------------------------------------------------------------------------------------

    def customer(self, number: int) -> Customer:
        """Customer `number`.

        Raises:
            IndexError: there is no such customer.
        """
        if not 0 <= number < self.customers:
            raise IndexError(number)
        profile = self.profile(number)
        bits = mixed(self.seed, 1, number)
        (last, last_romaji), (first, first_romaji) = self.name(number)
        company = self.company(number)
        created = datetime(2019, 1, 1, 9, tzinfo=UTC) + timedelta(seconds=(bits >> 20) % 157_000_000)
        title = company or f"{last} {first}"
        return Customer(
            number=number,
            profile=profile,
            has_salesforce=profile.has_salesforce,
            has_whmcs=profile.has_whmcs,
            customer_number=f"C{number:07d}",
            account_id=salesforce_id("Account", number),
            contact_id=salesforce_id("Contact", number),
            client_id=FIRST_CLIENT_ID + number,
            last_name=last,
            first_name=first,
            last_romaji=last_romaji,
            first_romaji=first_romaji,
            company=company,
            account_name=None if profile.slot in NAMELESS_ACCOUNT else title,
            email=self.email(number),
            phone=f"0{3 + bits % 7}-{(bits >> 8) % 9000 + 1000}-{(bits >> 32) % 10000:04d}",
            address=_address(mixed(self.seed, 2, number)),
            created_at=created,
            updated_at=self._touched(number, self.customers),
            client_status=profile.client_status,
            signup_date=_signup(profile.slot, created),
            portal_status=profile.portal_status,
            eligibility=profile.eligibility,
            eligibility_status=profile.eligibility_status,
            identity_status=profile.identity_status,
            wh_account=self._claimed_client(number, title),
            field_198=self._claimed_number(number),
        )

    def name(self, number: int) -> tuple[tuple[str, str], tuple[str, str]]:
        """((family name, its reading), (given name, its reading)) of customer `number`."""
        bits = mixed(self.seed, 1, number)
        return picked(SURNAMES, bits >> 7), picked(GIVEN_NAMES, bits >> 29)

    def company(self, number: int) -> str:
        return picked(COMPANIES, mixed(self.seed, 1, number) >> 43) if self.profile(number).is_company else ""

    def email(self, number: int) -> str:
        _, (_, first) = self.name(number)
        return f"{first.lower()}.{number}@customer.example"

    def account_number(self, account_id: str) -> int | None:
        """Customer whose Account this is, None if there is none."""
        return self._existing(number_of("Account", account_id), salesforce=True)

    def client_number(self, client_id: int) -> int | None:
        """Customer whose WHMCS client this is, None if there is none."""
        return self._existing(client_id - FIRST_CLIENT_ID, salesforce=False)

    def _existing(self, number: int | None, *, salesforce: bool) -> int | None:
        if number is None or not 0 <= number < self.customers:
            return None
        profile = self.profile(number)
        return number if (profile.has_salesforce if salesforce else profile.has_whmcs) else None

    def _claimed_client(self, number: int, title: str) -> str | None:
        slot = number % PROFILES
        if not self.profile(number).has_whmcs:
            return None
        if slot in UNREADABLE_CLAIM:
            return f"{title} (old billing)"
        claimed = number + 1 if slot in CLAIMS_NEXT_CLIENT and number + 1 < self.customers else number
        return f"#{FIRST_CLIENT_ID + claimed} - {title}"

    def _claimed_number(self, number: int) -> str:
        slot = number % PROFILES
        if not self.profile(number).has_salesforce or slot in NO_FIELD_198:
            return ""
        claimed = number + 1 if slot in CLAIMS_NEXT_NUMBER and number + 1 < self.customers else number
        return f"C{claimed:07d}"

    def _touched(self, number: int, count: int) -> datetime:
        """SystemModstamp of the number-th of count records: whole seconds, ascending."""
        return _SETTLED + timedelta(seconds=int(_SETTLING.total_seconds()) * number // max(count, 1))

    # -- services and SIM lines --------------------------------------------------------------------------------------

    def service(self, number: int) -> Service:
        """Service `number`.

        Raises:
            IndexError: there is no such service.
        """
        customer, k = self.service_index.owner(number)
        profile = self.profile(customer)
        plan = profile.services[k]
        sim = self.sim_index.first(customer) + sum(s.is_sim for s in profile.services[:k]) if plan.is_sim else None
        msisdn = phone_of(sim) if sim is not None and plan.number_style != "malformed" and plan.number_field else None
        order = self.order_index.first(customer) + k if k < len(profile.orders) else None
        text = _number_text(msisdn, plan.number_style)
        bits = mixed(self.seed, 3, number)
        return Service(
            number=number,
            k=k,
            customer=customer,
            client_id=FIRST_CLIENT_ID + customer,
            service_id=FIRST_SERVICE_ID + number,
            whmcs_order_id=FIRST_WHMCS_ORDER_ID + number,
            whmcs_order_number=bits % 9_000_000_000 + 1_000_000_000,
            plan=plan,
            sim_number=sim,
            msisdn=msisdn,
            number_text=text,
            serial=f"PT{bits % 10**13:013d}" if sim is not None and not plan.esim else "",
            eid=f"8904{mixed(self.seed, 4, number):028d}" if sim is not None and plan.esim else "",
            domain=msisdn or "" if plan.number_field == "domain" else "",
            sf_order=order,
            sf_order_id=None if order is None else salesforce_id("Order", order),
            opportunity_id=None if order is None else salesforce_id("Opportunity", order),
        )

    def services(self, customer: int) -> list[Service]:
        return [self.service(number) for number in self.service_index.of(customer)]

    def sim_service(self, sim: int) -> Service:
        """The n-th SIM service.

        Raises:
            IndexError: there is no such line.
        """
        customer, nth = self.sim_index.owner(sim)
        ks = [k for k, plan in enumerate(self.profile(customer).services) if plan.is_sim]
        return self.service(self.service_index.number(customer, ks[nth]))

    def line(self, sim: int) -> Line:
        """The SIM line of the n-th SIM service; `in_freebit` is False where no line was ever opened."""
        service = self.sim_service(sim)
        plan, product = service.plan, service.product
        bits = mixed(self.seed, 5, sim)
        talk = product.plan_type != "DataOnly"
        absent = talk and bits % 20 == 0
        return Line(
            number=sim,
            msisdn=phone_of(sim),
            state=_LINE_STATES.get(plan.status, "obsolete"),
            started_on=plan.registered_on,
            plan=product,
            iccid=f"8981{bits % 10**15:015d}",
            imsi=f"44010{(bits >> 9) % 10**10:010d}",
            eid=service.eid or None,
            size="esim" if plan.esim else picked(("nano", "micro", "standard"), bits >> 5),
            contract_line="5G" if plan.is_5g else "4G",
            sms=talk or bits % 3 == 0,
            talk=talk,
            voicemail=None if absent else plan.has_addon,
            callwaiting=None if absent else talk and bits % 7 == 0,
            worldwing=None if absent else talk and bits % 11 == 0,
            remaining_kb=product.quota_kb * ((bits >> 13) % 1000) // 1000,
            in_freebit=service.msisdn is not None,
        )

    def line_by_phone(self, msisdn: str) -> Line | None:
        """The line with this number, None if Freebit has none."""
        sim = sim_of_phone(msisdn)
        if sim is None or sim >= len(self.sim_index):
            return None
        line = self.line(sim)
        return line if line.msisdn == msisdn and line.in_freebit else None

    # -- Salesforce orders and cases ---------------------------------------------------------------------------------

    def order(self, number: int) -> Order:
        """Salesforce order `number`.

        Raises:
            IndexError: there is no such order.
        """
        customer, k = self.order_index.owner(number)
        plan = self.profile(customer).orders[k]
        service = None if plan.service is None else self.service(self.service_index.number(customer, plan.service))
        first = self.item_index.first(customer) + sum(len(o.items) for o in self.profile(customer).orders[:k])
        placed = datetime(plan.placed_on.year, plan.placed_on.month, plan.placed_on.day, 1, 30, tzinfo=UTC)
        return Order(
            number=number,
            order_id=salesforce_id("Order", number),
            order_number=f"{FIRST_ORDER_NUMBER + number:08d}",
            customer=customer,
            account_id=salesforce_id("Account", customer),
            plan=plan,
            items=tuple(
                OrderItem(
                    number=first + at,
                    item_id=salesforce_id("OrderItem", first + at),
                    order_number=number,
                    product=item.product,
                    entry_id=item.product.entry_id(PORTAL),
                    quantity=item.quantity,
                    unit_price=item.product.price,
                    whmcs_service_id=service.service_id if service and at == 0 else None,
                )
                for at, item in enumerate(plan.items)
            ),
            whmcs_order_id=service.whmcs_order_id if service else None,
            opportunity_id=salesforce_id("Opportunity", number),
            eid=(service.eid or None) if service else None,
            created_at=placed,
            updated_at=max(self._touched(number, len(self.order_index)), _SETTLED),
        )

    def orders(self, customer: int) -> list[Order]:
        return [self.order(number) for number in self.order_index.of(customer)]

    def order_item(self, number: int) -> tuple[Order, OrderItem]:
        """Order item `number` with its order.

        Raises:
            IndexError: there is no such item.
        """
        customer, k = self.item_index.owner(number)
        for at, plan in enumerate(self.profile(customer).orders):
            if k < len(plan.items):
                order = self.order(self.order_index.number(customer, at))
                return order, order.items[k]
            k -= len(plan.items)
        raise IndexError(number)

    def case(self, number: int) -> Case:
        """Salesforce case `number`.

        Raises:
            IndexError: there is no such case.
        """
        customer, k = self.case_index.owner(number)
        plan = self.profile(customer).cases[k]
        seconds = mixed(self.seed, 6, number) % 86_400
        return Case(
            number=number,
            case_id=salesforce_id("Case", number),
            case_number=f"{FIRST_CASE_NUMBER + number:08d}",
            customer=customer,
            account_id=salesforce_id("Account", customer),
            contact_id=salesforce_id("Contact", customer),
            plan=plan,
            opened_at=_at(plan.opened_on, seconds),
            closed_at=_at(plan.closed_on, seconds) if plan.closed_on else None,
            updated_at=self._touched(number, len(self.case_index)),
        )

    def cases(self, customer: int) -> list[Case]:
        return [self.case(number) for number in self.case_index.of(customer)]

    # -- billing -----------------------------------------------------------------------------------------------------

    def invoice(self, number: int) -> Invoice:
        """Invoice `number`.

        Raises:
            IndexError: there is no such invoice.
        """
        month, customer = self.invoice_index.cell(number)
        plan = self.profile(customer).invoices[month]
        broken = self.is_malformed_invoice(customer, month)
        return Invoice(
            number=number,
            invoice_id=FIRST_INVOICE_ID + number,
            customer=customer,
            client_id=FIRST_CLIENT_ID + customer,
            plan=plan,
            date_text="not-a-date" if broken else plan.issued_on.isoformat(),
        )

    def invoices(self, customer: int) -> list[Invoice]:
        """The customer's invoices, oldest first."""
        return [self.invoice(self.invoice_number(customer, month)) for month in self.profile(customer).invoices]

    def invoice_number(self, customer: int, month: int) -> int:
        """Number of the invoice the customer got in that month.

        Raises:
            KeyError: there is none.
        """
        number = self.invoice_index.number(Cell(month, customer))
        if number is None:
            raise KeyError(customer, month)
        return number

    def is_malformed_invoice(self, customer: int, month: int) -> bool:
        slot = customer % PROFILES
        return slot in MALFORMED_INVOICE and month == max(self.profiles[slot].invoices)

    def pay_method(self, number: int) -> PayMethod:
        """Pay method `number`.

        Raises:
            IndexError: there is no such pay method.
        """
        customer, k = self.pay_method_index.owner(number)
        return PayMethod(
            number=number,
            pay_method_id=FIRST_PAY_METHOD_ID + number,
            customer=customer,
            client_id=FIRST_CLIENT_ID + customer,
            plan=self.profile(customer).pay_methods[k],
            last_four=f"{mixed(self.seed, 7, number) % 10000:04d}",
        )

    def pay_methods(self, customer: int) -> list[PayMethod]:
        return [self.pay_method(number) for number in self.pay_method_index.of(customer)]

    # -- dirt --------------------------------------------------------------------------------------------------------

    def dirt(self) -> Iterator[Dirt]:
        """Every row that cannot be represented, customer by customer."""
        slots = sorted(NAMELESS_ACCOUNT | MALFORMED_SIGNUP | MALFORMED_NUMBER | MALFORMED_INVOICE)
        for start in range(0, self.customers, PROFILES):
            for slot in slots:
                if start + slot < self.customers:
                    yield from self._dirt_of(start + slot)

    def _dirt_of(self, number: int) -> Iterator[Dirt]:
        slot, profile = number % PROFILES, self.profile(number)
        if slot in NAMELESS_ACCOUNT and profile.has_salesforce:
            yield Dirt("salesforce", "salesforce.accounts", salesforce_id("Account", number), "Name is empty")
        if slot in MALFORMED_SIGNUP and profile.has_whmcs:
            yield Dirt("whmcs", "whmcs.clients", str(FIRST_CLIENT_ID + number), "datecreated is no date")
        if slot in MALFORMED_NUMBER:
            service = self.service(self.service_index.number(number))
            yield Dirt("whmcs", "whmcs.services", str(service.service_id), "SIM Number is no phone number")
        if slot in MALFORMED_INVOICE and profile.invoices:
            invoice = self.invoice_number(number, max(profile.invoices))
            yield Dirt("whmcs", "whmcs.invoices", str(FIRST_INVOICE_ID + invoice), "date is no date")


@lru_cache(maxsize=4)
def world(seed: int, customers: int) -> World:
    """A World, shared by whoever asks for the same one."""
    return World(seed, customers)


def phone_of(sim: int) -> str:
    """Phone number of the n-th SIM line: 11 digits, unique."""
    return f"0{'789'[sim % 3]}0{(sim * _STRIDE + _SHIFT) % _PHONES:08d}"


def sim_of_phone(msisdn: str) -> int | None:
    """Which SIM line has this number (it need not exist), None if none can."""
    if len(msisdn) != 11 or not msisdn.isascii() or not msisdn.isdigit():
        return None
    sim = (int(msisdn[3:]) - _SHIFT) * _UNSTRIDE % _PHONES
    return sim if phone_of(sim) == msisdn else None


def _number_text(msisdn: str | None, style: str) -> str:
    if style == "malformed":
        return "O9O-12E4-56"
    if msisdn and style == "hyphens":
        return f"{msisdn[:3]}-{msisdn[3:7]}-{msisdn[7:]}"
    return msisdn or ""


def _signup(slot: int, created: datetime) -> str:
    if slot in MALFORMED_SIGNUP:
        return "31st of March"
    return "0000-00-00" if slot in ZERO_SIGNUP else created.date().isoformat()


def _address(bits: int) -> Address:
    state, city, town, head = picked(PLACES, bits)
    return Address(
        postcode=f"{head}-{(bits >> 8) % 10000:04d}",
        state=state,
        city=city,
        address1=f"{town}{bits % 9 + 1}-{(bits >> 16) % 20 + 1}-{(bits >> 24) % 30 + 1}",
        address2=picked(BUILDINGS, bits >> 40),
        country="JP",
    )


def _at(day: date, seconds: int) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=seconds)
