"""Labels that a source uses and we do not know: kept as sent, folded into `other`, and reported."""

from collections.abc import Iterator

from domain.common.record import Contract


def unknown_labels(contract: Contract) -> Iterator[tuple[str, str]]:
    """The columns of the contract that fell to `other`, each with the label the source sent."""
    for column, raw in contract.labels:
        if getattr(contract, column) == "other":
            yield column, str(getattr(contract, raw))
