"""What is said to /auth, and what it answers."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta
from pydantic import AfterValidator, ConfigDict, Field

from domain.commands.input import CommandInput
from domain.common.account_roles import AccountRole
from domain.customer.changing import EMAIL, deliverable
from read_api.auth.factors import ChallengeMethod, Method
from read_api.auth.passwords import ALONE, MOST_CHARACTERS, WITH_ANOTHER
from read_api.auth.tokens import VIEW_MINUTES
from read_api.http.wire import Wire

AS_TYPED = ConfigDict(str_strip_whitespace=False)
"""A space at the end of a password is part of it."""
HIDDEN: dict[str, Any] = {"format": "password"}
NewPassword = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MOST_CHARACTERS,
        repr=False,
        description=f"At least {ALONE} characters of any kind, {WITH_ANOTHER} beside a second factor, and not one of"
        " the common ones",
        json_schema_extra=HIDDEN,
    ),
]
EmailAddress = Annotated[
    str, Field(min_length=3, max_length=254, pattern=r"^[!-~]+@[!-~]+$", description="E-mail address")
]

NewEmailAddress = Annotated[
    str, Field(max_length=254, pattern=EMAIL, description="E-mail address"), AfterValidator(deliverable)
]
"""One that we are to write to: no name or comment around it, which a mail server reads otherwise than we count it."""

LinkToken = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        repr=False,
        description="What stands after `#token=` in the link",
        json_schema_extra=HIDDEN,
    ),
]


class LogIn(CommandInput):
    """Who wants in, and what proves it."""

    model_config = AS_TYPED

    email: EmailAddress
    password: str = Field(
        min_length=1, max_length=MOST_CHARACTERS, repr=False, description="The password", json_schema_extra=HIDDEN
    )


CHALLENGE = r"^[A-Za-z0-9_-]{43}$"
CODE = r"^[A-Za-z0-9 -]{6,64}$"


def _bytes(most: int, description: str, alias: str | None = None, *, default: Any = ...) -> Any:
    """Bytes as browsers write them: base64url, without padding."""
    return Field(
        default, pattern=r"^[A-Za-z0-9_-]+$", max_length=most, alias=alias, repr=False, description=description
    )


class FromBrowser(CommandInput):
    """What a browser's `toJSON()` writes. Browsers of other years write more than is read here."""

    model_config = ConfigDict(extra="ignore")


class AssertionResponse(FromBrowser):
    """What the authenticator signed."""

    client_data_json: str = _bytes(8192, "What the browser says it was asked with", "clientDataJSON")
    authenticator_data: str = _bytes(4096, "What the authenticator says")
    signature: str = _bytes(2048, "Its signature of both")
    user_handle: str | None = _bytes(100, "Whom the authenticator knows as its owner", default=None)


class Assertion(FromBrowser):
    """What `navigator.credentials.get()` gave, by `toJSON()` (AuthenticationResponseJSON)."""

    id: str = _bytes(1400, "The credential's id")
    raw_id: str = _bytes(1400, "The same")
    type: Literal["public-key"]
    response: AssertionResponse


class AttestationResponse(FromBrowser):
    """What the authenticator made."""

    client_data_json: str = _bytes(8192, "What the browser says it was asked with", "clientDataJSON")
    attestation_object: str = _bytes(32_768, "The credential, and its public key")
    transports: list[Annotated[str, Field(pattern=r"^[a-z-]{1,20}$")]] = Field(
        [], max_length=10, description="How the authenticator is reached"
    )


class Attestation(FromBrowser):
    """What `navigator.credentials.create()` gave, by `toJSON()` (RegistrationResponseJSON)."""

    id: str = _bytes(1400, "The credential's id")
    raw_id: str = _bytes(1400, "The same")
    type: Literal["public-key"]
    response: AttestationResponse


class UsePasskey(CommandInput):
    """A passkey that was used."""

    credential: Assertion


class AddPasskey(CommandInput):
    """A passkey that was made."""

    name: str = Field(min_length=1, max_length=60, description="What the person calls it", examples=["my phone"])
    credential: Attestation


