"""Identity documents: passed on to Salesforce as they come, checked on the way, and kept nowhere else."""

from dataclasses import dataclass
from hashlib import sha256

from litestar import Controller, post
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from domain.customer.identity import BEGINS, MOST_BYTES, IdentityFacts, SubmitIdentityDocument, identity_rules
from read_api.answers import ApiRequest, JsonAnswer, customer_of, database_of
from read_api.commands.accepting import Change, IdempotencyKey
from read_api.gateway import Gateway
from read_api.problems.errors import InvalidFieldError, NotSetUpError
from read_api.questions import Question
from read_api.responses import accepted

SUBMIT = Change(
    kind="submit_identity_document",
    system="salesforce",
    subject="customers",
    at="/api/me",
    facts=Question("customer/identity_facts"),
    known=IdentityFacts,
    rules=identity_rules,
)


@dataclass
class DocumentOperation(Operation):
    """Says what the body is: the handler takes the raw bytes."""

    def __post_init__(self) -> None:
        content = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")
        self.request_body = RequestBody({kind: OpenAPIMediaType(content) for kind in BEGINS}, required=True)


class IdentityController(Controller):
    """Who the customer is."""

    path = "/api/identity-documents"
    tags = ("customer",)

    @post(
        operation_id="submitIdentityDocument",
        operation_class=DocumentOperation,
        status_code=202,
        responses=accepted(),
        request_max_body_size=MOST_BYTES,
    )
    async def submit(self, request: ApiRequest, key: IdempotencyKey) -> JsonAnswer:
        """Send a photo or scan of an identity document: JPEG, PNG or PDF, 5 MiB at most, as the body itself."""
        gateway: Gateway | None = request.app.state["gateway"]
        if gateway is None:
            raise NotSetUpError("identity documents are not set up")
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        content = await request.body()
        begins, ending = BEGINS.get(media_type, (None, ""))
        if begins is None or not content.startswith(begins):
            raise InvalidFieldError("body", "must be a JPEG, PNG or PDF file, and Content-Type must say which")
        customer = await database_of(request).customer(customer_of(request))
        name = f"{sha256(f'{customer}:{key}'.encode()).hexdigest()[:40]}.{ending}"
        asked = SubmitIdentityDocument.model_validate(
            {"name": name, "sha256": sha256(content).hexdigest(), "media_type": media_type}
        )

        async def pass_on(known: IdentityFacts) -> None:
            await gateway.keep_document(known.account or "", name, content, media_type)

        return await SUBMIT.accept(request, key, asked, customer, before=pass_on)
