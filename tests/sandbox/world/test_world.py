import tracemalloc
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.world import PREFIXES, World, number_of, salesforce_id
from sandbox.world.index import MonthIndex, OwnerIndex
from sandbox.world.salesforce_ids import case_suffix
from sandbox.world.world import phone_of, sim_of_phone

MILLION = World(seed=3, customers=1_000_000)
SMALL = World(seed=1, customers=1200)

sizes = st.integers(0, 5000)
counts = st.lists(st.integers(0, 4), min_size=20, max_size=20).map(lambda pattern: pattern * 50)


@pytest.mark.parametrize("number", [-1, 1200])
def test_there_is_no_customer_beyond_the_last(number: int) -> None:
    with pytest.raises(IndexError):
        SMALL.customer(number)


@pytest.mark.parametrize("number", [-1, 10**9])
@pytest.mark.parametrize("read", ["service", "order", "order_item", "case", "invoice", "pay_method", "line"])
def test_no_object_exists_outside_its_count(read: str, number: int) -> None:
    with pytest.raises(IndexError):
        getattr(SMALL, read)(number)


def test_an_id_of_another_kind_another_org_or_with_a_false_suffix_is_nobodys() -> None:
    account = salesforce_id("Account", 5)

    assert number_of("Order", account) is None
    assert number_of("Account", "001D000000IRFma") is None
    assert number_of("Account", account[:15] + "ZZZ") is None
    assert SMALL.account_number(salesforce_id("Account", 10**6)) is None


def test_a_number_that_no_line_has_leads_to_no_line() -> None:
    assert SMALL.line_by_phone("09000000000") is None
    assert SMALL.line_by_phone("O9O-12E4-56") is None


@pytest.mark.parametrize(("short", "suffix"), [("001D000000IRFma", "IAH"), ("0014H00002LbR7Q", "QAV")])
def test_ids_carry_the_check_characters_of_published_ids(short: str, suffix: str) -> None:
    assert case_suffix(short) == suffix


@given(st.sampled_from(sorted(PREFIXES)), st.integers(0, 10**9))
def test_an_id_leads_back_to_its_number(kind: str, number: int) -> None:
    record_id = salesforce_id(kind, number)

    assert len(record_id) == 18
    assert number_of(kind, record_id) == number_of(kind, record_id[:15]) == number


@given(st.integers(0, 10**7))
def test_a_phone_number_leads_back_to_its_line(sim: int) -> None:
    assert sim_of_phone(phone_of(sim)) == sim


@given(sizes, counts, st.data())
def test_owners_and_numbers_are_inverse_and_complete(customers: int, per_slot: list[int], data: st.DataObject) -> None:
    index = OwnerIndex(customers, per_slot)

    assert len(index) == sum(per_slot[c % 1000] for c in range(customers))
    if len(index):
        number = data.draw(st.integers(0, len(index) - 1))
        customer, k = index.owner(number)
        assert index.number(customer, k) == number
        assert number in index.of(customer)
        assert 0 <= k < per_slot[customer % 1000]


@given(sizes, st.lists(st.sets(st.integers(0, 999), max_size=30), min_size=1, max_size=12), st.data())
def test_months_and_numbers_are_inverse_and_complete(
    customers: int, months: list[set[int]], data: st.DataObject
) -> None:
    index = MonthIndex(customers, [(month, sorted(slots)) for month, slots in enumerate(months)])

    assert len(index) == sum(c % 1000 in slots for slots in months for c in range(customers))
    if len(index):
        number = data.draw(st.integers(0, len(index) - 1))
        cell = index.cell(number)
        assert index.number(cell) == number
        assert cell.customer % 1000 in months[cell.month]
        assert next(index.cells(number, len(index))) == cell


@given(st.integers(0, MILLION.customers - 1))
def test_a_customers_children_are_its_own(number: int) -> None:
    for service in MILLION.services(number):
        assert service.customer == number
        if service.sim_number is not None:
            assert MILLION.sim_service(service.sim_number) == service
    for order in MILLION.orders(number):
        assert order.account_id == MILLION.customer(number).account_id
        assert all(MILLION.order_item(item.number) == (order, item) for item in order.items)
    assert {case.customer for case in MILLION.cases(number)} <= {number}
    assert {method.customer for method in MILLION.pay_methods(number)} <= {number}
    for invoice in MILLION.invoices(number):
        assert MILLION.invoice(MILLION.invoice_number(number, invoice.plan.month)) == invoice


