"""What an object is made of: its fields with their flags, and the relationships that lead up and down."""

from dataclasses import dataclass, field
from functools import cached_property

NUMBERS = frozenset({"int", "double", "currency", "percent"})
STRINGS = frozenset({"string", "picklist", "textarea", "phone", "email", "url", "id", "reference", "combobox"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `length` counts characters, 0 for types without a length."""

    name: str
    type: str
    length: int = 0
    createable: bool = False
    updateable: bool = False
    nillable: bool = False
    required: bool = False
    autonumber: bool = False
    external_id: bool = False
    refers_to: str | None = None
    relationship: str | None = None

    @property
    def is_custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def filterable(self) -> bool:
        """Long text can be neither filtered nor sorted by."""
        return not (self.type == "textarea" and self.length > 255)


@dataclass(frozen=True, slots=True)
class Child:
    """A relationship downwards: `relationship` names the rows of `sobject` whose `field` holds our id."""

    relationship: str
    sobject: str
    field: str


@dataclass(frozen=True)
class SObject:
    """An object's definition. Names are looked up without regard to case, as Salesforce does."""

    name: str
    prefix: str
    fields: tuple[Field, ...]
    children: tuple[Child, ...] = ()
    defaults: dict[str, object] = field(default_factory=dict)
    restricted: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the values of restricted picklists, by field

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields by lower-case name."""
        return {f.name.lower(): f for f in self.fields}

    @cached_property
    def by_relationship(self) -> dict[str, Field]:
        """Reference fields by lower-case relationship name."""
        return {f.relationship.lower(): f for f in self.fields if f.relationship}

    @cached_property
    def by_child(self) -> dict[str, Child]:
        return {child.relationship.lower(): child for child in self.children}


def fields_of(text: str) -> tuple[Field, ...]:
    """Fields from lines of `Name[,Name...] type[:length] [flags] [->Object[/Relationship]]`.

    Flags as in salesforce.md: C createable, U updateable, N nillable, A autonumber, X external id, ! required.
    A relationship left out is the field's name without its `Id`, or with `__c` turned into `__r`.
    """
    return tuple(_field(name, line.split()[1:]) for line in text.strip().splitlines() for name in _names(line))


def _names(line: str) -> list[str]:
    return line.split(maxsplit=1)[0].split(",")


def _field(name: str, words: list[str]) -> Field:
    type_, _, length = words[0].partition(":")
    flags = "".join(word for word in words[1:] if not word.startswith("->"))
    target, _, relationship = next((word[2:] for word in words[1:] if word.startswith("->")), "").partition("/")
    return Field(
        name=name,
        type=type_,
        length=int(length or 0) or (18 if type_ in {"id", "reference"} else 0),
        createable="C" in flags,
        updateable="U" in flags,
        nillable="N" in flags,
        required="!" in flags,
        autonumber="A" in flags,
        external_id="X" in flags,
        refers_to=target or None,
        relationship=(relationship or _relationship(name)) if target else None,
    )


def _relationship(name: str) -> str:
    return name[:-1] + "r" if name.endswith("__c") else name.removesuffix("Id")
