"""Wire models of webhooks."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from read_api.http.wire import Wire

# `$` alone would let a line feed through.
END = r"$(?!\n)"
# WHMCS numbers its records from 1.
Id = Annotated[str, Meta(pattern=rf"^[1-9][0-9]{{0,17}}{END}", examples=["10042"])]
YEAR_2100 = 4_102_444_800


class Notification(Struct, frozen=True, rename="camel"):
    """That something happened to a record: ids only, no values. Fields not named here are ignored and not kept."""

    id: Annotated[
        str, Meta(pattern=rf"^[0-9a-f]{{32}}{END}", description="Unique per event", examples=["0" * 31 + "1"])
    ]
    event: Annotated[
        str, Meta(pattern=rf"^[A-Za-z]{{1,64}}{END}", description="Name of the hook", examples=["InvoicePaid"])
    ]
    entity: Annotated[
        Literal["invoice", "client", "service", "order", "pay_method", "ticket"], Meta(description="Kind of record")
    ]
    entity_id: Annotated[Id, Meta(description="The record's id in WHMCS")]
    client_id: Annotated[Id | None, Meta(description="Id of the client it belongs to; null: not known")]
    occurred_at: Annotated[int, Meta(ge=0, lt=YEAR_2100, description="Unix seconds", examples=[1_764_547_200])]


# What a field has to be, in words: the decoder's own would quote what was sent.
RULES = {
    "id": "must be 32 lower-case hexadecimal characters",
    "event": "must be the name of a hook, letters only",
    "entity": "must be one of invoice, client, service, order, pay_method, ticket",
    "entityId": "must be a number from 1 on, written as text",
    "clientId": "must be a number from 1 on, written as text, or null",
    "occurredAt": "must be Unix seconds, a whole number",
}


class Stored(Wire, frozen=True):
    """The notification is kept and will be applied, or was before."""

    status: Literal["stored"]
