"""Signing up: a code proves a mailbox, then a command makes a customer of whoever reads it (decision 0036)."""

from dataclasses import dataclass
from hashlib import sha256
from secrets import randbelow
from uuid import UUID, uuid4

import structlog

from core.logging import logger
from core.settings import AuthSettings
from domain.commands.kinds import LINK_WHMCS
from domain.common.identifiers import account_id
from domain.customer.signing_up import Language, NewCustomer
from read_api.auth.entering import text_of
from read_api.auth.errors import (
    SignUpEndedError,
    SignUpRefusedError,
    TooManyTriesError,
    WrongCodeError,
    WrongCredentialsError,
)
from read_api.auth.limits import Limit, attempt, key_of, neighbourhood
from read_api.auth.password_links import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS, hash_of, new_token
from read_api.auth.passwords import Passwords, objection
from read_api.gateway import Gateway
from read_api.http.problems.errors import InvalidFieldError, NotSetUpError
from read_api.store.database import Database
from read_api.store.questions import Question

BEGIN_SIGN_UP = Question("auth/begin_sign_up")
VERIFY_SIGN_UP = Question("auth/verify_sign_up")
SIGN_UP_BY_TOKEN = Question("auth/sign_up")
COMPLETE_SIGN_UP = Question("auth/complete_sign_up")
BEGIN_LINK = Question("auth/begin_link")

EVERYBODY = key_of("everybody")
"""What is counted of all who sign up together."""
REASONS = {
    "portal_account": "has a log-in already: log in",
    "whmcs_client": "is known to the billing system: link that account",
    "number_unknown": "is of no account that may be signed up for; who has a log-in for it logs in",
    "under_way": "is signed up with already, and that is not done yet",
}
NOT_DONE = ("NOT_DONE", "it could not be finished: the hub's operators are told")

log = logger(__name__)


@dataclass(frozen=True)
class Begun:
    """`token` goes on with it; `minutes`: for how long the code is good."""

    token: str
    minutes: int


@dataclass(frozen=True)
class Standing:
    """Where a sign-up stands; `failure`: code and reason, both for whoever signs up."""

    state: str
    known_as: str | None
    failure: tuple[str, str] | None


