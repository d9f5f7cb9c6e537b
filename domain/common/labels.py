"""Labels that a source uses and we do not know: kept as sent, folded into `other`, and reported."""

from collections.abc import Iterator

from domain.common.field_table import Columns
from domain.common.record import Contract

OTHER = "other"


def unknown_labels(contract: Contract) -> Iterator[tuple[str, str]]:
    """The columns of the contract that fell to `other`, each with the label the source sent."""
    for column, raw in contract.labels:
        if getattr(contract, column) == OTHER:
            yield column, str(getattr(contract, raw))


def unknown_in_columns(contract: type[Contract], columns: Columns) -> Iterator[tuple[str, str]]:
    """The same of every row of columns of that contract."""
    for column, raw in contract.labels:
        if OTHER in columns[column]:
            for word, label in zip(columns[column], columns[raw], strict=True):
                if word == OTHER:
                    yield column, str(label)
