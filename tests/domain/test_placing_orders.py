"""What may be ordered: every broken rule is named, and nothing else."""

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.orders.placing import Facts, PlaceOrder, broken_rules

TODAY = date(2026, 11, 24)


def product(category: str, item_class: str = "service", **values: Any) -> dict[str, Any]:
    ordinary = {
        "is_orderable": True, "has_price": True, "is_mapped": True, "offering": None, "for_families": False,
        "required": [], "exclusive": [], "is_data_only": False,
    }  # fmt: skip
    return {"category": category, "item_class": item_class} | ordinary | values


PRODUCTS = {
    "NET": product("internet", offering="Home 1G", required=["INSTALL-ONCE"]),
    "INSTALL-ONCE": product("internet", "installation", exclusive=["INSTALL-12M"]),
    "INSTALL-12M": product("internet", "installation", exclusive=["INSTALL-ONCE"]),
    "WEEKEND": product("internet", "installation"),
    "SIM": product("sim"),
    "SIM-DATA": product("sim", is_data_only=True),
    "SIM-FAMILY": product("sim", for_families=True),
    "SIM-FEE": product("sim", "activation"),
    "VPN": product("vpn"),
    "VPN-FEE": product("vpn", "activation"),
    "GONE": product("vpn", is_orderable=False),
    "FREE": product("vpn", has_price=False),
    "UNBILLED": product("vpn", is_mapped=False),
}
RIGHT: dict[str, Any] = {
    "has_crm_account": True, "has_billing_account": True, "status": "active", "payment_methods": 1, "has_address": True,
    "identity_status": "verified", "eligibility_status": "eligible", "eligibility": "Home 1G", "has_internet": False,
    "has_sim": False, "products": PRODUCTS,
}  # fmt: skip
ESIM = {"simType": "esim", "eid": "1" * 32}


def broken(kind: str, *skus: str, facts: dict[str, Any] | None = None, **more: Any) -> set[str]:
    order = PlaceOrder.model_validate({"type": kind, "items": [{"sku": sku} for sku in skus], **more})
    return {rule.code for rule in broken_rules(order, Facts.model_validate(RIGHT | (facts or {})), TODAY)}


@pytest.mark.parametrize(
    ("kind", "skus", "more"),
    [
        ("vpn", ["VPN", "VPN-FEE"], {}),
        ("internet", ["NET", "INSTALL-ONCE"], {"accessMode": "PPPoE"}),
        ("internet", ["NET", "INSTALL-12M"], {}),
        ("sim", ["SIM", "SIM-FEE"], {"sim": ESIM}),
        ("sim", ["SIM", "SIM-FEE"], {"sim": {"simType": "physical"}, "activateOn": "2026-12-24"}),
    ],
)
def test_what_keeps_to_the_rules_breaks_none(kind: str, skus: list[str], more: dict[str, Any]) -> None:
    assert broken(kind, *skus, **more) == set()


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"has_billing_account": False}, "MAPPING_MISSING"),
        ({"has_crm_account": False}, "MAPPING_MISSING"),
        ({"status": "closed"}, "ACCOUNT_CLOSED"),
        ({"payment_methods": 0}, "PAYMENT_METHOD_MISSING"),
        ({"has_address": False}, "ADDRESS_MISSING"),
        ({"eligibility_status": "pending"}, "NOT_ELIGIBLE"),
        ({"has_internet": True}, "INTERNET_ACTIVE"),
        ({"eligibility": "Apartment 1G"}, "OFFERING"),
    ],
)
def test_the_customer_must_be_one_who_may_order(facts: dict[str, Any], code: str) -> None:
    assert broken("internet", "NET", "INSTALL-ONCE", facts=facts) == {code}


@pytest.mark.parametrize("status", [None, "pending", "rejected", "not_submitted"])
def test_a_sim_needs_a_verified_identity(status: str | None) -> None:
    assert broken("sim", "SIM", "SIM-FEE", sim=ESIM, facts={"identity_status": status}) == {"IDENTITY_NOT_VERIFIED"}


@pytest.mark.parametrize(
    ("skus", "codes"),
    [
        (["VPN", "VPN-FEE", "NOPE"], {"UNKNOWN_SKU"}),
        (["VPN", "VPN-FEE", "SIM-FEE"], {"WRONG_CATEGORY"}),
        (["GONE", "VPN-FEE"], {"NOT_ORDERABLE"}),
        (["FREE", "VPN-FEE"], {"NOT_PRICED"}),
        (["UNBILLED", "VPN-FEE"], {"PRODUCT_MAPPING_MISSING"}),
        (["VPN"], {"ACTIVATION_FEE_MISSING"}),
        (["VPN-FEE"], {"ONE_SERVICE"}),
        (["VPN", "GONE", "VPN-FEE"], {"ONE_SERVICE", "NOT_ORDERABLE"}),
    ],
)
def test_the_cart_must_make_a_whole(skus: list[str], codes: set[str]) -> None:
    assert broken("vpn", *skus) == codes


