"""Settings: typed objects built at the edge of each process from the environment. docs/settings.md lists them all."""

import json
import os
import re
from datetime import timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import getaddresses
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import SettingsError
from domain.common.vocabulary import FreebitVocabulary, SalesforceVocabulary, WhmcsVocabulary
from domain.common.zones import ZoneName

Role = Literal["owner", "hub_sync", "hub_api", "hub_auth", "hub_analyst"]
Mode = Literal["production", "development"]
Login = Literal["jwt", "soap", "password", "client_credentials"]


class _Settings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True)


def _by_comma(value: object) -> object:
    """`A,B`, or a JSON array as everywhere else."""
    if not isinstance(value, str) or value.lstrip().startswith("["):
        return json.loads(value) if isinstance(value, str) else value
    return tuple(part.strip() for part in value.split(",") if part.strip())


class HubSettings(_Settings):
    """Where the hub lives and listens."""

    hub_mode: Mode = Field(
        "production",
        description="`development` lets in tokens of `hub token`; `hub up` chooses it where it starts the sandbox",
    )
    hub_home: Path = Field(Path(".hub"), description="folder for the embedded database, logs and Dagster's files")
    database_url: str | None = Field(
        None,
        pattern=r"^postgres(ql)?://",
        description="PostgreSQL to use, as its owner; without it an embedded server is started",
        examples=["postgresql://owner:secret@db.example.com/hub"],
    )
    sync_database_url: str | None = Field(
        None,
        pattern=r"^postgres(ql)?://",
        description="the same as role hub_sync; default: with the password that `hub migrate` made",
    )
    api_database_url: str | None = Field(None, pattern=r"^postgres(ql)?://", description="the same as role hub_api")
    auth_database_url: str | None = Field(
        None,
        pattern=r"^postgres(ql)?://",
        description="the same as role hub_auth, by which the read API logs people in",
    )
    analyst_database_url: str | None = Field(
        None, pattern=r"^postgres(ql)?://", description="the same as role hub_analyst"
    )
    dagster_database_url: str | None = Field(
        None,
        pattern=r"^postgres(ql)?(\+psycopg2)?://",
        description="Dagster's own database; default: `dagster` on the same server",
    )
    api_host: str = Field("127.0.0.1", description="address the read API listens on")
    api_port: int = Field(8000, ge=1, le=65535, description="port of the read API")
    hub_poll_seconds: int = Field(
        30, ge=0, description="how often `hub apply` polls for what sources did not notify of, seconds; 0: never"
    )
    hub_history_months: int = Field(25, ge=1, description="months of the change log that are kept")
    hub_commands_days: int = Field(
        90,
        ge=7,
        description="days after its end for which a command keeps its input and its result; its row stays",
    )
    hub_payloads_days: int = Field(
        14, ge=1, description="days for which runs, applied events and raw records that were represented are kept"
    )
    dagster_port: int = Field(3000, ge=1, le=65535, description="port of the Dagster UI")

    @property
    def home(self) -> Path:
        return self.hub_home.resolve()

    def own_url(self, role: Role) -> str | None:
        """The URL that was given for that role itself; of the owner, that is DATABASE_URL."""
        return {
            "owner": self.database_url,
            "hub_sync": self.sync_database_url,
            "hub_api": self.api_database_url,
            "hub_auth": self.auth_database_url,
            "hub_analyst": self.analyst_database_url,
        }[role]


