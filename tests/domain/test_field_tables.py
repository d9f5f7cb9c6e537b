"""A page says what each of its rows says alone, and refuses the same rows, whatever a source sends."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.billing.contract import InvoiceBalance
from domain.billing.providers.whmcs import mapper as billing
from domain.catalog.providers.salesforce import mapper as catalog
from domain.common.converters import amount, as_sent, escaped, flag, text
from domain.common.errors import MappingError
from domain.common.field_table import Converter, FieldTable, combined, reading
from domain.common.identifiers import hub_id, hub_ids_of
from domain.common.labels import unknown_in_columns, unknown_labels
from domain.common.record import Contract
from domain.common.times import local_to_utc, local_with_offset
from domain.common.vocabulary import FreebitVocabulary, SalesforceVocabulary, WhmcsVocabulary
from domain.common.whmcs import hub_id_of
from domain.customer.providers.salesforce import mapper as crm
from domain.customer.providers.whmcs import mapper as clients
from domain.orders.providers.salesforce import mapper as orders
from domain.sim.providers.freebit import mapper as lines
from domain.sim.providers.whmcs import mapper as sims
from domain.subscriptions.providers.whmcs import mapper as services
from domain.support.providers.salesforce import mapper as support
from tests.domain import strategies as sent
from tests.domain.literals import billing as bills
from tests.domain.literals import catalog as things
from tests.domain.literals import customers
from tests.domain.literals import orders as sales
from tests.domain.literals import services as subscribed
from tests.domain.literals import support as cases
from tests.domain.readers import PLAIN, by_column

WHMCS, SALESFORCE, FREEBIT = WhmcsVocabulary(), SalesforceVocabulary(), FreebitVocabulary()
MANY = SalesforceVocabulary(multi_currency=True, portal_pricebook="01s000000000001", portal_users=("hub@x",))
ZONES = ["Asia/Tokyo", "Europe/London", "America/St_Johns", "Africa/Monrovia", "UTC"]
IN_ZONES = [WhmcsVocabulary(timezone=zone) for zone in ZONES]
BILL = bills.DETAILS


def of_the_line(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """An answer about a line that has this in it; anything else, where that is told by one key."""
    return {"responseDatas": found.get("responseDatas", [found]), "line": subscribed.LINE._asdict()}


TABLES: dict[str, tuple[FieldTable[Any], Mapping[str, Any], list[Any]]] = {
    "invoice": (billing.INVOICE, bills.REFUNDED, IN_ZONES),
    "balance": (billing.BALANCE, BILL, IN_ZONES),
    "item": (billing.ITEM, {**BILL["items"]["item"][0], "invoice": BILL}, IN_ZONES),
    "payment": (billing.PAYMENT, {**BILL["transactions"]["transaction"][1], "invoice": BILL}, IN_ZONES),
    "method": (billing.METHOD, {**bills.METHODS["paymethods"][0], "client": bills.METHODS}, IN_ZONES),
    "client": (clients.CLIENT, customers.COMPANY, IN_ZONES),
    "client details": (clients.CLIENT_DETAILS, customers.DETAILS, IN_ZONES),
    "service": (services.SUBSCRIPTION, subscribed.SERVICE, IN_ZONES),
    "sim": (sims.SIM, subscribed.SERVICE, IN_ZONES),
    "account": (crm.ACCOUNT, customers.ACCOUNT, [SALESFORCE]),
    "product": (catalog.PRODUCT, things.SIM, [SALESFORCE]),
    "price": (catalog.PRICE, things.PRICE, [SALESFORCE, MANY]),
    "order": (orders.ORDER, sales.ORDER, [SALESFORCE, MANY]),
    "order item": (orders.ORDER_ITEM, sales.LINE, [SALESFORCE, MANY]),
    "case": (support.CASE, cases.CASE, [SALESFORCE]),
    "comment": (support.COMMENT, cases.COMMENT, [SALESFORCE, MANY]),
    "line": (lines.DETAILS, subscribed.DETAILS["responseDatas"][0], [FREEBIT]),
}

ODD = st.one_of(
    sent.junk,
    sent.texts,
    sent.money,
    sent.days,
    sent.moments,
    sent.stamps,
    sent.salesforce_ids,
    sent.labels,
    st.decimals(),
    st.sampled_from([
        "", " ", "0", 0, 1, True, False, 1.0, -0.0, 0.0, "\x00", "a\x00b", "\ud800", "\u0667", "\uff17", "1\n2",
        "7\n", " 7", "007", 10**18, 10**25, "9" * 18, "9" * 19, "1e3", "1E+3", "NaN", "Infinity", "-0", "+5", "1_000",
        "0x10", ".5", "5.", "1,100.00", "11,00", "99999999999999", "99999999999998.99", "9" * 13 + "." + "9" * 20,
        "0.123456789012345678901", "2026-02-30", "2026-02-01", "20260201", "2026-W05-1", "2026-02-01 24:00:00",
        "2026-02-01 10:00:60", "2026-02-01T10:00:00", "2026-02-01 10:00:00.5", "2026-02-01 10:00:00 ",
        "2026-10-25 01:30:00", "2026-03-29 01:30:00", "2006-10-29 00:30:00", "1971-12-31 09:00:00",
        "0001-01-01 00:00:00", "0000-00-00 00:00:00", "-0001-11-30 00:00:00", "2026-02-01T10:00:00Z",
        "2026-02-01T10:00:00+09:00", "2026-02-30T10:00:00.000+0000", "2026-02-01T10:00:00.000+0000", "1700000000",
        1700000000, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+09:00", "9999-12-31T23:59:59-05:00", "JPY", "jpy",
        "JPY\n", "true", "TRUE", "off", "on", "&amp;#039;", "O&#039;Brien &amp; Sons", '["A", "B\\"", "\ud800"]',
        '["a\\\\b", "{c}", "NULL", ""]', [], {}, [[]],
        {"customfield": [{"id": 1, "name": "SIM Number", "value": "+81 90-1234-5678"}]},
        {"customfield": [{"name": "SIM Number", "value": "none"}]}, {"func": "stop", "date": "20260301"},
        {"Name": "x"}, '["\\ud800"]', '["a\\u0000"]', "001D000000IRFma", "001D000000IRFmaIAH", b"bytes", None,
    ]),
)  # fmt: skip


class _Named(Contract):
    name: str | None


@st.composite
def odd_rows(draw: Any, row: Mapping[str, Any], fields: list[str]) -> dict[str, Any]:
    """The row with up to three of the fields that matter changed, or gone."""
    changed = dict(row)
    for field in draw(st.lists(st.sampled_from(fields), max_size=3)):
        value = draw(ODD | st.just(...))
        parent, _, inner = field.partition(".")
        if value is ...:
            changed.pop(field, None)
        elif isinstance(of := changed.get(parent), Mapping) and inner:
            changed[parent] = {**of, inner: value}
        else:
            changed[field] = value
    return changed


def alone(table: FieldTable[Any], row: Mapping[str, Any], words: Any) -> Contract | MappingError | None:
    try:
        return table.read_if_any(row, words)
    except MappingError as error:
        return error


@pytest.mark.parametrize("name", TABLES)
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_a_page_says_what_each_row_says_alone_and_refuses_the_same_rows(name: str, data: Any) -> None:
    table, row, vocabularies = TABLES[name]
    words = data.draw(st.sampled_from(vocabularies))
    fields = {*row, *table.sources, *(source.partition(".")[0] for source in table.sources)}
    if name == "line":
        fields = {source for source in fields if not source.startswith("line")} | {"account", "responseDatas"}
    rows = data.draw(st.lists(odd_rows(row, sorted(fields)), min_size=1, max_size=4))
    rows = [of_the_line(row) if name == "line" else row for row in rows]

    each = {place: alone(table, row, words) for place, row in enumerate(rows)}
    read = table.read_page(rows, words)

    assert set(read.refused) == {place for place, found in each.items() if isinstance(found, MappingError)}
    assert by_column(table, rows, words) == {place: each[place] for place in each if isinstance(each[place], Contract)}
    labels = [found for place in read.places for found in unknown_labels(each[place])]
    assert sorted(unknown_in_columns(table.contract, read.columns)) == sorted(labels)
    for column in read.columns.values():
        for value in column:
            assert value is None or "\x00" not in value
            assert value is None or value.encode("utf-8") is not None


@pytest.mark.parametrize("name", TABLES)
def test_a_usual_row_is_read_by_column(name: str) -> None:
    table, row, vocabularies = TABLES[name]

    read = table.read_page([of_the_line(row) if name == "line" else row] * 3, vocabularies[0])

    assert (read.refused, read.places) == (frozenset(), [0, 1, 2])


def test_a_row_says_whose_it_is_where_its_record_is_somebodys_and_it_says_so() -> None:
    owned, nobodys = TABLES["invoice"][0], TABLES["product"][0]

    assert owned.account_of({"userid": "12", "total": "unreadable"}) == hub_id("whmcs", "account", "12")
    assert owned.account_of({"total": "1.00"}) is None
    assert nobodys.account_of(TABLES["product"][1]) is None


def test_a_table_reads_by_the_words_of_the_operator_that_asks() -> None:
    row = PLAIN | {"datepaid": "2026-02-01 10:00:00"}
    zones = [WhmcsVocabulary(timezone=zone) for zone in ("Asia/Tokyo", "UTC", "Asia/Tokyo")]

    found = [billing.INVOICE.read_page([row], words).columns["paid_at"] for words in zones]

    assert found == [[f"2026-02-01 10:00:00{offset}"] for offset in ("+09:00", "+00:00", "+09:00")]


def test_a_list_is_told_as_postgresql_writes_an_array() -> None:
    row = {**things.SIM, "Required_Products__c": '["a\\"b", "c\\\\d", "e,{f}", ""]'}

    assert catalog.PRODUCT.read_page([row], SALESFORCE).columns["required_skus"] == [r"""{"a\"b","c\\d","e,{f}",""}"""]
    assert catalog.PRODUCT.read(row, SALESFORCE).required_skus == ['a"b', "c\\d", "e,{f}", ""]


@pytest.mark.parametrize("field", ["paymentmethod", "status", "invoicenum"])
def test_a_text_with_half_a_character_is_refused_for_the_database_takes_none(field: str) -> None:
    row = PLAIN | {field: "a\ud800"}

    assert billing.INVOICE.read_page([PLAIN, row], WHMCS).refused == {1}
    with pytest.raises(MappingError, match=f": {field}: half a character$"):
        billing.INVOICE.read(row, WHMCS)


def test_values_that_python_takes_for_equal_are_read_each_for_itself() -> None:
    rows = [PLAIN | {"id": number, "subtotal": value, "total": "1"} for number, value in enumerate([1, True, 1.0, "1"])]

    read = billing.INVOICE.read_page(rows, WHMCS)

    assert [isinstance(alone(billing.INVOICE, row, WHMCS), MappingError) for row in rows] == [False, True, False, False]
    assert read.refused == {1}


def test_each_value_of_a_column_is_converted_once() -> None:
    asked = []

    def convert(value: object) -> str:
        asked.append(value)
        return "1"

    table = FieldTable(InvoiceBalance, "whmcs", id=hub_id_of("invoice", "id"), balance=reading("balance", convert))
    table.read_page([{"id": at, "balance": str(at % 2)} for at in range(100)], None)

    assert asked == ["0", "1"]


def test_what_a_converter_cannot_promise_the_contract_judges() -> None:
    table = FieldTable(
        InvoiceBalance, "whmcs", id=hub_id_of("invoice", "id"), balance=as_sent("balance", required=True)
    )
    rows = [{"id": 1, "balance": "5"}, {"id": 2, "balance": "five"}, {"id": 3, "balance": "1e15"}]

    read = table.read_page(rows, None)

    assert (read.refused, read.columns["balance"]) == ({1, 2}, ["5"])


def test_whatever_a_converter_raises_refuses_its_row_alone() -> None:
    def convert(value: object) -> object:
        return 1 / int(str(value))

    table = FieldTable(InvoiceBalance, "whmcs", id=hub_id_of("invoice", "id"), balance=reading("balance", convert))

    read = table.read_page([{"id": 1, "balance": 0}, {"id": 2, "balance": 2}], None)

    assert (read.refused, read.places) == ({0}, [1])
    with pytest.raises(ZeroDivisionError):
        table.read({"id": 1, "balance": 0}, None)


@pytest.mark.parametrize(
    "fields", [{"balance": amount("b")}, {"id": text("i"), "balance": amount("b"), "more": text("m")}]
)
def test_a_table_that_leaves_out_a_field_or_has_another_is_none(fields: dict[str, Converter]) -> None:
    with pytest.raises(TypeError, match=r"InvoiceBalance: fields \['(id|more)'\]"):
        FieldTable(InvoiceBalance, "whmcs", **fields)


def test_a_refusal_of_several_fields_names_each_once_by_its_sources_name() -> None:
    found = alone(billing.INVOICE, PLAIN | {"id": "x", "total": "free", "datepaid": "soon"}, WHMCS)

    assert isinstance(found, MappingError)
    names = [part.partition(":")[0] for part in found.reason.split("; ")]
    assert names == ["id", "datepaid", "total"]


def test_what_stands_in_for_nothing_is_read_only_where_there_is_nothing() -> None:
    either = escaped("a").otherwise(escaped("b"))
    table = FieldTable(_Named, "whmcs", id=hub_id_of("x", "id"), name=either)
    rows = [{"id": 1, "a": "A", "b": "B"}, {"id": 2, "a": " ", "b": "B"}, {"id": 3, "b": "B"}, {"id": 4}]

    assert table.read_page(rows, None).columns["name"] == ["A", "B", "B", None]
    assert [table.read(row, None).name for row in rows] == ["A", "B", "B", None]


def test_a_value_for_some_records_is_nothing_for_the_others() -> None:
    table = FieldTable(_Named, "whmcs", id=hub_id_of("x", "id"), name=text("a").where(flag("yes")))
    rows = [
        {"id": 1, "a": "A", "yes": True},
        {"id": 2, "a": "A", "yes": False},
        {"id": 3, "a": "A"},
        {"id": 4, "yes": 1},
    ]

    assert table.read_page(rows, None).columns["name"] == ["A", None, None, None]
    assert [table.read(row, None).name for row in rows] == ["A", None, None, None]


def test_a_refusal_names_the_field_that_is_at_fault_of_several() -> None:
    whole = combined(lambda *both: both[0], text("a"), text("b").then(lambda each: int(each or "0") and None))
    table = FieldTable(_Named, "whmcs", id=hub_id_of("x", "id"), name=whole)

    with pytest.raises(MappingError, match="b: a date or number is malformed"):
        table.read({"id": 1, "a": "x", "b": "y"}, None)


def test_a_record_within_a_record_is_told_by_its_name_and_its_fields() -> None:
    table = FieldTable(_Named, "whmcs", id=hub_id_of("x", "id"), name=text("Of.Name"))
    rows = [{"id": 1, "Of": {"Name": "A"}}, {"id": 2, "Of.Name": "B"}, {"id": 3, "Of": None}]

    assert table.sources == ("id", "Of.Name")
    assert table.read_page(rows, None).columns["name"] == ["A", "B", None]


def test_ids_are_texts_that_the_database_reads_as_ours() -> None:
    (found,) = billing.INVOICE.read_page([PLAIN], WHMCS).columns["id"]

    assert found is not None
    assert UUID(found) == hub_id("whmcs", "invoice", 7)


@given(st.integers(0, 10**12).map(str))
def test_an_id_written_out_is_the_standard_librarys(source_id: str) -> None:
    assert hub_ids_of("whmcs", "invoice")(source_id) == hub_id("whmcs", "invoice", source_id).hex


@pytest.mark.parametrize(
    ("zone", "local"),
    [("America/St_Johns", "2006-10-29 00:30:00"), ("Africa/Monrovia", "1971-12-31 09:00:00"),
     ("Asia/Tokyo", "2026-02-30 10:00:00"), ("Asia/Tokyo", "2026-02-01"), ("Asia/Tokyo", "2026-02-01 24:00:00"),
     ("Asia/Tokyo", "0001-01-01 00:00:00")],
    ids=["clocks change within the hour", "an offset with seconds", "no such day", "a day", "no such hour", "long ago"],
)  # fmt: skip
def test_a_time_whose_hour_has_no_one_offset_of_whole_minutes_is_not_written_with_one(zone: str, local: str) -> None:
    assert local_with_offset(local, ZoneInfo(zone)) is None


@given(st.datetimes().map(lambda moment: str(moment.replace(microsecond=0))), st.sampled_from(ZONES))
@settings(deadline=None, derandomize=True)
def test_a_time_with_its_offset_is_the_instant_that_the_time_is(local: str, zone: str) -> None:
    found = local_with_offset(local, ZoneInfo(zone))

    assert found is None or datetime.fromisoformat(found) == local_to_utc(local, ZoneInfo(zone))