def test_products_that_exclude_each_other_are_named_once() -> None:
    order = PlaceOrder.model_validate(
        {"type": "internet", "items": [{"sku": sku} for sku in ("NET", "INSTALL-ONCE", "INSTALL-12M")]}
    )

    found = broken_rules(order, Facts.model_validate(RIGHT), TODAY)

    assert [(rule.field, rule.code) for rule in found] == [("items[2].sku", "EXCLUSIVE"), ("items", "ONE_INSTALLATION")]


def test_a_weekend_is_extra_and_no_installation_by_itself() -> None:
    assert broken("internet", "NET", "INSTALL-ONCE", "WEEKEND") == set()
    assert "INSTALLATION_MISSING" in broken("internet", "NET", "WEEKEND")


def test_of_a_service_there_is_one() -> None:
    order = PlaceOrder.model_validate(
        {"type": "vpn", "items": [{"sku": "VPN", "quantity": 2}, {"sku": "VPN-FEE", "quantity": 1}]}
    )

    found = broken_rules(order, Facts.model_validate(RIGHT), TODAY)

    assert [(rule.field, rule.code) for rule in found] == [("items[0].quantity", "ONE_SERVICE")]


PORTING = {
    "reservationNumber": "1234567890", "expiresOn": "2026-11-24", "phoneNumber": "09012345678", "lastName": "山田",
    "firstName": "花子", "lastNameKatakana": "ヤマダ", "firstNameKatakana": "ハナコ", "gender": "female",
    "birthDate": "1990-01-01",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "codes"),
    [({}, set()), ({"expiresOn": "2026-11-23"}, {"MNP_EXPIRED"}), ({"birthDate": "2026-11-24"}, {"BIRTH_DATE"})],
)
def test_a_number_comes_along_with_a_reservation_that_holds(changed: dict[str, str], codes: set[str]) -> None:
    assert broken("sim", "SIM", "SIM-FEE", sim=ESIM | {"porting": PORTING | changed}) == codes


def test_a_number_cannot_come_along_to_a_card() -> None:
    card = {"simType": "physical", "porting": PORTING}

    assert broken("sim", "SIM", "SIM-FEE", sim=card) == {"MNP_ESIM_ONLY"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("reservationNumber", "123"), ("phoneNumber", "12345678901"), ("gender", "other"), ("lastNameKatakana", "Yamada")],
)
def test_a_reservation_that_cannot_be_one_is_malformed(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        broken("sim", "SIM", "SIM-FEE", sim=ESIM | {"porting": PORTING | {name: value}})


def test_voice_options_are_for_plans_with_voice() -> None:
    chosen = ESIM | {"voiceMail": True, "callWaiting": True}

    assert broken("sim", "SIM", "SIM-FEE", sim=chosen) == set()
    assert broken("sim", "SIM-DATA", "SIM-FEE", sim=chosen) == {"DATA_ONLY"}


def test_what_a_product_needs_may_be_replaced_by_what_excludes_it() -> None:
    assert broken("internet", "NET") == {"REQUIRED_MISSING", "INSTALLATION_MISSING"}
    assert broken("internet", "NET", "INSTALL-12M") == set()


@pytest.mark.parametrize("days", [-1, 31])
def test_service_begins_within_thirty_days(days: int) -> None:
    day = (TODAY + timedelta(days=days)).isoformat()
    assert broken("vpn", "VPN", "VPN-FEE", activateOn=day) == {"ACTIVATION_DATE"}


@pytest.mark.parametrize(
    ("sim", "codes"),
    [
        (None, {"SIM_CHOICES"}),
        ({"simType": "esim"}, {"EID"}),
        ({"simType": "physical", "eid": "1" * 32}, {"EID"}),
    ],
)
def test_a_sim_says_of_which_form_it_is(sim: Any, codes: set[str]) -> None:
    assert broken("sim", "SIM", "SIM-FEE", **({"sim": sim} if sim else {})) == codes


def test_a_family_discount_is_for_those_who_have_a_sim() -> None:
    assert broken("sim", "SIM-FAMILY", "SIM-FEE", sim=ESIM) == {"FAMILY_DISCOUNT"}
    assert broken("sim", "SIM-FAMILY", "SIM-FEE", sim=ESIM, facts={"has_sim": True}) == set()


def test_choices_for_another_kind_of_order_are_refused() -> None:
    assert broken("vpn", "VPN", "VPN-FEE", sim=ESIM, accessMode="PPPoE") == {"SIM_CHOICES", "ACCESS_MODE"}


SIM_ORDER = ("sim", "SIM", "SIM-FEE")


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        # What is asked of those who order a SIM or the internet is not asked of others.
        ({"identity_status": None, "eligibility_status": None, "eligibility": None, "has_internet": True}, set()),
        ({"status": None}, set()),
        ({"status": "inactive"}, set()),
        ({"payment_methods": 2}, set()),
        ({"address": {"city": "x" * 41}}, {"ADDRESS_TOO_LONG"}),
    ],
)
def test_a_vpn_is_for_anybody_who_can_pay(facts: dict[str, Any], codes: set[str]) -> None:
    assert broken("vpn", "VPN", "VPN-FEE", facts=facts) == codes