class ApiSettings(_Settings):
    """How the read API trusts and answers."""

    model_config = SettingsConfigDict(env_prefix="API_")

    jwt_key: SecretStr | None = Field(
        None,
        description="HS256 key of the tokens of `hub token`, at least 32 characters, for HUB_MODE=development only",
        examples=["the output of `openssl rand -hex 32`"],
    )
    jwt_issuer: str = Field("data-sync-hub", description="`iss` of bearer tokens")
    jwt_audience: str = Field("portal", description="`aud` of bearer tokens")
    jwt_minutes: int = Field(
        15,
        ge=1,
        le=1440,
        description="life of a bearer token, minutes; one that says it lives longer is refused",
    )
    pool_size: int = Field(
        4, ge=1, le=100, description="database connections per API process; each carries many requests at a time"
    )
    sim_stale_seconds: int = Field(
        300, ge=0, description="age at which a SIM line that somebody looks at is read again at the network"
    )
    patience_seconds: int = Field(
        10,
        ge=1,
        le=120,
        description="how long a connection may say nothing, a request's head take, and its body stand still; longer"
        " than the proxy in front keeps idle connections",
    )
    streams: int = Field(2000, ge=1, le=8000, description="live streams at a time, of all customers")
    streams_per_customer: int = Field(10, ge=1, description="live streams at a time of one customer")
    streams_per_address: int = Field(
        500, ge=1, description="live streams at a time from one address; carriers put many customers behind one"
    )
    proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "::1"),
        description="addresses or networks of proxies whose X-Forwarded-For is believed, by comma",
    )
    timezone: ZoneName = Field("Asia/Tokyo", description="zone whose midnight makes an unpaid invoice overdue")

    commands_per_minute: int = Field(30, ge=1, description="commands accepted of one customer, per minute")
    commands_per_day: int = Field(300, ge=1, description="commands accepted of one customer, per 24 hours")
    commands_open: int = Field(20, ge=1, description="unfinished commands of one customer, at most")
    quota_share_percent: float = Field(
        5.0,
        gt=0,
        le=100,
        description="share of a source's daily calls that one customer's commands may take in 24 hours, percent",
    )
    uploads_per_minute: int = Field(
        6, ge=1, description="identity documents taken from one customer, per minute; always one at a time"
    )
    uploads_per_day: int = Field(30, ge=1, description="identity documents taken from one customer, per 24 hours")
    pay_links_per_minute: int = Field(10, ge=1, description="pay links made for one customer, per minute")
    pay_links_per_day: int = Field(200, ge=1, description="pay links made for one customer, per 24 hours")
    waits_at_once: int = Field(4, ge=1, description="requests of one customer that wait (`Prefer: wait`) at a time")
    refreshes_per_minute: int = Field(
        30, ge=1, description="records read at a source because one customer looked at them, per minute"
    )
    refreshes_per_day: int = Field(
        1000, ge=1, description="records read at a source because one customer looked at them, per 24 hours"
    )
    catch_ups_per_minute: int = Field(
        30, ge=1, description="live streams of one customer that go on where an earlier one ended, per minute"
    )

    whmcs_webhook_secret: SecretStr | None = Field(
        None,
        description="secret that WHMCS's webhooks are signed with, at least 16 characters; without it they are refused",
        examples=["the output of `openssl rand -hex 32`"],
    )

    _lists = field_validator("proxies", mode="before")(_by_comma)

    @field_validator("jwt_key", "whmcs_webhook_secret")
    @classmethod
    def _long_enough(cls, key: SecretStr | None, field: ValidationInfo) -> SecretStr | None:
        least = 32 if field.field_name == "jwt_key" else 16
        if key is not None and len(key.get_secret_value()) < least:
            raise ValueError(f"must have at least {least} characters")
        return key


