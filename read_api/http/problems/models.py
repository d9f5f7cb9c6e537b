"""Wire models of problems (RFC 9457)."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType


class FieldProblem(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is wrong with one field."""

    field: Annotated[str, Meta(description="Name of the parameter, header or path part", examples=["limit"])]
    detail: Annotated[str, Meta(description="What is wrong with it", examples=["Expected `int` <= 100"])]
    code: Annotated[str | UnsetType, Meta(description="The rule that is broken, for programs")] = UNSET


class Problem(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Why there is no answer (RFC 9457). `type` has a page that explains it."""

    type: Annotated[str, Meta(description="Which kind; a path with a page behind it", examples=["/problems/not-found"])]
    title: Annotated[str, Meta(description="The kind in words", examples=["There is no such thing"])]
    status: Annotated[int, Meta(description="HTTP status", examples=[404])]
    detail: Annotated[str, Meta(description="What happened this time", examples=["there is no such record"])]
    instance: Annotated[str, Meta(description="Path that was asked for", examples=["/api/invoices"])]
    field: Annotated[str | UnsetType, Meta(description="First field at fault")] = UNSET
    errors: Annotated[list[FieldProblem] | UnsetType, Meta(description="Every field at fault")] = UNSET
    methods: Annotated[
        list[str] | UnsetType, Meta(description="By which methods to prove who one is", examples=[["totp", "recovery"]])
    ] = UNSET
    max_age: Annotated[int | UnsetType, Meta(description="For how many seconds that counts", examples=[600])] = (
        msgspec.field(default=UNSET, name="maxAge")
    )
