"""Identity documents: passed on to Salesforce as they come, checked on the way, and kept nowhere else."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from hashlib import sha256

from litestar import Controller, post
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from core.errors import HubError
from domain.customer.identity import BEGINS, MOST_BYTES, IdentityFacts, RuleCode, SubmitIdentityDocument, identity_rules
from read_api.answers import ApiRequest, JsonAnswer, customer_of, database_of
from read_api.commands.accepting import Change, IdempotencyKey, no_rules
from read_api.gateway import Gateway
from read_api.problems.errors import BrokenRulesError, InvalidFieldError, NotSetUpError
from read_api.questions import Question
from read_api.responses import accepted

SUBMIT = Change(
    kind="submit_identity_document",
    system="salesforce",
    subject="customers",
    at="/api/me",
    facts=Question("customer/identity_facts"),
    known=IdentityFacts,
    rules=no_rules,
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
        responses=accepted(rules=RuleCode),
        request_max_body_size=MOST_BYTES,
    )
    async def submit(self, request: ApiRequest, key: IdempotencyKey) -> JsonAnswer:
        """Send a photo or scan of an identity document: JPEG, PNG or PDF, 5 MiB at most, as the body itself."""
        gateway: Gateway | None = request.app.state["gateway"]
        if gateway is None:
            raise NotSetUpError("identity documents are not set up")
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        document = Passing(request.stream(), media_type)
        customer = await database_of(request).customer(customer_of(request))
        name = f"{sha256(f'{customer}:{key}'.encode()).hexdigest()[:40]}.{BEGINS.get(media_type, (b'', ''))[1]}"

        async def taken(known: IdentityFacts, is_new: bool) -> SubmitIdentityDocument:
            if is_new:
                if broken := identity_rules(known):
                    raise BrokenRulesError(broken)
                await gateway.keep_document(known.account or "", name, document.pieces(), media_type)
            return SubmitIdentityDocument.model_validate(
                {"name": name, "sha256": await document.sha256(), "media_type": media_type}
            )

        try:
            await document.begin()
            return await SUBMIT.accept_what_comes(request, key, taken, customer)
        except HubError:
            # Whoever is still sending hears the answer when all is sent.
            await document.sha256()
            raise


class Passing:
    """A document on its way: checked by how it begins, hashed piece by piece, never held as a whole."""

    def __init__(self, stream: AsyncGenerator[bytes, None], media_type: str) -> None:
        self._stream = stream
        self._begins = BEGINS.get(media_type, (None, ""))[0]
        self._first = b""
        self._hash = sha256()

    async def begin(self) -> None:
        """Take as much as tells what it is.

        Raises:
            InvalidFieldError: it is none of what may be sent, or not what it is said to be.
        """
        while len(self._first) < LONGEST_BEGINNING and (piece := await anext(self._stream, None)) is not None:
            self._first += piece
        if self._begins is None or not self._first.startswith(self._begins):
            raise InvalidFieldError("body", "must be a JPEG, PNG or PDF file, and Content-Type must say which")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The document as it comes.

        Raises:
            RequestEntityTooLarge: it is larger than may be sent; found while it passes.
        """
        first, self._first = self._first, b""
        if first:
            self._hash.update(first)
            yield first
        async for piece in self._stream:
            self._hash.update(piece)
            yield piece

    async def sha256(self) -> str:
        """The hash of all of it, in hexadecimal; what has not come yet is waited for and dropped."""
        async for _ in self.pieces():
            continue
        return self._hash.hexdigest()


LONGEST_BEGINNING = max(len(begins) for begins, _ in BEGINS.values())
