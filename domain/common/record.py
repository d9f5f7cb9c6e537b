"""What every contract is made of."""

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from domain.common.identifiers import System
from domain.common.times import Instant


class Contract(BaseModel):
    """A record in our own words, whichever system told us. Field names are the columns of its table."""

    # Inputs stay out of error messages: they are customers' data.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    labels: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Columns that fold a source's labels into our words, each with the column that keeps the label as sent."""

    id: UUID


class Record(Contract):
    """A record that a source created.

    Shape: one per (source, source_id). `source_updated_at` is the source's own time of last change, UTC, None where
    it tells none; `deleted_at` is when the source deleted it.
    """

    source: System
    source_id: str
    source_updated_at: Instant | None = None
    deleted_at: Instant | None = None
