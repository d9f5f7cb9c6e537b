"""Where unchanged records come from: the n-th row of an object, computed from the world and never stored.

Rows are numbered so that both their ids and their SystemModstamp ascend with the number.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from sandbox.salesforce import rows
from sandbox.salesforce.rows import Row
from sandbox.world import PRICEBOOKS, PRODUCTS, Customer, Order, World, number_of, salesforce_id

Numbers = Iterable[int]
_REMEMBERED = 64


@dataclass(frozen=True)
class Base:
    """The unchanged rows of one object."""

    count: int
    row: Callable[[int], Row]
    record_id: Callable[[int], str]
    number: Callable[[str], int | None]  # of a row with this 18-character id
    children: dict[str, Callable[[str], Numbers]]  # by reference field: numbers of the rows that point to an id
    run: Callable[[int], Iterator[Row]] | None = None  # rows from a number on, where that is cheaper than one by one

    def rows(self, start: int) -> Iterator[Row]:
        """Rows `start` and after, in order."""
        return self.run(start) if self.run else map(self.row, range(start, self.count))


def bases(world: World) -> dict[str, Base]:
    """The Base of every object, by the object's name."""
    # An order is asked for once as itself or by each of its items, one after the other.
    sale = lru_cache(maxsize=_REMEMBERED)(world.order)
    return {
        "Account": _of_customers(world, "Account", rows.account),
        "Contact": _of_customers(world, "Contact", rows.contact, ("AccountId",)),
        "Product2": Base(
            len(PRODUCTS),
            _catalogue_rows([rows.product(product) for product in PRODUCTS]),
            lambda n: salesforce_id("Product2", n),
            _numbered("Product2", len(PRODUCTS)),
            {},
        ),
        "Pricebook2": Base(
            len(PRICEBOOKS),
            _catalogue_rows([rows.pricebook(book) for book in PRICEBOOKS]),
            lambda n: salesforce_id("Pricebook2", n),
            _numbered("Pricebook2", len(PRICEBOOKS)),
            {},
        ),
        "PricebookEntry": _entries(),
        "Order": _orders(world, sale),
        "OrderItem": _order_items(world, sale),
        "Case": _cases(world),
        "Opportunity": _opportunities(world),
        "CaseComment": _case_comments(world),
        "User": Base(
            len(rows.USERS), rows.user, lambda n: salesforce_id("User", n), _numbered("User", len(rows.USERS)), {}
        ),
        "ContentVersion": _nothing("ContentVersion", "FirstPublishLocationId"),
        "SIM_Inventory__c": Base(
            rows.STOCK,
            rows.sim_card,
            lambda n: salesforce_id("SIM_Inventory__c", n),
            _numbered("SIM_Inventory__c", rows.STOCK),
            {"Assigned_Account__c": lambda _: (), "Assigned_Order__c": lambda _: ()},
        ),
    }


def _nothing(kind: str, parent: str) -> Base:
    """An object of which the world has no record: all there are were created."""

    def never(number: int) -> Row:
        raise IndexError(number)

    return Base(0, never, lambda n: salesforce_id(kind, n), _numbered(kind, 0), {parent: lambda _: ()})


def _catalogue_rows(made: list[Row]) -> Callable[[int], Row]:
    """The catalogue is small and looked up for every order item, so its rows are kept."""
    return made.__getitem__


def _numbered(kind: str, count: int) -> Callable[[str], int | None]:
    def number(record_id: str) -> int | None:
        found = number_of(kind, record_id)
        return found if found is not None and found < count else None

    return number


def _of_customers(world: World, kind: str, row: Callable[[Customer], Row], parents: tuple[str, ...] = ()) -> Base:
    """Objects of which each customer that Salesforce knows has one."""
    index = world.accounts

    def number(record_id: str) -> int | None:
        customer = number_of(kind, record_id)
        if customer is None or customer >= world.customers or not world.profile(customer).has_salesforce:
            return None
        return index.first(customer)

    return Base(
        len(index),
        lambda n: row(world.customer(index.owner(n).customer)),
        lambda n: salesforce_id(kind, index.owner(n).customer),
        number,
        dict.fromkeys(parents, _by_customer(world, index.of)),
    )