def test_an_order_with_an_address_of_its_own_needs_none_on_file() -> None:
    own = {"street": "1-1", "city": "Minato", "state": "Tokyo", "postcode": "105-0001"}

    for on_file in ({"has_address": False}, {"address": {"city": "x" * 41}}):
        assert broken("vpn", "VPN", "VPN-FEE", facts=on_file, address=own) == set()


def test_a_sim_without_a_plan_at_the_network_cannot_be_ordered_yet() -> None:
    products = PRODUCTS | {"SIM": product("sim", has_plan=False)}

    assert broken(*SIM_ORDER, sim=ESIM, facts={"products": products}) == {"PRODUCT_MAPPING_MISSING"}


def test_a_service_that_is_offered_everywhere_is_offered_at_any_address() -> None:
    products = PRODUCTS | {"NET": product("internet"), "VPN": product("vpn", offering="Home 1G")}
    elsewhere = {"products": products, "eligibility": "Apartment 1G"}

    assert broken("internet", "NET", "INSTALL-ONCE", facts=elsewhere) == set()
    assert broken("vpn", "VPN", "VPN-FEE", facts=elsewhere) == set()


@pytest.mark.parametrize(
    ("days", "codes"), [(-1, {"ACTIVATION_DATE"}), (0, set()), (30, set()), (31, {"ACTIVATION_DATE"})]
)
def test_the_first_and_the_last_day_on_which_a_service_may_begin(days: int, codes: set[str]) -> None:
    assert broken("vpn", "VPN", "VPN-FEE", activateOn=(TODAY + timedelta(days=days)).isoformat()) == codes


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({"expiresOn": (TODAY + timedelta(days=90)).isoformat()}, set()),
        ({"expiresOn": (TODAY + timedelta(days=91)).isoformat()}, {"MNP_EXPIRY"}),
        ({"birthDate": "2026-11-23"}, set()),
        ({"birthDate": "1876-01-01"}, set()),
        ({"birthDate": "1875-12-31"}, {"BIRTH_DATE"}),
    ],
)
def test_the_first_and_the_last_days_of_a_reservation_and_of_a_life(changed: dict[str, str], codes: set[str]) -> None:
    assert broken(*SIM_ORDER, sim=ESIM | {"porting": PORTING | changed}) == codes


def test_a_rule_names_the_line_that_breaks_it() -> None:
    order = PlaceOrder.model_validate({"type": "sim", "items": [{"sku": "SIM-FEE"}, {"sku": "VPN"}], "sim": ESIM})

    found = broken_rules(order, Facts.model_validate(RIGHT), TODAY)

    assert [(rule.field, rule.code) for rule in found] == [("items[1].sku", "WRONG_CATEGORY")]


def test_voice_options_are_named_one_by_one() -> None:
    order = PlaceOrder.model_validate(
        {"type": "sim", "items": [{"sku": "SIM-DATA"}, {"sku": "SIM-FEE"}], "sim": ESIM | {"callWaiting": True}}
    )

    found = broken_rules(order, Facts.model_validate(RIGHT), TODAY)

    assert [(rule.field, rule.code) for rule in found] == [("sim.callWaiting", "DATA_ONLY")]


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"sku": "VPN"}, {"sku": "VPN"}],
        [{"sku": f"VPN-{at}"} for at in range(21)],
        [{"sku": "VPN", "quantity": 0}],
        [{"sku": "VPN", "quantity": 11}],
        [{"sku": ""}],
        [{"sku": "x" * 81}],
    ],
)
def test_a_cart_that_nobody_fills_is_malformed(items: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        PlaceOrder.model_validate({"type": "vpn", "items": items})
