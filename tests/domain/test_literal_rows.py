"""What rows of the vendors mean, from tables in which rows and meanings are written down (tests/domain/literals).

The tables are judged too: each field of each contract is told by some row, and no two could be exchanged unseen.
"""

from collections import defaultdict
from typing import Any

import pytest

from domain.common.errors import MappingError
from domain.common.labels import unknown_labels
from domain.common.record import Contract, Record
from tests.domain.literals import LABELS, LITERALS
from tests.domain.literals.billing import DETAILS, details
from tests.domain.literals.literal import Labels, Literal, contracts_in, told

OF_SALESFORCE = [literal for literal in LITERALS if "SystemModstamp" in literal.row]


CONTRACTS = [
    each
    for of in (Contract, Record)
    for each in of.__subclasses__()
    if each is not Record and each.__module__.startswith("domain.")
]


@pytest.mark.parametrize("literal", LITERALS, ids=lambda literal: literal.name)
def test_a_row_says_what_is_written_here_and_nothing_else(literal: Literal) -> None:
    assert [told(each) for each in contracts_in(literal.read(literal.row))] == list(literal.says)


@pytest.mark.parametrize("literal", OF_SALESFORCE, ids=lambda literal: literal.name)
def test_a_record_says_the_same_from_a_bulk_page(literal: Literal) -> None:
    assert [told(each) for each in contracts_in(literal.read(as_csv(literal.row)))] == list(literal.says)


def as_csv(row: Any) -> dict[str, str]:
    """A line of a bulk query's CSV (reference, 3): parents as `Parent.Field`, flags as words, stamps with a Z."""
    cells: dict[str, str] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            cells |= {f"{name}.{inner}": cell for inner, cell in as_csv(value).items()}
        elif name != "attributes":
            text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            cells[name] = text.removesuffix("+0000") + "Z" if text.endswith("+0000") else text
    return cells


def test_every_field_of_every_contract_is_told_by_some_row() -> None:
    fields = defaultdict[str, set[str]](set)
    for literal in LITERALS:
        for contract, said in literal.says:
            fields[contract.__name__] |= said.keys()

    untold = {each.__name__: set(each.model_fields) - fields[each.__name__] for each in CONTRACTS}
    # WHMCS and Freebit tell of no deletion, and WHMCS of a last change only where it is an invoice's.
    never = {"source_updated_at", "deleted_at"}
    assert {name: left for name, left in untold.items() if left} == {
        "Invoice": {"deleted_at"}, "InvoiceItem": never, "Payment": never, "PaymentMethod": never,
        "BillingClient": never, "Subscription": never, "Sim": never, "SimUsage": never,
    }  # fmt: skip


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda each: each.__name__)
def test_no_two_fields_of_a_contract_could_be_exchanged_unseen(contract: type[Contract]) -> None:
    rows = [said for literal in LITERALS for kind, said in literal.says if kind is contract]

    alike = defaultdict[tuple[str, ...], list[str]](list)
    for field in contract.model_fields:
        alike[tuple(repr(said.get(field)) for said in rows)].append(field)

    assert [fields for values, fields in alike.items() if len(fields) > 1 and set(values) != {"None"}] == []


LABELLED = [
    pytest.param(labels, label, word, id=f"{labels.field} {label or 'nothing'} is {word} ({labels.read.__name__})")
    for labels in LABELS
    for label, word in labels.words.items()
]


@pytest.mark.parametrize(("labels", "label", "word"), LABELLED)
def test_a_label_that_the_vendor_documents_has_one_word(labels: Labels, label: str, word: str) -> None:
    assert words(labels, label) == {word}


@pytest.mark.parametrize("labels", LABELS, ids=lambda each: f"{each.column} ({each.read.__name__})")
@pytest.mark.parametrize("strange", ["Parked", "paid", "ACTIVE", " Active"])
def test_a_label_that_nobody_knows_is_other_and_is_told_as_sent(labels: Labels, strange: str) -> None:
    (found,) = [each for each in labelled(labels, strange) if getattr(each, labels.column) == "other"]

    # What generation of the network a line is on has no column for the label as sent.
    if labels.column != "contract_line":
        assert (labels.column, strange) in list(unknown_labels(found))


@pytest.mark.parametrize("labels", LABELS, ids=lambda each: f"{each.column} ({each.read.__name__})")
@pytest.mark.parametrize("nothing", ["", None])
def test_no_label_is_no_word_or_other_and_never_one_of_the_words(labels: Labels, nothing: str | None) -> None:
    try:
        assert words(labels, nothing) == {labels.nothing}
    except MappingError:
        # A status is required of WHMCS: without one the row is put aside.
        assert (labels.column, nothing) in {("status", None), ("billing_cycle", None)}


def words(labels: Labels, label: object) -> set[object]:
    return {getattr(each, labels.column) for each in labelled(labels, label)}


def labelled(labels: Labels, label: object) -> list[Contract]:
    read = contracts_in(labels.read(labels.at(labels.row, labels.field, label)))
    return [each for each in read if labels.column in type(each).model_fields]


@pytest.mark.parametrize(
    ("sent", "is_taxed"),
    [(1, True), ("1", True), (True, True), ("true", True), ("on", True), (" Yes ", True),
     (0, False), ("0", False), (False, False), ("false", False), ("", False), (None, False), ("off", False)],
)  # fmt: skip
def test_a_flag_in_every_form_of_yes_and_no(sent: object, is_taxed: bool) -> None:
    item = DETAILS["items"]["item"][0] | {"taxed": sent}

    (found,) = details(DETAILS | {"items": {"item": [item]}}).items

    assert found.is_taxed is is_taxed
