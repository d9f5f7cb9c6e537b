"""What systems notify us of: stored and answered before any work is done about it."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Controller, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Parameter, RequestBody, Schema

from read_api.http.answers import ApiRequest, JsonAnswer, database_of
from read_api.http.problems.catalogue import INVALID_REQUEST, INVALID_SIGNATURE, TOO_LARGE, TOO_SLOW, UNAVAILABLE
from read_api.http.problems.errors import InvalidFieldError, NotSetUpError
from read_api.http.responses import problem_spec
from read_api.http.services import services_of
from read_api.store.questions import Question
from read_api.webhooks.models import RULES, Notification, Stored
from read_api.webhooks.signature import SIGNATURE, TIMESTAMP

RECEIVE_NOTIFICATION = Question("webhooks/receive_notification")
MOST_BYTES = 4096
PROBLEMS = (INVALID_REQUEST, INVALID_SIGNATURE, TOO_LARGE, TOO_SLOW, UNAVAILABLE)
TEXT = Schema(type=OpenAPIType.STRING)
FIELD_AT_FAULT = re.compile(r"(?:field `|\$\.)(\w+)")


@dataclass
class NotificationOperation(Operation):
    """Says what the body is: the handler takes the raw bytes, which are what is signed."""

    def __post_init__(self) -> None:
        self.parameters = [Parameter(name, "header", required=True, schema=TEXT) for name in (TIMESTAMP, SIGNATURE)]
        self.request_body = RequestBody({"application/json": OpenAPIMediaType(_schema(Notification))}, required=True)


class WebhookController(Controller):
    """Webhooks, signed by their sender instead of a customer's token."""

    path = "/webhooks"
    tags = ("webhooks",)

    @post(
        "/whmcs",
        operation_id="receiveWhmcsNotification",
        operation_class=NotificationOperation,
        status_code=202,
        request_max_body_size=MOST_BYTES,
        responses={
            202: ResponseSpec(Stored, description="Stored, now or before", generate_examples=False),
            **{kind.status: problem_spec(kind) for kind in PROBLEMS},
        },
    )
    async def whmcs(self, request: ApiRequest) -> JsonAnswer:
        """Something happened in WHMCS: which record, not what. The same id sent twice is stored once.

        `X-Hub-Timestamp` holds the Unix seconds of sending, `X-Hub-Signature` is
        `v1=<hex HMAC-SHA256(secret, "<timestamp>.<raw body>")>`.
        """
        signature = services_of(request).whmcs_signature
        if signature is None:
            raise NotSetUpError("webhooks are not set up")
        body = await request.body()
        signature.check(request.headers, body)
        await database_of(request).tell(RECEIVE_NOTIFICATION, _values(_notification_in(body)))
        return JsonAnswer(b'{"status":"stored"}', status=202)


def _notification_in(body: bytes) -> Notification:
    try:
        return msgspec.json.decode(body, type=Notification)
    except msgspec.ValidationError as error:
        found = FIELD_AT_FAULT.search(str(error))
        field = found[1] if found and found[1] in RULES else "body"
        raise InvalidFieldError(field, RULES.get(field, "must be a JSON object")) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidFieldError("body", "is not JSON") from error


def _values(notification: Notification) -> dict[str, str | None]:
    return {
        "source": "whmcs",
        "event_id": notification.id,
        "entity": notification.entity,
        "record_id": notification.entity_id,
        "parent_id": notification.client_id,
        "occurred_at": str(notification.occurred_at),
        "payload": msgspec.json.encode({"event": notification.event}).decode(),
    }


def _schema(model: type[msgspec.Struct]) -> Any:
    return msgspec.json.schema(model)["$defs"][model.__name__]
