"""What every mapper promises: identity kept, moments in UTC, labels kept, and no failure but a MappingError."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer

from domain.billing.providers.whmcs.mapper import STATUSES, invoice_details_from_row, payment_methods_from_row
from domain.common.errors import MappingError
from domain.common.identifiers import hub_id
from domain.common.labels import unknown_labels
from domain.common.record import Contract
from domain.common.vocabulary import FreebitVocabulary, SalesforceVocabulary, WhmcsVocabulary
from domain.sim.providers.freebit.mapper import Line, traffic_from_row
from tests.domain import strategies as sent
from tests.domain.readers import (
    account_from_row,
    case_from_row,
    client_details_from_row,
    client_from_row,
    comment_from_row,
    details_from_row,
    invoice_from_row,
    order_from_row,
    order_item_from_row,
    price_from_row,
    product_from_row,
    sim_from_row,
    subscription_from_row,
)

WHMCS, SALESFORCE, FREEBIT = WhmcsVocabulary(), SalesforceVocabulary(), FreebitVocabulary()
LINE = Line(uuid4(), uuid4(), "5001", "09012345678")
TODAY = date(2026, 11, 1)

A_RECORD = {"Id": "001D000000IRFma", "SystemModstamp": "2026-01-01T00:00:00.000+0000", "IsDeleted": False}
AN_INVOICE = {
    "id": 7,
    "userid": 5,
    "date": "2026-01-01",
    "subtotal": "10.00",
    "total": "11.00",
    "status": "Paid",
    "currencycode": "JPY",
}
A_SERVICE = {
    "id": 1,
    "clientid": 5,
    "name": "SIM 5GB",
    "recurringamount": "1.00",
    "billingcycle": "Monthly",
    "status": "Active",
}
ORDER = A_RECORD | {"AccountId": "001D000000IRFma", "CreatedDate": "2026-01-01T00:00:00.000+0000", "Status": "Approved"}

MAPPERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "invoice": (lambda row: invoice_from_row(row, WHMCS), AN_INVOICE),
    "invoice details": (
        lambda row: invoice_details_from_row(row, WHMCS),
        {
            "invoiceid": 7,
            "userid": 5,
            "balance": "0.00",
            "currencycode": "JPY",
            "items": {"item": [{"id": 1, "type": "Hosting", "relid": 3, "amount": "1.00", "taxed": 1}]},
            "transactions": {"transaction": [{"id": 2, "amountin": "1.00", "date": "2026-01-01 10:00:00"}]},
        },
    ),
    "pay methods": (
        lambda row: payment_methods_from_row(row, WHMCS),
        {
            "clientid": 5,
            "paymethods": [{"id": 1, "type": "CreditCard", "card_last_four": "1234", "expiry_date": "02/28"}],
        },
    ),
    "subscription": (lambda row: subscription_from_row(row, WHMCS), A_SERVICE),
    "sim": (
        lambda row: sim_from_row(row, WHMCS),
        A_SERVICE | {"customfields": {"customfield": [{"name": "SIM Number", "value": "090-1234-5678"}]}},
    ),
    "client": (
        lambda row: client_from_row(row, WHMCS),
        {"id": 5, "firstname": "Taro", "status": "Active", "datecreated": "2020-01-01"},
    ),
    "client details": (
        lambda row: client_details_from_row(row, WHMCS),
        {"id": 5, "countrycode": "JP", "currency_code": "JPY"},
    ),
    "account": (
        lambda row: account_from_row(row, SALESFORCE),
        A_RECORD | {"Name": "Acme", "WH_Account__c": "#12 - Acme"},
    ),
    "product": (lambda row: product_from_row(row, SALESFORCE), A_RECORD | {"Name": "Fibre", "Display_Order__c": 1}),
    "price": (
        lambda row: price_from_row(row, SALESFORCE),
        A_RECORD | {"Product2Id": "01tD000000IRFma", "Pricebook2Id": "01sD000000IRFma", "UnitPrice": "100"},
    ),
    "order": (lambda row: order_from_row(row, SALESFORCE), ORDER),
    "order item": (
        lambda row: order_item_from_row(row, SALESFORCE),
        A_RECORD | {"OrderId": "801D000000IRFma", "Order": {"AccountId": "001D000000IRFma"}, "Quantity": "1"},
    ),
    "case": (lambda row: case_from_row(row, SALESFORCE), ORDER),
    "case comment": (
        lambda row: comment_from_row(row, SALESFORCE),
        A_RECORD
        | {
            "ParentId": "500D000000IRFma",
            "Parent": {"AccountId": "001D000000IRFma"},
            "CommentBody": "Hello",
            "CreatedDate": "2026-01-01T00:00:00.000+0000",
        },
    ),
    "line": (
        lambda row: details_from_row(LINE, row, FREEBIT),
        {"responseDatas": [{"account": LINE.msisdn, "state": "active", "quota": "5000.7", "talk": "10"}]},
    ),
    "traffic": (
        lambda row: traffic_from_row(LINE, row, TODAY, FREEBIT),
        {"traffic": {"today": "12.9", "inRecentDays": "1,2,3", "blackList": "20"}},
    ),
}


MAY_BE_EMPTY = {
    "invoice": (
        "duedate", "datepaid", "date_refunded", "date_cancelled", "last_capture_attempt", "created_at", "updated_at",
    ),
    "subscription": ("regdate", "nextduedate"),
    "client": ("datecreated",),
}  # fmt: skip


def contracts_in(mapped: Any) -> list[Contract]:
    if isinstance(mapped, Contract):
        return [mapped]
    return [contract for part in mapped for contract in contracts_in(part)] if isinstance(mapped, tuple) else []


@pytest.mark.parametrize("name", MAPPERS)
def test_a_usual_record_is_mapped(name):
    mapper, row = MAPPERS[name]

    assert contracts_in(mapper(row))


@pytest.mark.parametrize("name", MAPPERS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None, derandomize=True)
@given(data=st.data())
def test_whatever_stands_in_a_field_either_maps_to_what_postgresql_takes_or_is_a_mapping_error(name, data):
    mapper, row = MAPPERS[name]
    field = data.draw(st.sampled_from(sorted(row)))
    spoilt = row | {field: data.draw(sent.junk)}

    try:
        mapped = mapper(spoilt)
    except MappingError:
        return

    for contract in contracts_in(mapped):
        for value in contract.__dict__.values():
            assert_storable(value)


def assert_storable(value: Any) -> None:
    """PostgreSQL takes it: no NUL or lone surrogate in a text, no number without a value, none beyond its column."""
    if isinstance(value, list):
        for part in value:
            assert_storable(part)
    elif isinstance(value, str):
        assert "\x00" not in value
        value.encode("utf-8")
    elif value is not None and not isinstance(value, UUID | date | datetime | bool | int):
        assert value.is_finite()
        assert abs(value) < 10**14
        Transformer().get_dumper(value, PyFormat.TEXT)
    elif isinstance(value, int) and not isinstance(value, bool):
        assert abs(value) < 2**63


@pytest.mark.parametrize("name", MAPPERS)
def test_a_reason_names_the_field_and_never_the_value(name):
    # Those that the usual record lacks are dates and times that may be empty.
    fields = [*MAPPERS[name][1], *MAY_BE_EMPTY.get(name, ())]
    reasons = {field: reason for field in fields if (reason := refusal(name, field, "SECRET-7531"))}

    # By the source's name for it or a part of it, or by ours, which is in theirs.
    named = {field: reason.partition(":")[0] for field, reason in reasons.items()}
    astray = {field: word for field, word in named.items() if not word or not (word in field or word.startswith(field))}
    assert astray == {}
    assert [reason for reason in reasons.values() if "SECRET" in reason] == []
    assert set(MAY_BE_EMPTY.get(name, ())) <= set(reasons)


def refusal(name: str, field: str, value: object) -> str | None:
    """Why the mapper refuses its usual record with that value in that field; None where it takes it."""
    mapper, row = MAPPERS[name]
    try:
        mapper(row | {field: value})
    except MappingError as error:
        return error.reason
    return None


@given(sent.invoice_rows())
@settings(deadline=None, derandomize=True)
def test_an_invoice_keeps_its_identity_its_money_and_its_label_and_speaks_utc(row):
    try:
        invoice = invoice_from_row(row, WHMCS)
    except MappingError:
        return

    assert (invoice.source_id, invoice.id) == (str(row["id"]), hub_id("whmcs", "invoice", row["id"]))
    assert str(invoice.total) == str(type(invoice.total)(row["total"]))
    assert invoice.source_status == row["status"]
    assert invoice.status == STATUSES.get(row["status"], "other")
    for moment in (invoice.paid_at, invoice.source_updated_at):
        assert moment is None or moment.utcoffset() == timedelta(0)


@given(sent.service_rows())
@settings(deadline=None, derandomize=True)
def test_a_subscription_keeps_its_identity_and_never_its_password(row):
    try:
        subscription = subscription_from_row(row, WHMCS)
    except MappingError:
        return

    assert subscription.source_id == str(row["id"])
    assert "hunter2" not in repr(subscription)


@given(sent.records(Name=st.text(sent.characters, min_size=1, max_size=30)))
@settings(deadline=None, derandomize=True)
def test_an_account_keeps_its_identity_and_its_moment_in_utc(record):
    try:
        account = account_from_row(record, SALESFORCE)
    except MappingError:
        return

    assert account.source_id == sent.normal(record)
    assert account.source_updated_at.utcoffset() == timedelta(0)
    assert (account.deleted_at is not None) == (record["IsDeleted"] in {True, "true"})


@pytest.mark.parametrize("name", ["account", "product", "price", "order", "order item", "case", "case comment"])
def test_a_record_means_the_same_from_rest_and_from_a_bulk_page(name):
    mapper, row = MAPPERS[name]
    flat = {f"{k}.{inner}": v for k, value in row.items() if isinstance(value, dict) for inner, v in value.items()}
    csv = {
        k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in row.items() if not isinstance(v, dict)
    } | flat
    csv["SystemModstamp"] = csv["SystemModstamp"].replace("+0000", "Z")
    csv["Phone"] = csv["Description"] = csv["Activation_Status__c"] = ""

    assert mapper(csv) == mapper(row)


def test_a_label_nobody_knows_becomes_other_and_is_reported_as_sent():
    invoice = invoice_from_row(AN_INVOICE | {"status": "Disputed"}, WHMCS)

    assert invoice.status == "other"
    assert list(unknown_labels(invoice)) == [("status", "Disputed")]


@pytest.mark.parametrize("empty", ["", None, [], {}, {"item": []}, {"item": ""}, [[]]])
def test_every_shape_of_an_empty_list_is_empty(empty):
    body = MAPPERS["invoice details"][1] | {"items": empty, "transactions": ""}

    details = invoice_details_from_row(body, WHMCS)

    assert (details.items, details.payments) == ((), ())


@pytest.mark.parametrize(
    "wrap", [lambda i: {"item": [i]}, lambda i: {"item": i}, lambda i: {"item": {"0": i}}, lambda i: [i]]
)
def test_every_shape_of_a_list_of_one_is_one(wrap):
    item = {"id": "9", "type": "Hosting", "relid": "3", "description": "A &amp; B", "amount": "1.00", "taxed": "on"}

    details = invoice_details_from_row(MAPPERS["invoice details"][1] | {"items": wrap(item)}, WHMCS)

    assert [(i.source_id, i.description, i.is_taxed) for i in details.items] == [("9", "A & B", True)]
    assert details.items[0].subscription_id == hub_id("whmcs", "subscription", "3")


def test_zero_dates_are_none_and_local_times_are_converted():
    invoice = invoice_from_row(
        AN_INVOICE | {"duedate": "0000-00-00", "datepaid": "0000-00-00 00:00:00", "updated_at": "2026-01-01 09:00:00"},
        WHMCS,
    )

    assert (invoice.due_on, invoice.paid_at) == (None, None)
    assert invoice.source_updated_at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-03-29 00:59:59", datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)),
        ("2026-03-29 01:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # skipped: moves on by the gap
        ("2026-03-29 02:00:00", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("2026-10-25 01:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # repeated: the first of the two
    ],
)
def test_times_around_a_change_of_clocks(local, utc):
    london = WhmcsVocabulary(timezone="Europe/London")

    assert invoice_from_row(AN_INVOICE | {"updated_at": local}, london).source_updated_at == utc


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("090-1234-5678", "09012345678"),
        (" 090 1234 5678 ", "09012345678"),
        ("+81 90-1234-5678", "09012345678"),
        ("+81 (0)90-1234-5678", "09012345678"),
        ("+81-090-1234-5678", "09012345678"),
        ("0081 90 1234 5678", "09012345678"),
        ("\uff10\uff19\uff10\u2010\uff11\uff12\uff13\uff14\u30fc\uff15\uff16\uff17\uff18", "09012345678"),
        ("", None),
        (None, None),
    ],
)
def test_a_sim_number_is_its_national_digits_however_written_and_may_be_absent(written, number):
    fields = {"customfield": [{"name": "SIM Number", "value": written}]}

    assert sim_from_row(A_SERVICE | {"customfields": fields}, WHMCS).msisdn == number


@pytest.mark.parametrize(
    "written",
    [
        "O9O-12E4-56",
        "1234",
        "81-90-1234-5678",
        "+1 90-1234-5678",
        "\u0660\u0669\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
    ],
)
def test_a_sim_number_that_is_none_is_refused_rather_than_guessed(written):
    fields = {"customfield": [{"name": "SIM Number", "value": written}]}

    with pytest.raises(MappingError, match="SIM Number: not a telephone number"):
        sim_from_row(A_SERVICE | {"customfields": fields}, WHMCS)


@pytest.mark.parametrize(
    ("claim", "client"), [("#1234 - Taro", "1234"), (" # 0012 x", "12"), ("Taro", None), ("", None), (None, None)]
)
def test_a_claim_on_a_billing_client_is_its_leading_number_or_nobody(claim, client):
    assert account_from_row(A_RECORD | {"Name": "A", "WH_Account__c": claim}, SALESFORCE).partner_key == client


def test_an_option_freebit_does_not_mention_is_unknown_not_off():
    details = details_from_row(LINE, MAPPERS["line"][1], FREEBIT)

    assert (details.has_voice, details.voicemail_enabled, details.remaining_quota_kb) == (True, None, 5000)


def test_an_answer_about_another_line_is_refused():
    with pytest.raises(MappingError, match="another line"):
        details_from_row(LINE, {"responseDatas": [{"account": "08000000000", "state": "active"}]}, FREEBIT)


def test_traffic_of_another_line_is_refused():
    with pytest.raises(MappingError, match="another line"):
        traffic_from_row(LINE, MAPPERS["traffic"][1] | {"account": "08000000000"}, TODAY, FREEBIT)


def test_traffic_goes_back_from_yesterday_in_whole_kilobytes():
    traffic = traffic_from_row(LINE, MAPPERS["traffic"][1], TODAY, FREEBIT)

    assert [(day.used_on.day, day.used_kb) for day in traffic.days] == [(1, 12), (31, 1), (30, 2), (29, 3)]
    assert traffic.now.is_speed_restricted is False


def test_a_cards_last_day_is_the_last_of_its_month():
    (card,) = payment_methods_from_row(MAPPERS["pay methods"][1], WHMCS)

    assert card.expires_on == date(2028, 2, 29)


@pytest.mark.parametrize(("username", "author"), [("portal@example.com", "customer"), ("agent@example.com", "agent")])
def test_what_the_portals_user_wrote_on_a_case_are_the_customers_words(username, author):
    words = SalesforceVocabulary(portal_users=("portal@example.com",))
    _, row = MAPPERS["case comment"]

    assert comment_from_row(row | {"CreatedBy": {"Username": username}}, words).author == author