class VerifyLogIn(CommandInput):
    """A log-in that waits, and what more proves who it is."""

    challenge: str = Field(pattern=CHALLENGE, repr=False, description="What logging in answered")
    method: ChallengeMethod = Field(description="One of the `methods` that logging in answered")
    code: str | None = Field(
        None,
        pattern=CODE,
        repr=False,
        description="For `totp`, what the app shows; for `recovery`, one of those codes; for `email`, what was sent",
    )
    credential: Assertion | None = Field(None, description="For `passkey`")
    remember_days: int = Field(
        30, ge=0, le=90, description="For `email`: for how many days no code is asked for on this device"
    )


class SendAnotherCode(CommandInput):
    """A log-in that waits for a code."""

    challenge: str = Field(pattern=CHALLENGE, repr=False, description="What logging in answered")


class StepUp(CommandInput):
    """What proves again who somebody is: a password, a code, or a passkey that was used."""

    model_config = AS_TYPED

    method: Method = Field(description="One of the `methods` of the problem that asked for it")
    password: str | None = Field(
        None,
        min_length=1,
        max_length=MOST_CHARACTERS,
        repr=False,
        description="For `password`",
        json_schema_extra=HIDDEN,
    )
    code: str | None = Field(None, pattern=CODE, repr=False, description="For `totp` and `recovery`")
    credential: Assertion | None = Field(None, description="For `passkey`")


class ConfirmTotp(CommandInput):
    """A first code of an authenticator app."""

    code: str = Field(pattern=CODE, repr=False, description="What the app shows")


class SwitchAccount(CommandInput):
    """For which of their accounts somebody wants to act."""

    customer: UUID = Field(description="`customer` of one of the accounts of `GET /auth/me`")


class ViewAs(CommandInput):
    """At whom a support agent wants to look, and why."""

    customer: UUID = Field(description="The customer, by any id that it was known by")
    person: UUID | None = Field(None, description="As whom: somebody who acts for it; absent: its first owner")
    reason: str = Field(min_length=10, max_length=500, description="Why; it is kept")
    minutes: int = Field(ge=1, le=VIEW_MINUTES, description="For how long")


class Invite(CommandInput):
    """Who is to act for the account, and as what."""

    email: NewEmailAddress
    role: AccountRole = Field(description="What they may do")
    language: Literal["en", "ja"] | None = Field(None, description="Of the e-mail; absent: that of whoever invites")


class ChangeRole(CommandInput):
    """Another role."""

    role: AccountRole = Field(description="What they may do from now on")


class AcceptInvitation(CommandInput):
    """The link that was sent; and, of whoever is new, the password that is to be."""

    model_config = AS_TYPED

    token: LinkToken
    password: str | None = Field(
        None, min_length=1, max_length=MOST_CHARACTERS, repr=False, description="The password", json_schema_extra=HIDDEN
    )


class ChangePassword(CommandInput):
    """The password that was, and the one that is to be."""

    model_config = AS_TYPED

    current_password: str = Field(
        min_length=1, max_length=MOST_CHARACTERS, repr=False, description="The present one", json_schema_extra=HIDDEN
    )
    new_password: NewPassword


class ChangeEmail(CommandInput):
    """With which address somebody wants to log in."""

    email: NewEmailAddress


class ConfirmEmail(CommandInput):
    """The link that was sent to the new address."""

    token: LinkToken


class RequestPasswordReset(CommandInput):
    """Who forgot their password."""

    email: EmailAddress


class ResetPassword(CommandInput):
    """The link that was sent, and the password that is to be."""

    model_config = AS_TYPED

    token: LinkToken
    new_password: NewPassword


class Token(Wire, frozen=True):
    """Whoever shows it acts for the customer, in that role."""

    access_token: Annotated[str, Meta(description="For `Authorization: Bearer`; keep it in memory alone")]
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Meta(description="Seconds; refresh before", examples=[900])]
    person: UUID
    customer: Annotated[UUID | None, Meta(description="null: none, of a support agent who is no customer")]
    role: AccountRole


class TokenAnswer(Wire, frozen=True):
    """Somebody is in."""

    data: Token


