"""What is said to /auth/get-started, and what it answers."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta
from pydantic import Field, StringConstraints, field_validator

from domain.commands.input import CommandInput
from domain.customer.changing import EMAIL, deliverable
from domain.customer.signing_up import Language, NewCustomer
from read_api.auth.models import CHALLENGE, HIDDEN, NewPassword
from read_api.auth.passwords import MOST_CHARACTERS
from read_api.commands.models import Failure
from read_api.http.wire import Wire

SignUpToken = Annotated[
    str, Field(pattern=CHALLENGE, repr=False, description="What `/auth/get-started/send-code` answered")
]
UnstrippedPassword = Annotated[NewPassword, StringConstraints(strip_whitespace=False)]
"""A space at the end of a password is part of it, and of nothing else that is said here."""
Outcome = Literal["new_customer", "salesforce_account", "whmcs_client", "portal_account"]


class SendCode(CommandInput):
    """To whom a code is sent."""

    email: str = Field(pattern=EMAIL, max_length=254, description="E-mail address")
    language: Language = Field("ja", description="In which language they are written to")

    _deliverable = field_validator("email")(deliverable)


class VerifyCode(CommandInput):
    """The code that was sent, and a customer number for whoever has one."""

    sign_up: SignUpToken
    code: str = Field(pattern=r"^[0-9]{6}$", repr=False, description="Six digits")
    customer_number: str | None = Field(None, min_length=1, max_length=80, examples=["C0000123"])


class CompleteSignUp(NewCustomer):
    """Who wants to become a customer, and their password."""

    sign_up: SignUpToken
    password: UnstrippedPassword

    def details(self) -> NewCustomer:
        """All but what lets somebody in."""
        return NewCustomer.model_validate(self.model_dump(include=set(NewCustomer.model_fields)))


class LinkWhmcsAccount(CommandInput):
    """Whose mailbox is proven, their password at the billing system, and the one that they want here."""

    sign_up: SignUpToken
    password: Annotated[
        str,
        StringConstraints(strip_whitespace=False),
        Field(
            min_length=1,
            max_length=MOST_CHARACTERS,
            repr=False,
            description="The one at the billing system; it is asked about once, and kept nowhere",
            json_schema_extra=HIDDEN,
        ),
    ]
    portal_password: UnstrippedPassword


class Begun(Wire, frozen=True):
    """A code is sent."""

    sign_up: Annotated[str, Meta(description="Goes on with it; keep it in memory alone")]
    minutes: Annotated[int, Meta(description="For how long the code is good", examples=[10])]


class BegunAnswer(Wire, frozen=True):
    """The same whoever has the address."""

    data: Begun


class Verified(Wire, frozen=True):
    """The mailbox is proven."""

    outcome: Annotated[Outcome, Meta(description="What the hub knows of whoever has it")]
    next: Annotated[
        Literal["complete", "link-whmcs", "login"], Meta(description="What to do: the last part of a path of /auth")
    ]


class VerifiedAnswer(Wire, frozen=True):
    """The mailbox is proven."""

    data: Verified


class Completed(Wire, frozen=True):
    """The rest is done in the background."""

    command: Annotated[UUID, Meta(description="What support calls it by")]
    state: Literal["working"]
    follow: Annotated[str, Meta(description="Path that says what becomes of it", examples=["/auth/get-started"])]


class CompletedAnswer(Wire, frozen=True):
    """The rest is done in the background."""

    data: Completed


class Standing(Wire, frozen=True):
    """Where a sign-up stands."""

    state: Annotated[
        Literal["code_sent", "verified", "working", "ready", "failed", "needs_attention"],
        Meta(description="ready: log in with the password. needs_attention: the hub's operators are told, and look"),
    ]
    outcome: Annotated[Outcome | None, Meta(description="What the hub knew of the mailbox; null: it is not proven")]
    failure: Annotated[Failure | None, Meta(description="Why it failed; null: it did not")]


class StandingAnswer(Wire, frozen=True):
    """Where a sign-up stands."""

    data: Standing
