"""The SOQL parser on its own."""

# ruff: noqa: S608 - the statements are made of the tests' own words

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simple_salesforce.format import format_soql

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.soql.literals import plain
from sandbox.salesforce.soql.parser import parse
from sandbox.salesforce.soql.tree import Both, Comparison, Either, Membership, Negation, Path, Value


@given(st.text(max_size=60))
def test_any_text_is_either_a_query_or_a_malformed_one(text):
    try:
        parse("SELECT Id FROM Account " + text)
    except SalesforceError as error:
        assert error.status == 400  # noqa: PT017 - parsing well is the other good end


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40))
def test_a_quoted_string_means_what_was_quoted(text):
    query = parse(format_soql("SELECT Id FROM Account WHERE Name = {}", text))

    assert isinstance(query.where, Comparison)
    assert plain(str(query.where.value.value)) == text


@given(st.datetimes())
def test_an_instant_keeps_its_order_as_text(moment):
    first, second = (
        (
            parse(f"SELECT Id FROM Account WHERE CreatedDate = {moment:%Y-%m-%dT%H:%M:%S}{zone}").where
            for zone in ("+09:00", "Z")
        )
        if 1900 < moment.year < 9000
        else (None, None)
    )

    if isinstance(first, Comparison) and isinstance(second, Comparison):
        assert str(first.value.value) < str(second.value.value)


def test_conditions_nest_as_written():
    where = parse("SELECT Id FROM Case WHERE (a = 1 OR NOT b <> 'x') AND c NOT IN (null, TRUE)").where

    assert where == Both(
        (
            Either(
                (
                    Comparison(Path(("a",), 27), "=", Value("number", 1)),
                    Negation(Comparison(Path(("b",), 40), "!=", Value("string", "x"))),
                )
            ),
            Membership(Path(("c",), 54), (Value("null", None), Value("boolean", True)), negated=True),
        )
    )


@pytest.mark.parametrize(
    "soql",
    [
        "",
        "SELECT",
        "SELECT FROM Account",
        "SELECT Id, FROM Account",
        "SELECT Id FROM Account WHERE",
        "SELECT Id FROM Account WHERE Id IN ()",
        "SELECT Id FROM Account WHERE Name = 'open",
        r"SELECT Id FROM Account WHERE Name = '\x'",
        "SELECT Id FROM Account WHERE Name = Other",
        "SELECT Id FROM Account LIMIT -1",
        "SELECT Id FROM Account ORDER Name",
        "SELECT Id FROM Account; DROP TABLE Account",
        "SELECT Id, (SELECT Id, (SELECT Id FROM Cases) FROM Contacts) FROM Account",
        "SELECT Id FROM Account WHERE CreatedDate > 2024-02-30T00:00:00Z",
    ],
)
def test_what_is_no_query_is_malformed(soql):
    with pytest.raises(SalesforceError) as refused:
        parse(soql)

    assert refused.value.code == "MALFORMED_QUERY"
