"""Who may come in: people, whose accounts they may act for, their sessions, the keys of tokens, and the audit."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY

from domain.common.account_roles import AccountRole
from sql.tables.columns import (
    Kept,
    Personal,
    choice,
    count,
    flag,
    instant,
    json,
    key,
    metadata,
    reference,
    says,
    stamp,
    text,
)


def _count(name: str, comment: str, *, default: str | None = None) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=default, comment=comment)


def _bytes(
    name: str, comment: str, *, personal: Personal, erased: str | None = None, required: bool = False
) -> Column[Any]:
    return Column(name, LargeBinary, nullable=not required, comment=comment, info=says(personal, erased))


def _of(table: str, comment: str) -> Column[Any]:
    """Whose row it is; it goes with its owner."""
    name = f"{table.removesuffix('s')}_id"
    return Column(name, Uuid, ForeignKey(f"auth.{table}.id", ondelete="CASCADE"), nullable=False, comment=comment)


users = Table(
    "users",
    metadata,
    key("Person: `sub` of their tokens"),
    text(
        "email",
        "E-mail address, as typed; upper and lower case are the same",
        required=True,
        personal=True,
        erased="'erased ' || id",
    ),
    text(
        "password_hash",
        "Argon2id hash with its parameters; null: no password is set",
        personal="secret",
        erased="NULL",
    ),
    instant("password_set_at", "When the password was set, UTC"),
    instant(
        "locked_until",
        "Until when the person is kept out, UTC; infinity: until somebody unlocks; null: not locked",
        erased="'9999-12-31T00:00:00Z'",  # which ends their sessions (auth.watch_locks)
    ),
    text("lock_reason", "Why, in an operator's words", personal=True, erased="'erased'"),
    choice("language", ("en", "ja"), "In which language they are written to", default="ja"),
    stamp("created_at", "When the person was added, UTC"),
    flag(
        "password_suffices",
        "Whether the password is long enough to be all that the person proves",
        required=True,
        default=True,
    ),
    flag(
        "is_agent",
        "Whether they are a support agent: may look as any customer does, and log in without acting for one",
        required=True,
        default=False,
    ),
    schema="auth",
    comment="One row per person who may log in.",
)
Index("users_email_key", func.lower(users.c.email), unique=True)

memberships = Table(
    "memberships",
    metadata,
    _of("users", "Person: auth.users.id"),
    reference(
        "customer_id", "Customer they may act for, by any id it was known by: hub.customer_accounts.id", required=True
    ),
    choice("role", AccountRole, "What they may do there", required=True),
    stamp("created_at", "When it was given, UTC"),
    PrimaryKeyConstraint("user_id", "customer_id"),
    schema="auth",
    comment="Which customers a person may act for, and as what. No row: nothing of that customer.",
)

sessions = Table(
    "sessions",
    metadata,
    key("Session: `sid` of its access tokens"),
    _of("users", "Person: auth.users.id"),
    reference(
        "customer_id",
        "Customer that it acts for now, chosen by the person; null: none is left, or an agent who is no customer",
    ),
    text("device", "What the browser says it is, for the person to recognize", personal=True),
    Column(
        "amr",
        ARRAY(Text),
        nullable=False,
        comment="How the person proved who they are (RFC 8176): pwd, otp; pop and user, by a passkey; mfa",
        info=says(personal=False),
    ),
    _count("epoch", "Access tokens of an earlier epoch say what is true no more, and are refused", default="0"),
    stamp("created_at", "When the person logged in, UTC"),
    stamp("last_used_at", "When it was refreshed last, UTC"),
    instant("expires_at", "When it ends unless it is refreshed before, UTC", required=True),
    instant("revoked_at", "When it was ended before its time, UTC; null: it was not"),
    text(
        "revoked_why",
        "Why: logged_out, logged_out_everywhere, reused, locked, password_changed, password_reset, factor_changed,"
        " email_changed, agent_no_more",
        personal=False,
    ),
    stamp("authenticated_at", "When the person last proved who they are, UTC: `auth_time` of its access tokens"),
    schema="auth",
    comment="One row per log-in on one device: a family of refresh tokens, of which the newest is good.",
)
Index(None, sessions.c.user_id)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column(
        "token_hash",
        LargeBinary,
        primary_key=True,
        comment="SHA-256 of the token, which is 256 random bits",
        info=says("secret"),
    ),
    _of("sessions", "Session: auth.sessions.id"),
    _count("generation", "Place in its family, from 0"),
    stamp("issued_at", "When it was given out, UTC"),
    instant("used_at", "When it was exchanged for the next one, UTC; null: it is the newest"),
    _bytes(
        "used_by",
        "SHA-256 of what tells the client that exchanged it: only it may ask for the answer again",
        personal="secret",
        erased="NULL",
    ),
    _bytes(
        "salt",
        "What the next token is made of, together with this one; without this one it is worth nothing",
        personal="secret",
    ),
    UniqueConstraint("session_id", "generation"),
    schema="auth",
    comment="Refresh tokens by their hashes: who reads this table has none of them.",
)

challenges = Table(
    "challenges",
    metadata,
    Column(
        "token_hash",
        LargeBinary,
        primary_key=True,
        comment="SHA-256 of the challenge, which is 256 random bits",
        info=says("secret"),
    ),
    _of("users", "Who has begun to log in: auth.users.id"),
    _bytes(
        "client", "SHA-256 of what tells the client that began: only it may go on", required=True, personal="secret"
    ),
    Column(
        "amr",
        ARRAY(Text),
        nullable=False,
        comment="What was proven so far (RFC 8176), such as pwd",
        info=says(personal=False),
    ),
    text("verified", "Hash of the password that was proven; null: none was", personal="secret", erased="NULL"),
    text(
        "forgiven",
        "Whose tries of a password count no more once they are in: auth.attempts.key",
        personal="secret",
        erased="NULL",
    ),
    _count("tries", "How often it was tried to go on with it", default="0"),
    stamp("created_at", "When it was made, UTC"),
    instant("expires_at", "Until when it may be gone on with, UTC", required=True, erased="created_at"),
    reference("session_id", "Session that it ended in: auth.sessions.id; null: none yet. It is good for one"),
    _bytes(
        "code_hash",
        "HMAC-SHA-256 of the code that was sent by e-mail last, by the challenge; null: none was",
        personal="secret",
        erased="NULL",
    ),
    schema="auth",
    comment="One row per log-in that needs more than was proven at first.",
)
Index(None, challenges.c.user_id)

totp = Table(
    "totp",
    metadata,
    Column("user_id", Uuid, ForeignKey("auth.users.id", ondelete="CASCADE"), primary_key=True, comment="Person"),
    text(
        "secret",
        "What the app and the hub share, sealed by a key of the API's settings; null: it is not on yet",
        personal="secret",
        erased="NULL",
    ),
    Column("last_step", BigInteger, comment="Step of 30 seconds of the code that was taken last; no earlier one is"),
    instant("confirmed_at", "Since when it is on, UTC"),
    text(
        "pending",
        "A secret that was given out and of which no code came yet, sealed; null: none",
        personal="secret",
        erased="NULL",
    ),
    instant("pending_at", "When it was given out, UTC"),
    schema="auth",
    comment="Authenticator apps (RFC 6238), one per person.",
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column(
        "code_hash",
        LargeBinary,
        primary_key=True,
        comment="SHA-256 of the code, which is 120 random bits",
        info=says("secret"),
    ),
    _of("users", "Person: auth.users.id"),
    stamp("created_at", "When it was given out, UTC"),
    instant("used_at", "When it was used, UTC; null: it is good", erased="coalesce(used_at, created_at)"),
    schema="auth",
    comment="Codes that stand in for a second factor that was lost, each good once.",
)
Index(None, recovery_codes.c.user_id)

views = Table(
    "views",
    metadata,
    key("View: `sid` of its access token"),
    Column(
        "agent_id",
        Uuid,
        ForeignKey("auth.users.id", ondelete="CASCADE"),
        comment="Agent who looks: auth.users.id; null: an operator does",
    ),
    text(
        "operator",
        "Operator who looks, by their login on the hub's machine; null: an agent does",
        personal=False,
    ),
    reference("session_id", "Session of the agent, with which it ends: auth.sessions.id"),
    _of("users", "Person as whom they look: auth.users.id"),
    reference(
        "customer_id",
        "Customer at whom they look, by any id it was known by: hub.customer_accounts.id",
        required=True,
    ),
    text("reason", "Why, in their words", required=True, personal=True, erased="'erased'"),
    stamp("begun_at", "When it began, UTC"),
    instant("expires_at", "When it ends by itself, UTC: 60 minutes later at most", required=True),
    instant("ended_at", "When it was ended before its time, UTC; null: it was not"),
    CheckConstraint("num_nonnulls(agent_id, operator) = 1", name="looker"),
    CheckConstraint("expires_at <= begun_at + interval '60 minutes'", name="lasts"),
    schema="auth",
    comment="One row for each time that somebody of support looked at the portal as a customer sees it.",
)
Index(None, views.c.agent_id)
Index(None, views.c.customer_id)
Index(None, views.c.session_id)
Index(None, views.c.user_id)

invitations = Table(
    "invitations",
    metadata,
    key("Invitation"),
    _bytes(
        "token_hash",
        "SHA-256 of the link's token, which is 256 random bits",
        required=True,
        personal="secret",
    ),
    _of("users", "Owner who invites: auth.users.id"),
    reference("customer_id", "Customer to act for, by any id it was known by: hub.customer_accounts.id", required=True),
    text("email", "E-mail address that is invited", required=True, personal=True, erased="'erased'"),
    choice("role", AccountRole, "What they may do there", required=True),
    choice("language", ("en", "ja"), "In which language they are written to", default="ja"),
    reference("message_id", "Message that it is sent in: auth.messages.id, as long as that is kept"),
    stamp("created_at", "When it was made, UTC"),
    instant("expires_at", "Until when it is good, UTC", required=True, erased="created_at"),
    instant("withdrawn_at", "When it was withdrawn, or followed by another, UTC; null: it was not"),
    instant("accepted_at", "When it was accepted, UTC; null: not yet"),
    reference("accepted_by", "Person who accepted it: auth.users.id"),
    UniqueConstraint("token_hash"),
    schema="auth",
    comment="Invitations to act for a customer, by the hashes of their tokens; forgotten a month after they ended.",
)
Index(None, invitations.c.customer_id)

email_changes = Table(
    "email_changes",
    metadata,
    Column(
        "token_hash",
        LargeBinary,
        primary_key=True,
        comment="SHA-256 of the link's token, which is 256 random bits",
        info=says("secret"),
    ),
    _of("users", "Who wants another address: auth.users.id"),
    text("email", "E-mail address that they want", required=True, personal=True, erased="'erased'"),
    reference("message_id", "Message that it is sent in: auth.messages.id, as long as that is kept"),
    stamp("created_at", "When it was asked for, UTC"),
    instant("expires_at", "Until when it is good, UTC", required=True, erased="created_at"),
    instant(
        "used_at",
        "When it was used, or another link, password or address followed, UTC; null: it is good until it expires",
    ),
    schema="auth",
    comment="Links that change a person's e-mail address once, by the hashes of their tokens.",
)
Index(None, email_changes.c.user_id)

passkeys = Table(
    "passkeys",
    metadata,
    key("Passkey"),
    _of("users", "Person: auth.users.id"),
    text("name", "What the person calls it", personal=True, erased="'erased'", required=True),
    _bytes(
        "credential_id",
        "What authenticators call it (WebAuthn)",
        required=True,
        personal="secret",
        erased="decode(replace(id::text, '-', ''), 'hex')",
    ),
    _bytes(
        "public_key",
        "Its public key, as authenticators write them (COSE): no signature of an empty one is right",
        required=True,
        personal="secret",
        erased=r"'\x'",
    ),
    Column(
        "sign_count",
        BigInteger,
        nullable=False,
        comment="How often it was used, as its authenticator counts; 0: it does not count",
        info=says(personal=False),
    ),
    Column(
        "transports",
        ARRAY(Text),
        nullable=False,
        comment="How its authenticator is reached (WebAuthn), such as usb; internal",
        info=says(personal=False),
    ),
    flag("is_backed_up", "Whether it is kept elsewhere as well, so that it outlives the device", required=True),
    stamp("created_at", "When it was added, UTC"),
    instant("last_used_at", "When it was used last, UTC; null: not since it was added"),
    UniqueConstraint("credential_id"),
    schema="auth",
    comment="Passkeys (WebAuthn): who reads this table can use none of them.",
)
Index(None, passkeys.c.user_id)

ceremonies = Table(
    "ceremonies",
    metadata,
    Column(
        "challenge_hash",
        LargeBinary,
        primary_key=True,
        comment="SHA-256 of what the authenticator is to sign, which is 256 random bits",
        info=says("secret"),
    ),
    Column(
        "session_id",
        Uuid,
        ForeignKey("auth.sessions.id", ondelete="CASCADE"),
        comment="Session in which a passkey is to be made: auth.sessions.id; null: any is to be used",
    ),
    _bytes("client", "SHA-256 of what tells the client that was asked", required=True, personal="secret"),
    stamp("created_at", "When it began, UTC"),
    instant("expires_at", "Until when its answer counts, UTC", required=True, erased="created_at"),
    reference("used_as", "Id of what came of it; null: nothing yet. It is good for one"),
    schema="auth",
    comment="One row per time that a browser was asked for a passkey; of no use after minutes, forgotten each night.",
)
Index(None, ceremonies.c.session_id)

devices = Table(
    "devices",
    metadata,
    key("Device"),
    _of("users", "Person: auth.users.id"),
    _bytes(
        "token_hash",
        "SHA-256 of the token in the device's cookie, which is 256 random bits",
        required=True,
        personal="secret",
        erased="decode(replace(id::text, '-', ''), 'hex')",
    ),
    text("device", "What its browser said it is, for the person to recognize", personal=True),
    stamp("created_at", "When the person wanted it remembered, UTC"),
    stamp("last_used_at", "When it spared them a code last, UTC"),
    instant("expires_at", "Until when it does, UTC", required=True),
    UniqueConstraint("token_hash"),
    schema="auth",
    comment="Devices on which somebody who logs in by a password alone is asked for no code by e-mail.",
)
Index(None, devices.c.user_id)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column(
        "kid",
        Text,
        primary_key=True,
        comment="Name of the key in tokens and in /.well-known/jwks.json",
        info=says(personal=False),
    ),
    choice("algorithm", ("EdDSA",), "What it signs with", required=True),
    choice("state", ("next", "current", "retired"), "next: published, signs later; current: signs", required=True),
    _bytes("public_key", "Public key, 32 bytes (Ed25519)", required=True, personal=False),
    _bytes("private_key", "Private key, 32 bytes; null: it signs no more", personal="secret"),
    stamp("created_at", "When it was made, UTC"),
    instant("retired_at", "When it stopped signing, UTC"),
    instant("verifies_until", "Until when its tokens are good, UTC; null: it is not retired"),
    schema="auth",
    comment="Keys of access tokens. The next one is published before it signs; retired ones verify what they signed.",
)
Index(
    "signing_keys_one_each_idx",
    signing_keys.c.state,
    unique=True,
    postgresql_where=signing_keys.c.state.in_(("next", "current")),
)

service_keys = Table(
    "service_keys",
    metadata,
    key("Key: stands in it, between its prefix and its secret"),
    text("name", "Which system has it, in an operator's words", required=True, personal=False),
    _bytes("key_hash", "SHA-256 of the key, 256 bits of which are random", required=True, personal="secret"),
    choice("role", AccountRole, "What it may do for a customer", required=True),
    Column(
        "customers",
        ARRAY(Uuid),
        comment="Customers it may act for, by any ids they were known by: hub.customer_accounts.id; null: any",
        info=says(personal=False),
    ),
    stamp("created_at", "When it was made, UTC"),
    instant("expires_at", "When it ends, UTC: at most 366 days later, sooner once it was replaced", required=True),
    instant("revoked_at", "When it was ended before its time, UTC; null: it was not"),
    reference("replaced_by", "Key that was made to follow it: auth.service_keys.id; null: none was"),
    CheckConstraint("expires_at <= created_at + interval '366 days'", name="lasts"),
    schema="auth",
    comment="Keys of systems that act for customers, by their hashes: who reads this table has none of them.",
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="Running number"),
    text("kind", "What was tried, such as login", required=True, personal=False),
    text(
        "key",
        "Whose tries are counted together: a hash of the account, the address or the token",
        required=True,
        personal="secret",
    ),
    stamp("tried_at", "When, UTC"),
    schema="auth",
    comment="One row per try of the last day that is limited, counted by all copies of the API together.",
)
Index(None, attempts.c.kind, attempts.c.key, attempts.c.tried_at)

revocations = Table(
    "revocations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="Running number"),
    reference("session_id", "Session: auth.sessions.id, or view: auth.views.id", required=True),
    _count("epoch", "Access tokens of earlier epochs are refused"),
    stamp("revoked_at", "When, UTC"),
    schema="auth",
    comment="Which access tokens are called back before they end; every copy of the API reads the latest each second.",
)
Index(None, revocations.c.revoked_at)

audit = Table(
    "audit",
    metadata,
    Column(
        "seq", BigInteger, primary_key=True, autoincrement=False, comment="Place in the chain, from 1, without gaps"
    ),
    instant("at", "When, UTC", required=True),
    text("actor", "Who: user:<id>, key:<id>, operator:<login>, or anybody (not known)", required=True, personal=False),
    text("on_behalf_of", "As whom, where that is somebody else: user:<id>", personal=False),
    text("action", "What was done, such as login.succeeded", required=True, personal=False),
    text("record", "To which record, such as session:<id>", personal=False),
    text("address", "From which network address", personal=True),
    json("details", "What else is to be known; no personal data", default="{}", personal=False),
    _bytes("previous", "Hash of the entry before; of the first: 32 zero bytes", required=True, personal="secret"),
    _bytes(
        "hash",
        "SHA-256 of the entry before's hash and of this entry's text (auth.audit_text)",
        required=True,
        personal="secret",
    ),
    schema="auth",
    comment="Who did what to which record, from where. Entries are only added; each holds the hash of the one before.",
)
audit.info["kept"] = Kept(
    "entries of the audit: what was done by whom or to what, when, and from which network address",
    "security: the audit is a chain of hashes that is only added to; whoever could shorten it could hide what was done",
    whole=True,
)

messages = Table(
    "messages",
    metadata,
    key("Message: what stands before the @ of its Message-ID"),
    Column(
        "user_id",
        Uuid,
        ForeignKey("auth.users.id", ondelete="CASCADE"),
        comment="Person whose message it is: auth.users.id; null: whether anybody has the address is looked up when it"
        " is sent",
    ),
    text("email", "E-mail address that it goes to", personal=True, erased="'erased'", required=True),
    choice("language", ("en", "ja"), "In which language", default="ja"),
    text("template", "What it says: a name of pipelines/mail/templates", personal=False, required=True),
    json("facts", "What is filled in", personal=True, erased="'{}'", default="{}"),
    json(
        "secret",
        "What is filled in and lets somebody in: a code, a token; null: it was sent, or cannot be any more",
        personal="secret",
        erased="NULL",
    ),
    flag(
        "carries_secret",
        "Whether it ever had one: then no operator can have it tried again",
        required=True,
        default=False,
    ),
    choice(
        "state", ("waiting", "sent", "dead"), "What became of it; dead: it is not tried any more", default="waiting"
    ),
    count("attempts", "How often it was tried"),
    text("reason", "Why it was not sent when it was tried last, in the server's words; null: it was", personal=True),
    stamp("due_at", "When it is to be tried next, UTC"),
    instant("useful_until", "Until when it is of any use, UTC", required=True),
    count("claim", "How often it was taken; only the latest taker is believed"),
    instant("lease_until", "Until when it is its taker's, UTC; null: nobody has it"),
    stamp("posted_at", "When what it tells of happened, UTC"),
    instant("ended_at", "When it was sent or given up, UTC; null: it waits"),
    flag(
        "to_anybody",
        "True: to the address, whether or not it is a person's; false: to a person alone",
        required=True,
        default=False,
    ),
    schema="auth",
    comment="E-mails that were or are to be sent, stored with what they tell of; forgotten a week after they were.",
)
Index(None, messages.c.user_id)
Index("messages_waiting_idx", messages.c.due_at, postgresql_where=messages.c.state == "waiting")

password_links = Table(
    "password_links",
    metadata,
    Column(
        "token_hash",
        LargeBinary,
        primary_key=True,
        comment="SHA-256 of the link's token, which is 256 random bits",
        info=says("secret"),
    ),
    _of("messages", "Message that it is sent in, and whose person's password it sets: auth.messages.id"),
    instant("expires_at", "Until when it is good, UTC", required=True),
    instant("used_at", "When it was used, or another password was set, UTC; null: it is good until it expires"),
    schema="auth",
    comment="Links that set a password once, by the hashes of their tokens.",
)
Index(None, password_links.c.message_id)

sign_ups = Table(
    "sign_ups",
    metadata,
    key("Sign-up; its person, and until the customer is known its command's customer and account, have the same id"),
    choice("kind", ("sign_up", "link_whmcs"), "A new customer, or one whom WHMCS knows already", default="sign_up"),
    _bytes(
        "token_hash", "SHA-256 of the token that goes on with it, 256 random bits", required=True, personal="secret"
    ),
    _bytes(
        "code_hash",
        "SHA-256 of that token and the code that was sent; null: it was erased",
        personal="secret",
        erased="NULL",
    ),
    text("email", "E-mail address that the code was sent to", required=True, personal=True, erased="'erased'"),
    choice("language", ("en", "ja"), "In which language they are written to", default="ja"),
    _count("tries", "Wrong codes that were shown, and customer numbers that were refused", default="0"),
    stamp("created_at", "When it was begun, UTC"),
    instant("expires_at", "Until when it may be gone on with, UTC", required=True),
    instant("verified_at", "When the mailbox was proven, UTC; null: it was not"),
    choice(
        "known_as",
        ("new_customer", "salesforce_account", "whmcs_client", "portal_account"),
        "As whom the mailbox was known then",
    ),
    text(
        "password_hash",
        "Argon2id hash of the password that was chosen, until the person has it or the command ends",
        personal="secret",
        erased="NULL",
    ),
    reference("command_id", "Command that does the rest: command.commands.id; null: it was not asked for yet"),
    UniqueConstraint("token_hash"),
    schema="auth",
    comment="One row per try to get a log-in, until a day after its end.",
)
Index("sign_ups_email_idx", func.lower(sign_ups.c.email))