class SignUps:
    """One for the application; `database` is asked as role hub_auth."""

    def __init__(
        self, settings: AuthSettings, database: Database, passwords: Passwords, gateway: Gateway | None
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._database = database
        self._passwords = passwords

    async def begin(self, email: str, language: Language, address: str) -> Begun:
        """Have a code sent to that address, whoever has it.

        Raises:
            TooManyTriesError, DatabaseDownError.
        """
        account, near = mailbox(email), neighbourhood(address)
        await self._attempt(
            "sign_up_code",
            Limit("account", key_of("account", account, near), self._settings.codes_per_account, HOUR_SECONDS),
            Limit(
                "account_anywhere", key_of("account", account), self._settings.codes_per_account_anywhere, DAY_SECONDS
            ),
            self._of_address(near),
            Limit("everybody", EVERYBODY, self._settings.codes_per_hour, HOUR_SECONDS),
            Limit("everybody_daily", EVERYBODY, self._settings.codes_per_day, DAY_SECONDS),
        )
        token, code = new_token(), f"{randbelow(1_000_000):06d}"
        values = {
            "sign_up": str(uuid4()), "token_hash": hash_of(token), "code_hash": _hash_of_code(token, code),
            "email": email, "language": language, "code": code, "address": address,
        }  # fmt: skip
        ((minutes,),) = await self._database.tell(BEGIN_SIGN_UP, values)
        return Begun(token, int(text_of(minutes)))

    async def verify(self, token: str, code: str, number: str | None, address: str) -> str:
        """As whom the mailbox is known, once its code proves it. `number`: the customer number that they say is theirs.

        Raises:
            WrongCodeError, SignUpEndedError, TooManyTriesError, DatabaseDownError.
        """
        await self._attempt("sign_up_verified", self._of_address(neighbourhood(address)))
        values = {
            "token_hash": hash_of(token), "code_hash": _hash_of_code(token, code), "number": number,
            "address": address,
        }  # fmt: skip
        ((said,),) = await self._database.tell(VERIFY_SIGN_UP, values)
        outcome = text_of(said)
        if outcome == "wrong":
            raise WrongCodeError("the code is not right")
        if outcome == "ended":
            raise SignUpEndedError("the sign-up is over")
        return outcome

    async def complete(self, token: str, password: str, details: NewCustomer, address: str) -> UUID:
        """The command that does the rest. The password goes on as a hash, and is nowhere else.

        Raises:
            SignUpEndedError: the mailbox is not proven, or it was too long ago.
            SignUpRefusedError: whoever has the mailbox, or the number, is a customer already; or it failed.
            InvalidFieldError, TooManyTriesError, BusyError, DatabaseDownError.
        """
        await self._attempt("sign_up_completed", self._of_address(neighbourhood(address)))
        email, standing = await self._proven(token)
        if reason := objection(password, email):
            raise InvalidFieldError("password", reason)
        if standing.state == "verified":
            await self._attempt(
                "sign_up",
                Limit("everybody", EVERYBODY, self._settings.sign_ups_per_hour, HOUR_SECONDS),
                Limit("everybody_daily", EVERYBODY, self._settings.sign_ups_per_day, DAY_SECONDS),
            )
        values = {
            "token_hash": hash_of(token), "command": str(uuid4()),
            "hashed": None if standing.state == "ready" else await self._passwords.hashed(password),
            "input": details.model_dump_json(exclude_none=True), "request_id": _request_id(), "address": address,
        }  # fmt: skip
        ((said, command),) = await self._database.tell(COMPLETE_SIGN_UP, values)
        outcome = text_of(said)
        if outcome == "ended":
            raise SignUpEndedError("the sign-up is over")
        if outcome != "accepted":
            raise SignUpRefusedError(outcome.upper(), REASONS[outcome])
        return UUID(text_of(command))

    async def link(self, token: str, whmcs_password: str, password: str, address: str) -> UUID:
        """The command that lets in whoever has that password at WHMCS, which is asked about once and kept nowhere.

        Raises:
            WrongCredentialsError: it is not theirs, or they, or somebody for their client, log in here already. Never
                says which, and does as much whichever it is.
            SignUpEndedError: the mailbox is not proven, or it was too long ago.
            SignUpRefusedError: the mailbox is signed up with already; or it failed.
            InvalidFieldError, TooManyTriesError, GatewayDownError, NotSetUpError, BusyError, DatabaseDownError.
        """
        if self._gateway is None:
            raise NotSetUpError("linking an account of the billing system is not set up here")
        near = neighbourhood(address)
        await self._attempt(
            "link_whmcs", Limit("address", key_of("address", near), self._settings.tries_per_address, QUARTER_SECONDS)
        )
        # Else a person would be made of a mailbox that whoever has the password may never have read.
        email, _ = await self._proven(token)
        if reason := objection(password, email):
            raise InvalidFieldError("portalPassword", reason)
        account = email.lower()
        await self._attempt(
            "billing_log_in",
            Limit("account", key_of("account", account, near), self._settings.tries_per_account, QUARTER_SECONDS),
            Limit(
                "account_anywhere",
                key_of("account", account),
                self._settings.tries_per_account_anywhere,
                QUARTER_SECONDS,
            ),
            Limit("account_daily", key_of("account", account), self._settings.links_per_account, DAY_SECONDS),
            Limit("everybody", EVERYBODY, self._settings.links_per_hour, HOUR_SECONDS),
            Limit("everybody_daily", EVERYBODY, self._settings.links_per_day, DAY_SECONDS),
        )
        client = await self._gateway.billing_client(email, whmcs_password)
        values = {
            "token_hash": hash_of(token), "command": str(uuid4()), "hashed": await self._passwords.hashed(password),
            "client": client, "account": None if client is None else str(account_id("whmcs", client)),
            "request_id": _request_id(), "deadline": f"{LINK_WHMCS.deadline.total_seconds()} s", "address": address,
        }  # fmt: skip
        ((said, command),) = await self._database.tell(BEGIN_LINK, values)
        outcome = text_of(said)
        if outcome == "ended":
            raise SignUpEndedError("the sign-up is over")
        if outcome == "under_way":
            raise SignUpRefusedError(outcome.upper(), REASONS[outcome])
        if outcome != "accepted":
            raise WrongCredentialsError("e-mail address and password do not belong together")
        return UUID(text_of(command))

    async def standing(self, token: str, address: str) -> Standing:
        """Raises SignUpEndedError, TooManyTriesError, DatabaseDownError."""
        key = key_of("address", neighbourhood(address))
        await self._attempt("sign_up_read", Limit("address", key, self._settings.sign_up_reads_per_address, 60))
        return (await self._found(token))[1]

    async def _attempt(self, kind: str, *limits: Limit) -> None:
        """As `attempt`; a limit of everybody's is one that operators must know of.

        Raises:
            TooManyTriesError, DatabaseDownError.
        """
        try:
            await attempt(self._database, kind, *limits)
        except TooManyTriesError as error:
            if error.limit.startswith("everybody"):
                log.warning("sign_ups.limit_reached", kind=kind, limit=error.limit, most=error.most)
            raise

    async def _proven(self, token: str) -> tuple[str, Standing]:
        """As `_found`, of a sign-up whose mailbox is proven.

        Raises:
            SignUpEndedError, SignUpRefusedError, DatabaseDownError.
        """
        email, standing = await self._found(token)
        if standing.state == "code_sent":
            raise SignUpEndedError("the mailbox is not proven")
        if standing.state in {"failed", "needs_attention"}:
            raise SignUpRefusedError(*(standing.failure or NOT_DONE))
        return email, standing

    async def _found(self, token: str) -> tuple[str, Standing]:
        """The e-mail address, and where it stands."""
        rows = await self._database.tell(SIGN_UP_BY_TOKEN, {"token_hash": hash_of(token)})
        if not rows:
            raise SignUpEndedError("the sign-up is over")
        email, state, known_as, _, code, reason = rows[0]
        failure = (text_of(code), text_of(reason)) if code is not None else None
        return text_of(email), Standing(text_of(state), None if known_as is None else text_of(known_as), failure)

    def _of_address(self, near: str) -> Limit:
        return Limit("address", key_of("address", near), self._settings.codes_per_address, QUARTER_SECONDS)


def mailbox(email: str) -> str:
    """What codes to an address are counted under: `a+1@example.com` comes where `a@example.com` does."""
    local, _, host = email.lower().rpartition("@")
    return f"{local.partition('+')[0] or local}@{host}"


def _hash_of_code(token: str, code: str) -> str:
    """What is kept of a code, in hexadecimal: with its token, for a million codes alone are soon tried."""
    return sha256(f"{token}:{code}".encode()).hexdigest()


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id"))