def _entries() -> Base:
    books = len(PRICEBOOKS)

    def of_product(product_id: str) -> Numbers:
        product = number_of("Product2", product_id)
        return () if product is None or product >= len(PRODUCTS) else range(product * books, (product + 1) * books)

    def of_pricebook(pricebook_id: str) -> Numbers:
        book = number_of("Pricebook2", pricebook_id)
        return () if book is None or book >= books else range(book, len(PRODUCTS) * books, books)

    return Base(
        len(PRODUCTS) * books,
        _catalogue_rows([rows.pricebook_entry(product, book) for product in PRODUCTS for book in PRICEBOOKS]),
        lambda n: salesforce_id("PricebookEntry", n),
        _numbered("PricebookEntry", len(PRODUCTS) * books),
        {"Product2Id": of_product, "Pricebook2Id": of_pricebook},
    )


def _by_customer(world: World, of: Callable[[int], range]) -> Callable[[str], Numbers]:
    def of_account(account_id: str) -> Numbers:
        customer = number_of("Account", account_id)
        return () if customer is None or customer >= world.customers else of(customer)

    return of_account


def _orders(world: World, sale: Callable[[int], Order]) -> Base:
    index = world.order_index
    customer = lru_cache(maxsize=_REMEMBERED)(world.customer)

    def row(number: int) -> Row:
        found = sale(number)
        return rows.order(found, customer(found.customer).address)

    return Base(
        len(index),
        row,
        lambda n: salesforce_id("Order", n),
        _numbered("Order", len(index)),
        {"AccountId": _by_customer(world, index.of), "OpportunityId": _same_number("Opportunity", len(index))},
    )


def _same_number(kind: str, count: int) -> Callable[[str], Numbers]:
    def of_twin(record_id: str) -> Numbers:
        number = number_of(kind, record_id)
        return () if number is None or number >= count else (number,)

    return of_twin


def _order_items(world: World, sale: Callable[[int], Order]) -> Base:
    index = world.item_index

    def of_order(order_id: str) -> Numbers:
        number = number_of("Order", order_id)
        if number is None or number >= len(world.order_index):
            return ()
        return [item.number for item in sale(number).items]

    def run(start: int) -> Iterator[Row]:
        if start >= len(index):
            return
        first, _ = world.order_item(start)
        for number in range(first.number, len(world.order_index)):
            found = sale(number)
            for item in found.items:
                if item.number >= start:
                    yield rows.order_item(found, item)

    return Base(
        len(index),
        lambda n: rows.order_item(*world.order_item(n)),
        lambda n: salesforce_id("OrderItem", n),
        _numbered("OrderItem", len(index)),
        {"OrderId": of_order},
        run,
    )


def _cases(world: World) -> Base:
    index = world.case_index

    def row(number: int) -> Row:
        ticket = world.case(number)
        return rows.case(ticket, world.email(ticket.customer))

    def of_contact(contact_id: str) -> Numbers:
        customer = number_of("Contact", contact_id)
        return () if customer is None or customer >= world.customers else index.of(customer)

    return Base(
        len(index),
        row,
        lambda n: salesforce_id("Case", n),
        _numbered("Case", len(index)),
        {"AccountId": _by_customer(world, index.of), "ContactId": of_contact},
    )


def _case_comments(world: World) -> Base:
    """One on each case."""
    count = len(world.case_index)
    return Base(
        count,
        lambda n: rows.case_comment(world.case(n), n),
        lambda n: salesforce_id("CaseComment", n),
        _numbered("CaseComment", count),
        {"ParentId": _same_number("Case", count)},
    )


def _opportunities(world: World) -> Base:
    index = world.order_index
    return Base(
        len(index),
        lambda n: rows.opportunity(world.order(n)),
        lambda n: salesforce_id("Opportunity", n),
        _numbered("Opportunity", len(index)),
        {"AccountId": _by_customer(world, index.of)},
    )