class Challenge(Wire, frozen=True):
    """The password is right, and more must be proven."""

    challenge: Annotated[str, Meta(description="For `/auth/login/verify`; keep it in memory alone")]
    methods: Annotated[
        list[ChallengeMethod], Meta(description="Any one of them will do", examples=[["totp", "recovery"]])
    ]
    expires_in: Annotated[int, Meta(description="Seconds", examples=[600])]


class ChallengeAnswer(Wire, frozen=True):
    """More must be proven."""

    data: Challenge


class Factor(Wire, frozen=True):
    """Something that the person proves who they are with."""

    method: Literal["password", "totp"]
    since: Annotated[datetime | None, Meta(description="When it was set or switched on")]


class Passkey(Wire, frozen=True):
    """A passkey of the person's."""

    id: UUID
    name: Annotated[str, Meta(description="What the person calls it", examples=["my phone"])]
    created_at: datetime
    last_used_at: datetime | None
    is_backed_up: Annotated[bool, Meta(description="Whether it outlives the device that it was made on")]


class Factors(Wire, frozen=True):
    """What the person proves who they are with."""

    factors: list[Factor]
    passkeys: list[Passkey]
    recovery_codes: Annotated[int, Meta(description="Recovery codes that are left", examples=[10])]
    step_up: Annotated[list[Method], Meta(description="By which methods the session is made fresh")]


class FactorsAnswer(Wire, frozen=True):
    """What the person proves who they are with."""

    data: Factors


class NewApp(Wire, frozen=True):
    """For an authenticator app."""

    secret: Annotated[str, Meta(description="Base32, for whoever types it", examples=["JBSWY3DPEHPK3PXP"])]
    uri: Annotated[str, Meta(description="The same for a QR code (`otpauth:`)")]


class NewAppAnswer(Wire, frozen=True):
    """For an authenticator app."""

    data: NewApp


class PasskeyOptions(Wire, frozen=True):
    """What the browser is to be asked with, within five minutes."""

    public_key: Annotated[
        dict[str, Any],
        Meta(
            description="For `PublicKeyCredential.parseRequestOptionsFromJSON()`; of a passkey that is to be made, for"
            " `parseCreationOptionsFromJSON()`"
        ),
    ]


class PasskeyOptionsAnswer(Wire, frozen=True):
    """What the browser is to be asked with."""

    data: PasskeyOptions


class AddedPasskey(Wire, frozen=True):
    """A passkey that the person has from now on."""

    id: UUID
    codes: Annotated[list[str], Meta(description="Recovery codes, to be shown once; none where some are left")]
    ended: Annotated[int, Meta(description="Other sessions that ended", examples=[1])]


class AddedPasskeyAnswer(Wire, frozen=True):
    """A passkey that the person has from now on."""

    data: AddedPasskey


class RecoveryCodes(Wire, frozen=True):
    """For whoever loses their device: each is good once."""

    codes: Annotated[list[str], Meta(description="To be shown once, and kept by the person")]
    ended: Annotated[int, Meta(description="Other sessions that ended", examples=[1])]


class RecoveryCodesAnswer(Wire, frozen=True):
    """Recovery codes."""

    data: RecoveryCodes


class Account(Wire, frozen=True):
    """A customer that the person may act for."""

    customer: UUID
    role: AccountRole
    name: Annotated[str, Meta(description="What the customer is called")]
    number: Annotated[str | None, Meta(description="Customer number")]


class Viewer(Wire, frozen=True):
    """Somebody of support who looks at the portal as the person sees it."""

    agent: Annotated[str, Meta(description="Who looks: an agent's id, or `operator:` and a log-in")]
    email: Annotated[str | None, Meta(description="The agent's e-mail address")]
    until: datetime


class Person(Wire, frozen=True):
    """Who is logged in."""

    id: UUID
    email: str
    session: UUID
    amr: Annotated[list[str], Meta(description="How they proved who they are (RFC 8176)", examples=[["pwd"]])]
    customer: Annotated[UUID | None, Meta(description="Whom they act for now")]
    accounts: list[Account]
    is_agent: Annotated[bool, Meta(description="Whether they are a support agent")]
    viewed_by: Annotated[Viewer | None, Meta(description="Who looks on as this person; null: nobody of support does")]


