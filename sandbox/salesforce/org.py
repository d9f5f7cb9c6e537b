"""The org: its objects and their tables, and what a name in a query refers to."""

from sandbox.salesforce.bases import bases
from sandbox.salesforce.errors import invalid_field, invalid_relationship, invalid_type
from sandbox.salesforce.objects import OBJECTS
from sandbox.salesforce.schema import Field, SObject
from sandbox.salesforce.table import Table
from sandbox.state import Clock, State
from sandbox.world import World, salesforce_id

ORGANIZATION_ID = salesforce_id("Organization", 0)
DEEPEST_PATH = 5
HIDDEN_QUIRK = "salesforce.hidden_fields"  # state.quirks: "Case.Subject …", fields that an administrator took away
HIDDEN_OBJECTS_QUIRK = "salesforce.hidden_objects"  # state.quirks: "Case …", objects that he took away


class Org:
    """Everything that has a name in the emulated org."""

    def __init__(self, world: World, state: State) -> None:
        self.state = state
        self._tables = {name: Table(OBJECTS[name.lower()], base, state.overlay) for name, base in bases(world).items()}

    @property
    def clock(self) -> Clock:
        return self.state.clock

    def table(self, name: str) -> Table:
        """The table of an object, by its name in any casing. Raises SalesforceError: INVALID_TYPE."""
        definition = OBJECTS.get(name.lower())
        if definition is None:
            raise invalid_type(name)
        return self._tables[definition.name]

    def readable(self, name: str) -> Table:
        """The same for who asks from outside: what an administrator took away is of no known type to him."""
        table = self.table(name)
        if table.definition.name in self.state.quirks.get(HIDDEN_OBJECTS_QUIRK, "").split():
            raise invalid_type(name)
        return table

    def hides(self, definition: SObject, field: Field) -> bool:
        """Whether an administrator took the field away from this user."""
        hidden = self.state.quirks.get(HIDDEN_QUIRK)
        return bool(hidden) and f"{definition.name}.{field.name}" in str(hidden).split()

    def tables(self) -> list[Table]:
        return list(self._tables.values())


def field_of(definition: SObject, name: str) -> Field:
    """Raises SalesforceError: INVALID_FIELD."""
    field = definition.by_name.get(name.lower())
    if field is None:
        raise invalid_field(name, definition.name)
    return field


def hops_of(
    org: Org, definition: SObject, names: tuple[str, ...], alias: str | None
) -> tuple[tuple[Field, ...], Field]:
    """The reference fields a path climbs, and the field it ends at.

    Raises:
        SalesforceError: INVALID_FIELD when some part of the path does not exist, or there are more than five hops.
    """
    own = {definition.name.lower(), (alias or definition.name).lower()}
    path = names[1:] if len(names) > 1 and names[0].lower() in own else names
    if len(path) > DEEPEST_PATH + 1:
        raise invalid_relationship(path[0], ".".join(names))
    hops: list[Field] = []
    for name in path[:-1]:
        hop = definition.by_relationship.get(name.lower())
        if hop is None or hop.refers_to is None:
            raise invalid_relationship(name, ".".join(names))
        hops.append(hop)
        definition = org.table(hop.refers_to).definition
    field = field_of(definition, path[-1])
    if org.hides(definition, field):
        raise invalid_field(field.name, definition.name)
    return tuple(hops), field
