"""What writing a page did."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Merged:
    """What a merge did, in rows. `parts`: of the deleted ones, those that went with the row that they are part of.

    `outdated`: source ids of rows left as they are, because the hub changed them after what was read was requested.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    outdated: tuple[str, ...] = ()
    parts: int = 0

    def __add__(self, other: "Merged") -> "Merged":
        return Merged(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.deleted + other.deleted,
            self.outdated + other.outdated,
            self.parts + other.parts,
        )

    def counts(self) -> dict[str, int]:
        """The rows by what became of them, under the names that sync.runs and Dagster's UI have for them."""
        return {
            "inserted": self.inserted,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
        }

    @property
    def written(self) -> int:
        return self.inserted + self.updated + self.deleted
