"""Whether our answer and a peer's say the same: what is measured must be the same work."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import convert, structs

from read_api.billing.models import Invoice

WIRE_TYPES = {field.encode_name: field.type for field in structs.fields(Invoice)}


def say_the_same(own: Sequence[Mapping[str, object]], other: Sequence[Mapping[str, object]]) -> bool:
    """Whether two lists hold the same invoices, in every field that the other one shows. Ours may show more of each.

    Values are compared as what the API's model declares them to be: an instant has more than one spelling.
    """
    return len(own) == len(other) and all(
        _declared(ours, theirs) == _declared(theirs, theirs) for ours, theirs in zip(own, other, strict=True)
    )


def _declared(invoice: Mapping[str, object], fields: Iterable[str]) -> dict[str, object]:
    return {name: convert(invoice[name], WIRE_TYPES[name]) for name in fields}
