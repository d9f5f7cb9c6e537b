"""How the input of commands is described in the OpenAPI document: with all that is checked of it."""

from dataclasses import replace
from inspect import getdoc
from typing import Any

from litestar._openapi.schema_generation import SchemaCreator
from litestar.openapi.spec import Reference, Schema
from litestar.plugins.pydantic import PydanticSchemaPlugin
from litestar.typing import FieldDefinition
from litestar.utils import is_class_and_subclass

from domain.commands.input import CommandInput


class InputSchemas(PydanticSchemaPlugin):
    """Litestar's own leave out patterns, what a model says of itself, and that nothing else may be given."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        return is_class_and_subclass(value, CommandInput)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        schema = super().to_openapi_schema(field_definition, schema_creator)
        model: type[CommandInput] = field_definition.annotation
        schema.description, schema.additional_properties = getdoc(model), False
        described = dict(schema.properties or {})
        for field in model.model_fields.values():
            pattern = next((kept.pattern for kept in field.metadata if getattr(kept, "pattern", None)), None)
            if pattern is not None and field.alias is not None:
                described[field.alias] = _with_pattern(described[field.alias], pattern)
        schema.properties = described
        return schema


def _with_pattern(schema: Schema | Reference, pattern: str) -> Schema | Reference:
    """The same where a text must look so; what is shared with other fields is left as it is."""
    if isinstance(schema, Reference):
        return schema
    if schema.one_of:
        return replace(schema, one_of=[_with_pattern(each, pattern) for each in schema.one_of])
    return replace(schema, pattern=pattern) if schema.type == "string" else schema