class AuthSettings(_Settings):
    """How people log in, and for how long."""

    model_config = SettingsConfigDict(env_prefix="AUTH_")

    origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="origins of pages that may ask and read (CORS) and log people in, by comma, besides the API's own",
        examples=["https://portal.example.com"],
    )
    session_days: int = Field(7, ge=1, le=30, description="days after which a session ends that nobody used")
    session_longest_days: int = Field(30, ge=1, le=365, description="days after which any session ends")
    grace_seconds: int = Field(
        10, ge=0, le=60, description="for how long a client whose refresh got no answer may ask for that answer again"
    )
    argon2_memory_kib: int = Field(19_456, ge=7168, description="memory that hashing a password takes, KiB")
    argon2_passes: int = Field(2, ge=1, description="passes over that memory; raised numbers take effect at log-ins")
    hashes_at_once: int = Field(2, ge=1, le=64, description="passwords hashed at a time, per API process")
    hashes_waiting: int = Field(64, ge=1, description="log-ins that wait for their turn; beyond, callers try again")
    tries_per_account: int = Field(10, ge=1, description="log-ins tried for one account from one address, per 15 min")
    tries_per_account_anywhere: int = Field(50, ge=1, description="log-ins tried for one account, per 15 minutes")
    tries_per_address: int = Field(200, ge=1, description="log-ins tried from one address, per 15 minutes")
    resets_per_account: int = Field(
        3, ge=1, description="links to set a password asked for by one address for one account, per hour"
    )
    resets_per_account_anywhere: int = Field(
        10, ge=1, description="links to set a password asked for and sent for one account, per 24 hours"
    )
    resets_per_address: int = Field(
        30, ge=1, description="links to set a password asked for, and used, by one address, per 15 minutes"
    )
    codes_per_account: int = Field(
        3, ge=1, description="codes to sign up with asked for by one address for one e-mail address, per hour"
    )
    codes_per_account_anywhere: int = Field(
        10, ge=1, description="codes to sign up with sent to one mailbox, whatever follows a +, per 24 hours"
    )
    codes_per_address: int = Field(
        30, ge=1, description="codes to sign up with asked for, and shown, by one address, per 15 minutes"
    )
    codes_per_hour: int = Field(500, ge=1, description="codes to sign up with sent to all together, per hour")
    codes_per_day: int = Field(2000, ge=1, description="codes to sign up with sent to all together, per 24 hours")
    sign_ups_per_hour: int = Field(100, ge=1, description="sign-ups of all together that go to the systems, per hour")
    sign_ups_per_day: int = Field(
        500, ge=1, description="the same per 24 hours; each takes up to five of the day's calls to Salesforce"
    )
    links_per_account: int = Field(
        20, ge=1, description="passwords at the billing system tried for one e-mail address, per 24 hours"
    )
    links_per_hour: int = Field(
        100, ge=1, description="passwords at the billing system tried by all together, per hour"
    )
    links_per_day: int = Field(500, ge=1, description="the same per 24 hours")
    sign_up_reads_per_address: int = Field(
        300, ge=1, description="times that one address asks where sign-ups stand, per minute"
    )
    refreshes_per_token: int = Field(300, ge=1, description="refreshes tried with one refresh token, per minute")
    refreshes_per_address: int = Field(3000, ge=1, description="refreshes tried from one address, per minute")
    pool_size: int = Field(2, ge=1, le=100, description="database connections per API process for logging people in")
    factor_keys: SecretStr | None = Field(
        None,
        description="keys that seal the secrets of authenticator apps, 64 hexadecimal digits each, by comma: the first"
        " seals, all open; without one, no app can be switched on",
        examples=["the output of `openssl rand -hex 32`"],
    )
    portal_name: str = Field(
        "Customer portal", pattern=r"^[^:]{1,60}$", description="what authenticator apps call the portal"
    )
    passkey_domain: str | None = Field(
        None,
        pattern=r"^(localhost|([a-z0-9-]+\.)+[a-z][a-z0-9-]*)$",
        description="domain that passkeys are for, the portal's or one above it; pages of AUTH_ORIGINS there make and"
        " use them; changing it loses all of them; without one, none can be made or used",
        examples=["example.com"],
    )
    fresh_minutes: int = Field(
        10, ge=1, le=1440, description="for how long somebody who proved who they are may do what needs that"
    )
    challenge_minutes: int = Field(10, ge=1, le=60, description="for how long a log-in waits for its second factor")
    device_codes: bool | None = Field(
        None,
        description="whether who logs in by a password alone on a device not seen before is sent a code by e-mail;"
        " unset: in production, where SMTP_HOST is set",
    )
    codes_per_person: int = Field(10, ge=1, description="codes sent to one person by e-mail, per hour")
    tries_per_challenge: int = Field(5, ge=1, description="codes tried for one log-in")
    tries_per_factor: int = Field(10, ge=1, description="codes of one kind tried for one person, per 15 minutes")
    tries_per_factor_a_day: int = Field(100, ge=1, description="codes of one kind tried for one person, per 24 hours")

    _lists = field_validator("origins", mode="before")(_by_comma)

    @field_validator("origins")
    @classmethod
    def _as_browsers_write_them(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """Another spelling would match no page, and `*` all of them."""
        for origin in origins:
            if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]+)?", origin):
                raise ValueError(f"{origin[:100]} is no origin such as https://portal.example.com")
        return origins

    @property
    def passkey_origins(self) -> list[str]:
        """Origins of the pages that may make and use passkeys."""
        return [origin for origin in self.origins if self.passkey_domain and _is_on(origin, self.passkey_domain)]

    @model_validator(mode="after")
    def _with_pages_for_passkeys(self) -> Self:
        """Browsers offer passkeys to pages that came unaltered, of the domain itself or one below it."""
        if self.passkey_domain and not self.passkey_origins:
            raise SettingsError(
                f"AUTH_PASSKEY_DOMAIN: none of AUTH_ORIGINS is an https:// page of {self.passkey_domain} or of a domain"
                " below it (for localhost, http:// will do)"
            )
        return self

    @field_validator("factor_keys")
    @classmethod
    def _of_digits(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None and not re.fullmatch(r"[0-9a-fA-F]{64}(,[0-9a-fA-F]{64})*", keys.get_secret_value()):
            raise ValueError("must be 64 hexadecimal digits, or several such keys with commas between")
        return keys


class MailSettings(_Settings):
    """How people are told things by e-mail, and where the links in it lead."""

    smtp_host: str | None = Field(
        None,
        description="e-mail server to send by; without one, messages wait, or in development lie in HUB_HOME/mail",
        examples=["smtp.example.com"],
    )
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_user: str | None = Field(None, description="whom to log in as there; without, nobody logs in")
    smtp_password: SecretStr | None = Field(None, description="that user's password")
    smtp_password_file: Path | None = Field(None, description="the same, as a file that holds nothing else")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`tls`: from the first byte, as on port 465; `none` is for development only"
    )
    smtp_timeout_seconds: float = Field(30.0, gt=0, description="patience with one answer of the e-mail server")
    mail_from: str = Field(
        "Portal <portal@localhost>",
        description="who messages are from; needed with SMTP_HOST",
        examples=["Example Mobile <no-reply@example.com>"],
    )
    mail_timezone: ZoneName = Field("Asia/Tokyo", description="zone of the moments that messages name")
    portal_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://localhost:3000"),
        description="the portal's address, for links in messages; needed with SMTP_HOST, https in production",
        examples=["https://portal.example.com"],
    )

    @property
    def sender(self) -> Address:
        """Who messages are from."""
        return mailbox(self.mail_from)

    @property
    def password(self) -> str | None:
        """Raises SettingsError: the password's file cannot be read."""
        if self.smtp_password is not None:
            return self.smtp_password.get_secret_value()
        if self.smtp_password_file is None:
            return None
        try:
            return self.smtp_password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError("SMTP_PASSWORD_FILE: there is no text file that can be read there") from error

    @property
    def portal(self) -> str:
        """The portal's address, for a path to follow."""
        return str(self.portal_url).rstrip("/")

    @field_validator("mail_from")
    @classmethod
    def _one_address(cls, said: str) -> str:
        mailbox(said)
        return said


