"""Identity documents: a place is reserved, then they are passed on to the gateway as they come. The API keeps none."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from litestar import Controller, post
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from core.errors import HubError
from domain.commands import kinds
from domain.customer.identity import ENDINGS, MOST_BYTES, IdentityFacts, RuleCode, SubmitIdentityDocument
from read_api.admission import LONGEST_UPLOAD_SECONDS
from read_api.commands.accepting import Change, IdempotencyKey
from read_api.gateway import GatewayDownError
from read_api.http.answers import ApiRequest, JsonAnswer, customer_of, database_of
from read_api.http.problems.errors import InvalidFieldError, NotSetUpError
from read_api.http.responses import change
from read_api.http.services import services_of
from read_api.store.questions import Question

SUBMIT = Change(kinds.SUBMIT_IDENTITY_DOCUMENT, "/api/me", Question("customer/identity_facts"))
DRAIN_SECONDS = 10.0


@dataclass
class DocumentOperation(Operation):
    """Says what the body is: the handler takes the raw bytes."""

    def __post_init__(self) -> None:
        content = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")
        self.request_body = RequestBody({kind: OpenAPIMediaType(content) for kind in ENDINGS}, required=True)


class IdentityController(Controller):
    """Who the customer is."""

    path = "/api/identity-documents"
    tags = ("customer",)

    @post(
        operation_id="submitIdentityDocument",
        operation_class=DocumentOperation,
        **change(rules=RuleCode, most_bytes=MOST_BYTES),
        opt=SUBMIT.opt,
    )
    async def submit(self, request: ApiRequest, key: IdempotencyKey) -> JsonAnswer:
        """Send a photo or scan of an identity document: JPEG, PNG or PDF, 5 MiB at most, as the body itself."""
        gateway = services_of(request).gateway
        if gateway is None:
            raise NotSetUpError("identity documents are not set up")
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        document = Passing(request.stream())
        try:
            if media_type not in ENDINGS:
                raise InvalidFieldError("body", "must be a JPEG, PNG or PDF file, and Content-Type must say which")
            customer = await database_of(request).customer(customer_of(request))
            name = f"{sha256(f'{customer}:{key}'.encode()).hexdigest()[:40]}.{ENDINGS[media_type]}"

            async def taken(known: IdentityFacts, is_new: bool) -> SubmitIdentityDocument:
                async with asyncio.timeout(LONGEST_UPLOAD_SECONDS):
                    if is_new:
                        await gateway.keep_document(known.account or "", name, document.pieces(), media_type)
                    digest = await document.sha256()
                return SubmitIdentityDocument.model_validate({"name": name, "sha256": digest, "media_type": media_type})

            return await SUBMIT.accept_what_comes(request, key, taken, customer)
        except TimeoutError as error:
            raise GatewayDownError("the document did not pass through in time") from error
        except HubError:
            # Whoever is still sending hears the answer when all is sent, unless that takes too long.
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    await document.sha256()
            raise


class Passing:
    """A document on its way: hashed piece by piece, never held as a whole."""

    def __init__(self, stream: AsyncGenerator[bytes, None]) -> None:
        self._stream = stream
        self._hash = sha256()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The document as it comes.

        Raises:
            RequestEntityTooLarge: it is larger than may be sent; found while it passes.
        """
        async for piece in self._stream:
            self._hash.update(piece)
            yield piece

    async def sha256(self) -> str:
        """The hash of all of it, in hexadecimal; what has not come yet is waited for and dropped."""
        async for _ in self.pieces():
            continue
        return self._hash.hexdigest()
