"""What the providers may send, right and wrong, for property tests of the mappers."""

from typing import Any

from hypothesis import strategies as st

from domain.common.identifiers import salesforce_id

# The clients take NUL out and refuse lone surrogates, so no mapper meets them.
characters = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
texts = st.text(characters, max_size=30)
junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    texts,
    st.lists(texts, max_size=2),
    st.dictionaries(texts, texts, max_size=2),
    st.sampled_from(["NaN", "Infinity", "-1", "1,000.00", "0000-00-00", "2024-02-30", "9999-12-31 23:59:59", "1e999"]),
)
ids = st.integers(1, 10**9)
as_sent = st.sampled_from([str, int])
"""Ids and counters come as strings or numbers, per action and version."""

money = st.decimals(-(10**9), 10**9, places=2).map(str)
days = st.one_of(st.dates().map(str), st.just("0000-00-00"), st.just(""))
moments = st.one_of(
    st.datetimes().map(lambda moment: str(moment.replace(microsecond=0))), st.just("0000-00-00 00:00:00"), st.none()
)
labels = st.one_of(
    st.sampled_from(["Paid", "Unpaid", "Active", "Monthly", "Parked"]), st.text(characters, min_size=1, max_size=20)
)

salesforce_ids = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=15, max_size=15)
stamps = (
    st.datetimes()
    .map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.000"))
    .flatmap(lambda text: st.sampled_from([f"{text}+0000", f"{text}Z"]))
)


@st.composite
def invoice_rows(draw: Any) -> dict[str, Any]:
    return {
        "id": draw(as_sent)(draw(ids)),
        "userid": draw(as_sent)(draw(ids)),
        "date": str(draw(st.dates())),
        "duedate": draw(days),
        "datepaid": draw(moments),
        "updated_at": draw(moments),
        "created_at": draw(moments),
        "subtotal": draw(money),
        "total": draw(money),
        "status": draw(labels),
        "currencycode": "JPY",
        "paymentmethod": draw(texts),
        "something new": draw(junk),
    }


@st.composite
def service_rows(draw: Any) -> dict[str, Any]:
    return {
        "id": draw(as_sent)(draw(ids)),
        "clientid": draw(as_sent)(draw(ids)),
        "name": draw(texts),
        "regdate": draw(days),
        "nextduedate": draw(days),
        "recurringamount": draw(money),
        "billingcycle": draw(labels),
        "status": draw(labels),
        "customfields": draw(junk),
        "password": "hunter2",
    }


@st.composite
def records(draw: Any, **fields: st.SearchStrategy[Any]) -> dict[str, Any]:
    """A Salesforce record, with the given fields beside the system's own."""
    record = {"Id": draw(salesforce_ids), "IsDeleted": draw(st.sampled_from([True, False, "true", "false"]))}
    return record | {"SystemModstamp": draw(stamps)} | {name: draw(values) for name, values in fields.items()}


def normal(record: dict[str, Any]) -> str:
    return salesforce_id(record["Id"])