def mailbox(said: str) -> Address:
    """An e-mail address, with or without a name before it in < >.

    Raises:
        ValueError: it is none, or more than one.
    """
    found = getaddresses([said]) if said.isprintable() else []
    try:
        ((name, address),) = found
        return Address(name, addr_spec=address)
    # AttributeError: the standard library's reader of addresses breaks on some, such as `"  a@[(`.
    except (ValueError, IndexError, AttributeError, MessageError) as error:
        raise ValueError("must be one e-mail address, with or without a name before it in < >") from error


LAST_SOAP_LOGIN = 64.0
"""The last API version whose SOAP API logs anybody in (source: SOAP API end-of-life policy)."""


class SalesforceSettings(_Settings):
    """How to reach Salesforce, by one of three logins: private key (JWT bearer), password or client credentials."""

    model_config = SettingsConfigDict(env_prefix="SALESFORCE_", env_nested_delimiter="__")

    domain: str = Field(
        pattern=r"^[A-Za-z0-9.-]+$",
        description="`login`, `test` or the My Domain before `.salesforce.com`",
        examples=["acme.my"],
    )
    client_id: str | None = Field(None, description="consumer key of the connected app")
    client_secret: SecretStr | None = Field(None, description="its secret (client credentials, password)")
    username: str | None = Field(
        None,
        description="integration user (JWT bearer, password); however one logs in, the one who writes for customers",
    )
    password: SecretStr | None = Field(None, description="its password (password)")
    security_token: SecretStr | None = Field(
        None, description="its security token, where the org asks for one (password)"
    )
    private_key_file: Path | None = Field(None, description="PEM file of the JWT bearer's RSA key")
    jwt_audience: str | None = Field(
        None,
        pattern=r"^https://[A-Za-z0-9.-]+\.salesforce\.com$",
        description="`aud` of the JWT bearer; default: `https://login.salesforce.com`, of a sandbox `https://test…`",
        examples=["https://login.salesforce.com"],
    )
    api_version: str = Field("62.0", pattern=r"^\d\d\.\d$", description="version of the REST and Bulk APIs")
    base_url: AnyHttpUrl | None = Field(None, description="send every call here instead (sandbox, proxy)")
    timeout_seconds: float = Field(30.0, gt=0, description="patience with one call")
    retry_attempts: int = Field(5, ge=1, description="tries of one call, the first one included")
    page_rows: int = Field(2000, ge=200, le=2000, description="rows asked per REST query page")
    bulk_threshold_rows: int = Field(2000, ge=0, description="first loads above this use the Bulk API 2.0")
    bulk_page_rows: int = Field(10_000, ge=1000, le=250_000, description="rows asked per page of a bulk result")
    bulk_poll_seconds: float = Field(2.0, gt=0, description="pause between two polls of a bulk job")
    overlap_seconds: int = Field(600, ge=0, description="how far before the watermark a read starts again")
    quota_stop_percent: int = Field(
        90, ge=1, le=100, description="stop reading when this share of the day's calls is used"
    )
    quota_reserve_percent: int = Field(
        2,
        ge=0,
        le=50,
        description="share of the day's calls left by customers' new commands: for provisioning and what is begun",
    )
    vocabulary: SalesforceVocabulary = Field(SalesforceVocabulary(), description="what the org calls things")

    @model_validator(mode="before")
    @classmethod
    def _writes_for_customers(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The hub's own user writes customers' comments, unless others are named."""
        words = given.get("vocabulary") or {}
        if given.get("username") and isinstance(words, dict) and "portal_users" not in words:
            return given | {"vocabulary": words | {"portal_users": (given["username"],)}}
        return given

    @property
    def login(self) -> Login | None:
        """The first way to log in that is complete; None: none is. Client credentials need a My Domain.

        SOAP comes last: API versions after 64.0 have no such log-in any more, and the older ones lose it in 2027.
        """
        if self.private_key_file and self.username and self.client_id:
            return "jwt"
        if self.username and self.password and self.client_id and self.client_secret:
            return "password"
        if self.client_id and self.client_secret and self.domain not in {"login", "test"}:
            return "client_credentials"
        if self._has_soap_login and float(self.api_version) <= LAST_SOAP_LOGIN:
            return "soap"
        return None

    @property
    def _has_soap_login(self) -> bool:
        return bool(self.username and self.password and self.security_token)

    @property
    def assertion_audience(self) -> str:
        """`aud` of an assertion: as set, else what the vendor documents for production orgs, or for sandboxes.

        Orgs refuse their own My Domain as audience, although it is the host to ask (simple-salesforce#672).
        """
        if self.jwt_audience is not None:
            return self.jwt_audience
        is_sandbox = self.domain == "test" or any(mark in self.domain for mark in ("--", ".sandbox", ".scratch"))
        return f"https://{'test' if is_sandbox else 'login'}.salesforce.com"

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.login is not None:
            return self
        if self._has_soap_login:
            raise SettingsError(
                f"SALESFORCE_API_VERSION: {self.api_version} has no log-in by SALESFORCE_SECURITY_TOKEN alone (SOAP);"
                f" set {LAST_SOAP_LOGIN}, or also SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET"
            )
        raise SettingsError(
            "SALESFORCE_CLIENT_ID: no way to log in is complete; set SALESFORCE_USERNAME with"
            " SALESFORCE_PRIVATE_KEY_FILE and SALESFORCE_CLIENT_ID, or SALESFORCE_USERNAME with SALESFORCE_PASSWORD,"
            " SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET, or SALESFORCE_CLIENT_ID with"
            " SALESFORCE_CLIENT_SECRET and a My Domain as SALESFORCE_DOMAIN (for example acme.my); up to"
            f" SALESFORCE_API_VERSION {LAST_SOAP_LOGIN}, SALESFORCE_USERNAME with SALESFORCE_PASSWORD and"
            " SALESFORCE_SECURITY_TOKEN will do as well"
        )


class EventSettings(_Settings):
    """What Salesforce tells by itself: the channels of its Pub/Sub API that `hub listen` follows."""

    model_config = SettingsConfigDict(env_prefix="SALESFORCE_EVENTS_")

    target: str = Field(
        "api.pubsub.salesforce.com:7443", pattern=r"^[^/\s]+:\d+$", description="host:port of the Pub/Sub API"
    )
    insecure: bool = Field(False, description="without TLS: for a sandbox on this machine only")
    entities: Annotated[tuple[str, ...], NoDecode] = Field(
        ("Account", "Order", "OrderItem", "Case", "Product2"),
        description="objects with change data capture, by comma; an org without the add-on may choose five",
    )
    platform: Annotated[tuple[str, ...], NoDecode] = Field(
        ("OrderProvisionRequested__e",), description="platform events that concern us, by comma"
    )
    record_field: str = Field("OrderId__c", description="field of a platform event that names its record")
    credits: int = Field(100, ge=1, le=100, description="events asked for at a time")
    stall_seconds: float = Field(300.0, gt=0, description="silence after which a channel is connected anew")

    _lists = field_validator("entities", "platform", mode="before")(_by_comma)

    @property
    def topics(self) -> tuple[str, ...]:
        """The channels' names; that of a custom object `Thing__c` is `Thing__ChangeEvent`."""
        objects = (name.removesuffix("c") if name.endswith("__c") else name for name in self.entities)
        return (*(f"/data/{name}ChangeEvent" for name in objects), *(f"/event/{name}" for name in self.platform))


class WhmcsSettings(_Settings):
    """How to reach WHMCS."""

    model_config = SettingsConfigDict(env_prefix="WHMCS_", env_nested_delimiter="__")

    url: AnyHttpUrl = Field(
        description="address of the installation; `/includes/api.php` is added",
        examples=["https://billing.example.com"],
    )
    identifier: str = Field(description="API credential identifier", examples=["D4j1dKYE3g40VROOPCGyJ9zRwP0ADJIv"])
    secret: SecretStr = Field(
        description="API credential secret", examples=["the secret shown when the credential was made"]
    )
    access_key: SecretStr | None = Field(
        None, description="$api_access_key, where the address is not on the allow-list"
    )
    timeout_seconds: float = Field(30.0, gt=0, description="patience with one call")
    retry_attempts: int = Field(5, ge=1, description="tries of one call, the first one included")
    page_rows: int = Field(
        2000,
        ge=1,
        le=10_000,
        description="`limitnum` of list calls: the larger, the fewer offsets WHMCS must count up to",
    )
    new_rows: int = Field(100, ge=1, le=10_000, description="`limitnum` of the poll for new records")
    scan_rows: int = Field(
        20_000, ge=1, description="rows a poll reads again of each list, to find what changed without a notification"
    )
    closed_window_days: int = Field(90, ge=1, description="how long paid and cancelled invoices are read again")
    calls_per_second: int = Field(20, ge=1, description="budget of calls, all kinds")
    concurrency: int = Field(8, ge=1, le=64, description="calls in flight while reading details")
    details_refresh_hours: int = Field(
        24, ge=1, description="age at which client details and pay methods are read again"
    )
    vocabulary: WhmcsVocabulary = Field(WhmcsVocabulary(), description="what the installation calls things")

    @property
    def closed_window(self) -> timedelta:
        return timedelta(days=self.closed_window_days)


class FreebitSettings(_Settings):
    """How to reach Freebit."""

    model_config = SettingsConfigDict(env_prefix="FREEBIT_", env_nested_delimiter="__")

    base_url: AnyHttpUrl = Field(
        description="up to and with /emptool/api", examples=["https://host.example/emptool/api"]
    )
    oem_id: str = Field(description="operator id", examples=["OEM0001"])
    oem_key: SecretStr = Field(description="operator key", examples=["the key that came with the operator id"])
    timeout_ms: int = Field(30_000, ge=100, description="patience with one call, milliseconds")
    retry_attempts: int = Field(3, ge=1, description="tries of one call, the first one included")
    calls_per_minute: int = Field(60, ge=1, description="budget of calls; the vendor forbids sweeping")
    concurrency: int = Field(1, ge=1, le=16, description="calls in flight")
    detail_refresh_minutes: int = Field(60 * 24, ge=1, description="age at which a line's details are read again")
    change_spacing_seconds: float = Field(
        1800.0, ge=0, description="what lies at least between two changes of voice options, network or plan of a line"
    )
    usage_refresh_minutes: int = Field(60 * 24, ge=1, description="age at which a line's traffic is read again")
    vocabulary: FreebitVocabulary = Field(FreebitVocabulary(), description="what the contract calls things")


class GatewaySettings(_Settings):
    """Where `hub gateway` listens, and how the read API finds it and is known to it."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    token: SecretStr = Field(
        description="what the read API shows the gateway, at least 32 characters; `hub up` makes one",
        examples=["the output of `openssl rand -hex 32`"],
    )
    host: str = Field("127.0.0.1", description="address the gateway listens on")
    port: int = Field(8001, ge=1, le=65535, description="port of the gateway")
    url: AnyHttpUrl | None = Field(None, description="where the API finds it; default: that address and port")

    @property
    def address(self) -> str:
        return str(self.url or f"http://{self.host}:{self.port}").rstrip("/")

    @field_validator("token")
    @classmethod
    def _long_enough(cls, token: SecretStr) -> SecretStr:
        if len(token.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters")
        return token


class UiSettings(_Settings):
    """Who may open the Dagster UI, and under which name it is reached (`hub dagster`)."""

    model_config = SettingsConfigDict(env_prefix="HUB_UI_")

    key: SecretStr = Field(
        description="key of the UI's links and sessions, at least 32 characters; `hub up` makes one",
        examples=["the output of `openssl rand -hex 32`"],
    )
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="host names, by comma, under which the UI is reached besides this machine's own, such as a proxy's",
        examples=["dagster.example.com"],
    )
    session_hours: int = Field(12, ge=1, le=168, description="life of a session in the UI, hours")

    @field_validator("key")
    @classmethod
    def _long_enough(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters")
        return key

    @field_validator("hosts", mode="before")
    @classmethod
    def _by_comma(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class PlanSettings(_Settings):
    """What a process that does not call Freebit knows of it: the plans on offer (FREEBIT_VOCABULARY__PLAN_NAMES)."""

    model_config = SettingsConfigDict(env_prefix="FREEBIT_", env_nested_delimiter="__")

    vocabulary: FreebitVocabulary = Field(FreebitVocabulary(), description="what the contract calls things")


class CommandSettings(_Settings):
    """How `hub forward` works on what customers ask for."""

    model_config = SettingsConfigDict(env_prefix="COMMANDS_")

    batch: int = Field(
        16, ge=1, le=100, description="commands claimed at a time; those of one kind share a Dagster run"
    )
    at_once: int = Field(4, ge=1, le=32, description="commands of a batch that are worked on at the same time")
    lease_seconds: float = Field(
        30.0, ge=1, description="how long a dead forwarder's commands wait before another takes them over"
    )
    settle_seconds: float = Field(
        35.0, ge=0, description="how long a call without an answer may still be at work at the source"
    )
    overdue_seconds: float = Field(20.0, ge=0, description="age at which a Dagster sensor takes what no forwarder took")


KINDS: tuple[type[BaseSettings], ...] = (
    HubSettings,
    ApiSettings,
    AuthSettings,
    MailSettings,
    SalesforceSettings,
    EventSettings,
    WhmcsSettings,
    FreebitSettings,
    CommandSettings,
    GatewaySettings,
    UiSettings,
)
"""What the processes of a stack load."""


def require_mode(hub: HubSettings, api: ApiSettings) -> None:
    """Refuse to serve where anybody who has a key could speak for any customer without logging in.

    Raises:
        SettingsError: API_JWT_KEY is set, and HUB_MODE does not say that this is for development.
    """
    if hub.hub_mode == "production" and api.jwt_key is not None:
        raise SettingsError(
            "API_JWT_KEY: whoever has it speaks for every customer, which is for development only; unset it, or say so"
            " (HUB_MODE=development)"
        )


def sends_device_codes(hub: HubSettings, auth: AuthSettings, mail: MailSettings) -> bool:
    """Whether a password alone is not enough on a device not seen before. Unset: not where no code would be sent."""
    if auth.device_codes is not None:
        return auth.device_codes
    return hub.hub_mode == "production" and mail.smtp_host is not None


def require_mail(hub: HubSettings, mail: MailSettings) -> None:
    """Refuse to send e-mail that others could read on its way, or whose links lead nowhere.

    Raises:
        SettingsError: names the variable.
    """
    if mail.smtp_host is None:
        return
    for variable, field in (("MAIL_FROM", "mail_from"), ("PORTAL_URL", "portal_url")):
        if field not in mail.model_fields_set:
            example = (MailSettings.model_fields[field].examples or [""])[0]
            raise SettingsError(f"{variable}: needed with SMTP_HOST (for example {example})")
    if hub.hub_mode == "production":
        if mail.smtp_security == "none":
            raise SettingsError(
                "SMTP_SECURITY: none sends links that let people in for everybody on the way to read, which is for"
                " development only (for example starttls)"
            )
        if mail.portal_url.scheme != "https":
            raise SettingsError(
                "PORTAL_URL: must begin with https:// in production (for example https://portal.example.com)"
            )
    if mail.smtp_user is not None and mail.password is None:
        raise SettingsError(
            "SMTP_PASSWORD: needed with SMTP_USER, or SMTP_PASSWORD_FILE (for example /run/secrets/smtp)"
        )


Kind = TypeVar("Kind", bound=BaseSettings)


def require(*kinds: type[BaseSettings]) -> None:
    """Refuse to start where settings are missing or malformed, all complaints at once.

    Raises:
        SettingsError: as `load`, a line for each variable of any of those kinds.
    """
    complaints = []
    for kind in kinds:
        try:
            load(kind)
        except SettingsError as error:
            complaints.append(str(error))
    if complaints:
        raise SettingsError("\n".join(complaints))


def load(kind: type[Kind]) -> Kind:
    """The settings of that kind, from the environment.

    Raises:
        SettingsError: variables are missing or malformed; the text names each, says why and gives an example.
    """
    try:
        return kind()
    except ValidationError as error:
        lines = [
            _complaint(kind, [str(part) for part in e["loc"]], e["msg"]) for e in error.errors(include_input=False)
        ]
        raise SettingsError("\n".join(lines)) from None


def _complaint(kind: type[BaseSettings], location: list[str], message: str) -> str:
    prefix = str(kind.model_config.get("env_prefix", ""))
    # A nested field's location repeats the variable's own case; a flat one carries the field's name.
    variable = (prefix + "__".join(part.removeprefix(prefix.lower()) for part in location)).upper()
    field = kind.model_fields.get(location[0].removeprefix(prefix.lower())) if location else None
    return f"{variable}: {message.removeprefix('Value error, ')}{_example(field, location)}"


def _example(field: FieldInfo | None, location: list[str]) -> str:
    """The field's own, else its default; a name within a vocabulary has its default there."""
    if field is not None and field.examples:
        return f" (for example {field.examples[0]})"
    default = None if field is None else field.default
    for part in location[1:]:
        default = getattr(default, part.lower(), None)
    plain = isinstance(default, str | int | float) and not isinstance(default, bool)
    return f" (for example {default})" if plain and default != "" else ""


def _is_on(origin: str, domain: str) -> bool:
    """Whether a page of that origin may use a passkey of that domain (WebAuthn, 5.1.3 and 13.4.9)."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    return (host == domain or host.endswith(f".{domain}")) and (parts.scheme == "https" or host == "localhost")


def url_as(settings: HubSettings, role: Role) -> str:
    """The connection URL of the hub's database for one role, which logs in as that role itself.

    A role's own URL wins. Without one, it is the owner's URL with the role's name and the password that `hub migrate`
    keeps for it; over a Unix socket the server may know the role's system user and need none. No session logs in as
    the owner and then takes a role (`-c role=`): whoever may take one may put it down again by `SET ROLE none`.

    Raises:
        SettingsError: neither the role's URL nor DATABASE_URL is set, or there is no password for it here.
    """
    own = settings.own_url(role)
    if own is not None:
        return own
    if settings.database_url is None:
        raise SettingsError("DATABASE_URL: not set, and no embedded server runs here; start it with `hub up`")
    if role == "owner":
        return settings.database_url
    parts = urlsplit(settings.database_url)
    query = dict(parse_qsl(parts.query))
    host = query.get("host") or unquote(parts.hostname or "")
    password = _kept_password(settings, role)
    if password is None and host and not host.startswith("/"):
        raise SettingsError(
            f"{url_variable(role)}: not set, and no password of {role} lies in {settings.home / 'secrets'}; make one by"
            f" `hub migrate` with that HUB_HOME (or for example {url_variable(role)}=postgresql://{role}:secret@{host}"
            f"{parts.path})"
        )
    place = parts.netloc.rpartition("@")[2]
    login = role if password is None else f"{role}:{password}"
    for owners in ("user", "password"):
        query.pop(owners, None)
    return urlunsplit(parts._replace(netloc=f"{login}@{place}", query=urlencode(query, quote_via=quote, safe="/")))


def url_variable(role: Role) -> str:
    """The variable that holds a role's own URL."""
    return f"{role.removeprefix('hub_').upper()}_DATABASE_URL" if role != "owner" else "DATABASE_URL"


def password_file(settings: HubSettings, role: Role) -> Path:
    """Where `hub migrate` keeps a role's password, readable by the file's owner only."""
    return settings.home / "secrets" / f"{role}_password"


def _kept_password(settings: HubSettings, role: Role) -> str | None:
    try:
        return password_file(settings, role).read_text(encoding="utf-8").strip()
    except OSError:  # None, or not ours to read.
        return None


def environment_has(prefix: str) -> bool:
    """Whether any variable with that prefix is set: how `hub up` tells a real system from the sandbox."""
    return any(name.startswith(prefix) and value for name, value in os.environ.items())