class PersonAnswer(Wire, frozen=True):
    """Who is logged in."""

    data: Person


class Session(Wire, frozen=True):
    """A device on which the person is logged in."""

    id: UUID
    device: Annotated[str | None, Meta(description="What its browser says it is")]
    amr: list[str]
    is_this: Annotated[bool, Meta(description="Whether it is the one that asks")]
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


class SessionList(Wire, frozen=True):
    """Where the person is logged in, the latest used first."""

    data: list[Session]


class View(Wire, frozen=True):
    """A time that support looked at the account."""

    id: UUID
    person: Annotated[UUID | None, Meta(description="As whom; null: somebody who acts for the account no more")]
    begun_at: datetime
    ended_at: Annotated[datetime, Meta(description="When it ended, or will")]


class ViewList(Wire, frozen=True):
    """When support looked at the account, the latest first."""

    data: list[View]


class Member(Wire, frozen=True):
    """Somebody who acts for the account."""

    person: UUID
    email: str
    role: AccountRole
    since: datetime
    is_this: Annotated[bool, Meta(description="Whether it is the one who asks")]


class MemberList(Wire, frozen=True):
    """Who acts for the account, the first one first."""

    data: list[Member]


class MemberRole(Wire, frozen=True):
    """What somebody may do for the account."""

    person: UUID
    role: AccountRole


class MemberAnswer(Wire, frozen=True):
    """What somebody may do for the account."""

    data: MemberRole


class Invitation(Wire, frozen=True):
    """An address that is invited."""

    id: UUID
    email: str
    role: AccountRole
    expires_at: datetime


class InvitationAnswer(Wire, frozen=True):
    """The same whether anybody has the address."""

    data: Invitation


class OpenInvitation(Invitation, frozen=True):
    """An invitation that waits to be accepted."""

    created_at: datetime


class InvitationList(Wire, frozen=True):
    """Invitations that wait to be accepted, the oldest first."""

    data: list[OpenInvitation]


class AcceptedInvitation(Wire, frozen=True):
    """For whom somebody acts from now on, and as what."""

    customer: UUID
    role: AccountRole


class AcceptedInvitationAnswer(Wire, frozen=True):
    """An invitation was accepted."""

    data: AcceptedInvitation


class Removed(Wire, frozen=True):
    """How many were removed."""

    removed: Annotated[int, Meta(description="How many were removed", examples=[1])]


class RemovedAnswer(Wire, frozen=True):
    """Something was removed."""

    data: Removed


class Device(Wire, frozen=True):
    """A device on which the person is asked for no code by e-mail."""

    id: UUID
    device: Annotated[str | None, Meta(description="What its browser said it is")]
    created_at: datetime
    last_used_at: Annotated[datetime, Meta(description="When it spared them a code last")]
    expires_at: datetime


class DeviceList(Wire, frozen=True):
    """Where the person is asked for no code, the latest used first."""

    data: list[Device]


class Forgotten(Wire, frozen=True):
    """A device is known no more."""

    forgotten: Literal[1]


class ForgottenAnswer(Wire, frozen=True):
    """A device is known no more."""

    data: Forgotten


class CodeSent(Wire, frozen=True):
    """A code is sent; earlier ones are good no more."""

    expires_in: Annotated[int, Meta(description="Seconds for which it is good", examples=[600])]


class CodeSentAnswer(Wire, frozen=True):
    """A code is sent."""

    data: CodeSent


class Ended(Wire, frozen=True):
    """How many sessions ended."""

    ended: Annotated[int, Meta(description="Sessions that ended", examples=[1])]


class EndedAnswer(Wire, frozen=True):
    """Sessions that ended."""

    data: Ended


class Requested(Wire, frozen=True):
    """A link is sent, if anybody has the address."""

    minutes: Annotated[int, Meta(description="For how long the link will be good", examples=[30])]


class RequestedAnswer(Wire, frozen=True):
    """The same whether anybody has the address."""

    data: Requested


class Key(Wire, frozen=True):
    """A public key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    alg: Literal["EdDSA"]
    use: Literal["sig"]


class KeySet(Wire, frozen=True):
    """The keys that access tokens are signed with (RFC 7517)."""

    keys: list[Key]
