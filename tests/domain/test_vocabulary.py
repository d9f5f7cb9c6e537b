"""What an operator may say of its own organisation, and what holds where it says nothing."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.common.vocabulary import FreebitVocabulary, SalesforceVocabulary, WhmcsVocabulary


@pytest.mark.parametrize(
    ("data_size", "plan_type", "code"),
    [
        # Freebit reference, 8; the plan types: portal reference, 5.
        ("5GB", "DataOnly", "SIM_5G_DATA"),
        ("5GB", "DataSmsVoice", "SIM_5G"),
        ("50GB", "DataSmsVoice", "SIM_50G"),
        ("10GB", "VoiceOnly", "SIM_10G"),
    ],
)
def test_a_products_size_and_kind_name_its_plan(data_size: str, plan_type: str, code: str) -> None:
    assert FreebitVocabulary().plan_code(data_size, plan_type) == code


def test_an_operator_may_name_a_plan_otherwise() -> None:
    words = FreebitVocabulary(plan_codes={"5GB:DataOnly": "LTE3G_P01"})

    assert words.plan_code("5GB", "DataOnly") == "LTE3G_P01"
    assert words.plan_code("5GB", "DataSmsVoice") == "SIM_5G"


def test_every_plan_of_the_reference_has_a_name() -> None:
    names = FreebitVocabulary().plan_names

    assert names == {
        "SIM_5G": "5 GB", "SIM_5G_DATA": "5 GB data", "SIM_10G": "10 GB", "SIM_10G_DATA": "10 GB data",
        "SIM_25G": "25 GB", "SIM_25G_DATA": "25 GB data", "SIM_50G": "50 GB", "SIM_50G_DATA": "50 GB data",
    }  # fmt: skip


def test_clocks_are_japans_where_nobody_says_otherwise() -> None:
    assert WhmcsVocabulary().zone.key == FreebitVocabulary().zone.key == "Asia/Tokyo"
    assert WhmcsVocabulary(timezone="Europe/London").zone.key == "Europe/London"
    assert FreebitVocabulary(timezone="Europe/London").zone.key == "Europe/London"


@pytest.mark.parametrize(
    "said",
    [
        {"timezone": "Asia/Edo"}, {"timezone": ""}, {"timezone": "../etc/passwd"}, {"customer_number_field_id": 0},
        {"command_field_id": 0}, {"service_types": {"12": "phone"}}, {"unheard_of": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_of_whmcs_is_refused_at_the_start(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WhmcsVocabulary.model_validate(said)


@pytest.mark.parametrize(
    "said",
    [{"currency": "yen"}, {"currency": "JPYX"}, {"portal_pricebook": ""}, {"opportunity_begun": ()}, {"unheard_of": 1}],
)
def test_what_cannot_be_of_salesforce_is_refused_at_the_start(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SalesforceVocabulary.model_validate(said)


def test_numbers_and_names_of_fields_are_those_of_the_portals_reference() -> None:
    words = WhmcsVocabulary()

    # Portal reference, 2.
    assert (words.customer_number_field_id, words.command_field_id) == (198, 307)
    assert words.sim_number_fields == ("SIM Number", "Phone Number", "MSISDN")
    assert (words.serial_number_field, words.eid_field, words.opportunity_field) == (
        "Serial Number", "EID", "OpportunityId",
    )  # fmt: skip
    assert WhmcsVocabulary(customer_number_field_id=1, command_field_id=1).customer_number_field_id == 1


def test_an_org_has_one_currency_and_no_portal_users_where_nobody_says_otherwise() -> None:
    words = SalesforceVocabulary()

    assert (words.currency, words.multi_currency, words.portal_pricebook) == ("JPY", False, "Portal")
    assert (words.portal_users, words.fields) == ((), {})
    assert words.opportunity_begun[0] == "Introduction"
    assert SalesforceVocabulary(opportunity_begun=("Ready",), portal_pricebook="P").opportunity_begun == ("Ready",)


@pytest.mark.parametrize("words", [SalesforceVocabulary(), WhmcsVocabulary(), FreebitVocabulary()])
def test_what_was_said_at_the_start_holds_until_the_end(words: Any) -> None:
    for field in type(words).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(words, field, getattr(words, field))
