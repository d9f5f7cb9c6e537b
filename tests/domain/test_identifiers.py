"""Ids: the hub's own, which never change, and Salesforce's, which come in two forms."""

from uuid import UUID

import pytest

from domain.common.identifiers import account_id, hub_id, hub_ids_of, salesforce_id
from tests.domain.literals.literal import SALESFORCE, WHMCS, ours
from tests.domain.literals.services import SERVICE
from tests.domain.literals.support import COMMENT
from tests.domain.readers import comment_from_row, sim_from_row


@pytest.mark.parametrize(
    ("short", "suffix"),
    [
        ("001D000000IRFma", "IAH"),  # reference, 4.1
        ("0014H00002LbR7Q", "QAV"),  # reference, 4.1
        ("003RO0000035WQg", "YAM"),  # V: REST API guide, Query
        ("750R0000000zlh9", "IAA"),  # V: Bulk API 2.0 guide, Create a Query Job
        ("00Dxx0000001gPL", "EAY"),  # V: OAuth guide, an organisation
        ("005xx000001SwiU", "AAS"),  # V: OAuth guide, a user
        ("0019000000B98de", "AAB"),  # theblogreaders.com, "15 digit and 18 digit Salesforce ID"
        ("ABCDEFGHIJKLMNO", "555"),  # all capitals: the last of the 32 signs, thrice
        ("abcdefghijklmno", "AAA"),
        ("012345678901234", "AAA"),
    ],
)
def test_a_salesforce_id_of_15_characters_is_that_of_18(short: str, suffix: str) -> None:
    assert salesforce_id(short) == short + suffix
    assert salesforce_id(short + suffix) == short + suffix


@pytest.mark.parametrize("wrong", ["", "001D000000IRFm", "001D000000IRFma1", "001D000000IRFmaIAH1", "001D000000IRFm-"])
def test_what_has_another_form_is_no_salesforce_id(wrong: str) -> None:
    with pytest.raises(ValueError, match="15 or 18"):
        salesforce_id(wrong)


def test_letters_that_only_look_like_ascii_are_no_part_of_an_id() -> None:
    with pytest.raises(ValueError, match="15 or 18"):
        salesforce_id("001D000000IRFm\uff41")


def test_the_hubs_ids_are_the_same_for_ever() -> None:
    # Everybody who keeps an id of the hub hangs on these: uuid5 of `system:kind:id` in the hub's namespace.
    assert hub_id("whmcs", "invoice", "31") == UUID("fc00518b-d82c-5b2e-8b7a-186e9d6fb5c1")
    assert hub_id("whmcs", "invoice", 31) == UUID("fc00518b-d82c-5b2e-8b7a-186e9d6fb5c1")
    assert hub_ids_of("whmcs", "invoice")("31") == "fc00518bd82c5b2e8b7a186e9d6fb5c1"
    assert account_id("whmcs", "8") == account_id("whmcs", 8) == UUID("28431043-b377-564c-95d0-7eea1fb0cc6e")
    assert account_id("salesforce", "8") == UUID("e6980d4d-ebd4-5a5f-b2a6-2f20a2668c90")
    assert hub_id("freebit", "sim_usage", "41:2026-02-01") == UUID("f3732f2d-553b-5e74-9444-675492e1f72e")


def test_ids_of_a_list_are_uuids_of_version_5_like_those_of_one() -> None:
    numbers = [str(number) for number in range(100)]

    assert [hub_ids_of("whmcs", "invoice")(number) for number in numbers] == [
        ours(f"whmcs:invoice:{number}").hex for number in numbers
    ]
    assert [hub_id("whmcs", "invoice", number) for number in numbers] == [
        ours(f"whmcs:invoice:{number}") for number in numbers
    ]


def test_a_record_of_each_system_and_kind_has_an_id_of_its_own() -> None:
    named = [("whmcs", "invoice"), ("whmcs", "subscription"), ("salesforce", "order"), ("freebit", "sim_usage")]

    ids = {hub_id(system, kind, number) for system, kind in named for number in ("1", "11")}  # type: ignore[arg-type]

    assert len(ids) == 8


def test_what_belongs_together_has_one_id_whichever_form_was_sent() -> None:
    short, long = COMMENT, COMMENT | {"ParentId": "500D000000IRFmaIAH", "Parent": {"AccountId": "001D000000IRFmaIAH"}}

    assert comment_from_row(short, SALESFORCE) == comment_from_row(long, SALESFORCE)
    assert sim_from_row(SERVICE | {"id": 41}, WHMCS) == sim_from_row(SERVICE, WHMCS)