@given(st.integers(0, MILLION.customers - 1))
def test_an_order_and_the_service_that_came_of_it_name_each_other(number: int) -> None:
    by_id = {service.service_id: service for service in MILLION.services(number)}

    for order in MILLION.orders(number):
        named = [item.whmcs_service_id for item in order.items if item.whmcs_service_id is not None]
        assert (order.whmcs_order_id is None) == (not named)
        for service_id in named:
            assert by_id[service_id].sf_order_id == order.order_id
            assert by_id[service_id].whmcs_order_id == order.whmcs_order_id
            assert by_id[service_id].product == order.items[0].product


@given(st.integers(0, len(MILLION.invoice_index) - 1))
def test_an_invoice_adds_up(number: int) -> None:
    plan = MILLION.invoice(number).plan

    assert plan.subtotal == sum(line.amount for line in plan.lines)
    assert plan.total == plan.subtotal + plan.tax - plan.credit
    assert plan.status not in {"Paid", "Refunded"} or plan.balance == (plan.total if plan.status == "Refunded" else 0)
    assert len(plan.lines) <= 16
    assert len(plan.payments) <= 4


@given(st.integers(0, len(MILLION.sim_index) - 1))
def test_a_lines_number_leads_to_the_line_unless_its_service_does_not_tell_it(sim: int) -> None:
    line = MILLION.line(sim)

    assert MILLION.line_by_phone(line.msisdn) == (line if line.in_freebit else None)


def test_the_same_seed_gives_the_same_facts_and_another_seed_others() -> None:
    again, other = World(seed=1, customers=1200), World(seed=2, customers=1200)

    assert [again.customer(n) for n in range(50)] == [SMALL.customer(n) for n in range(50)]
    assert [again.invoice(n) for n in range(50)] == [SMALL.invoice(n) for n in range(50)]
    assert [other.customer(n) for n in range(50)] != [SMALL.customer(n) for n in range(50)]


def test_invoice_numbers_are_chronological() -> None:
    dates = [SMALL.invoice(n).plan.issued_on for n in range(len(SMALL.invoice_index))]

    assert dates == sorted(dates)


@pytest.mark.parametrize(("read", "index"), [("order", "order_index"), ("case", "case_index")])
def test_salesforce_records_were_touched_in_the_order_of_their_numbers(read: str, index: str) -> None:
    touched = [getattr(SMALL, read)(n).updated_at for n in range(len(getattr(SMALL, index)))]

    assert all(later >= earlier for earlier, later in pairwise(touched))
    assert touched[-1] - touched[0] > timedelta(days=80)


def test_the_mix_is_that_of_a_telecom_reseller() -> None:
    counts = World(seed=1, customers=10_000).counts()

    share = {name: count / 10_000 for name, count in counts.items()}
    assert share["salesforce.accounts"] == share["whmcs.clients"] == 0.98
    assert 5 < share["whmcs.invoices"] < 9
    assert 1.4 < share["whmcs.services"] < 1.8
    assert 0.7 < share["freebit.lines"] < 1.0
    assert 1.8 < share["salesforce.orders"] < 2.2
    assert 2 <= share["salesforce.order_items"] / share["salesforce.orders"] <= 3


def test_a_world_of_any_size_takes_no_memory_to_speak_of() -> None:
    tracemalloc.start()
    try:
        huge = World(seed=1, customers=100_000_000)
        huge.invoice(len(huge.invoice_index) - 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 100 * 2**20, "a byte a customer"


def test_even_a_small_world_has_every_sort_of_dirt() -> None:
    datasets = {row.dataset for row in World(seed=1, customers=50).dirt()}

    assert datasets == {"salesforce.accounts", "whmcs.clients", "whmcs.services", "whmcs.invoices"}
