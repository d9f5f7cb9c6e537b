"""`hub user`."""

import re
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import psycopg
import typer

from cli.database import answer, note, opened, operator_login
from cli.examples import examples
from cli.output import AsJson, Column, console, counted, moment, number, plain, show
from core.clock import utc_now
from core.errors import HubError, NotFoundError
from core.settings import ApiSettings, AuthSettings, load
from domain.common.account_roles import AccountRole
from sql.statements import statement

EXAMPLES = examples(
    ("hub user add taro@example.com --customer 0b9ee7c5-…", "lets somebody in, for a customer; prints a password once"),
    (
        "hub user add hana@example.com --customer 0b9e… --role billing",
        "another person, or another role of the same one",
    ),
    (
        "hub user add ken@example.com --customer 0b9e… --link --language en",
        "they choose the password themselves, by a link sent by e-mail",
    ),
    ("hub user remove hana@example.com --customer 0b9e…", "she acts for that customer no more"),
    ("hub user add mika@example.com --agent", "somebody of support, who looks as customers do and is none"),
    ("hub user agent mika@example.com --off", "no support agent any more: what they look at ends"),
    (
        "hub user view-as taro@example.com --customer 0b9e… --reason 'ticket 4711: no invoices'",
        "prints a token that sees what he sees, and changes nothing",
    ),
    ("hub user list", "who may log in"),
    ("hub user show taro@example.com", "for whom they may act, their second factors, and where they are logged in"),
    (
        "hub user lock taro@example.com --hours 24 --reason 'stolen phone'",
        "keeps them out, and ends their sessions",
    ),
    ("hub user unlock taro@example.com", "before its time"),
    ("hub user reset taro@example.com", "a new password, printed once; logs them out everywhere"),
    ("hub user reset taro@example.com --link", "no password any more; they get a link to choose one"),
    (
        "hub user reset taro@example.com --factors",
        "the same for whoever lost their authenticator app and recovery codes",
    ),
)

app = typer.Typer(no_args_is_help=True, help="The people who may log in.", rich_markup_mode="rich")

PEOPLE = (
    Column("email", "e-mail"),
    Column("accounts", "accounts", number, right=True),
    Column("sessions", "sessions", number, right=True),
    Column("last_used_at", "last here (UTC)", moment),
    Column("is_agent", "agent", lambda value: "yes" if value else ""),
    Column("locked_until", "locked until (UTC)", moment, alarming=lambda until: until is not None),
    Column("id", "person", spare=True),
)
ACCOUNTS = (
    Column("customer_id", "customer"),
    Column("name", "name"),
    Column("role", "role"),
    Column("created_at", "since (UTC)", moment),
)
FACTORS = (
    Column("method", "second factor"),
    Column("since", "since (UTC)", moment),
    Column("remaining", "left", number, right=True),
    Column("name", "name", plain),
)
SESSIONS = (
    Column("id", "session"),
    Column("device", "device", plain),
    Column("created_at", "logged in (UTC)", moment),
    Column("last_used_at", "last here (UTC)", moment),
    Column("revoked_why", "ended", plain),
)

Email = Annotated[str, typer.Argument(help="The person's e-mail address.")]
ADDRESS = re.compile(r"(?=.{3,254}$)[!-~]+@[!-~]+")
ByLink = Annotated[bool, typer.Option("--link", help="Send a link by e-mail that sets a password, and print none.")]
FOREVER_YEARS = 100
LINK_HOURS = 24


SENT = f"A link to choose a password is on its way; it is good for {LINK_HOURS} hours (hub mail list)."


class EmailError(HubError):
    """Nobody can have such an address."""


@app.command("add", epilog=EXAMPLES)
def add(  # noqa: PLR0917 - options
    email: Email,
    customer: Annotated[
        UUID | None,
        typer.Option(help="The customer to act for: an id of `hub customers list`. An agent needs none."),
    ] = None,
    role: Annotated[AccountRole, typer.Option(help="What they may do there.")] = "owner",
    language: Annotated[Literal["en", "ja"], typer.Option(help="In which language somebody new is written to.")] = "ja",
    link: ByLink = False,
    agent: Annotated[
        bool, typer.Option("--agent", help="They are a support agent: may look as any customer does.")
    ] = False,
) -> None:
    """Let a person act for a customer, or help customers. Whoever is new gets a password, shown here once, or a link.

    The same person and customer again changes the role, within a second on every copy of the API.
    """
    if not ADDRESS.fullmatch(email):
        raise EmailError(f"{email} is not an e-mail address (for example taro@example.com)")
    if customer is None and not agent:
        raise typer.BadParameter("name the customer to act for; only an agent acts for none", param_hint="--customer")
    with opened() as connection:
        found = connection.execute(statement("operations/user_id").encode(), {"email": email}).fetchone()
        password = None if found or link else token_urlsafe(15)
        who = found[0] if found else _added(connection, email, language, password)
        if customer is not None:
            _give_role(connection, who, customer, role)
        if agent:
            _set_agent(connection, who, is_agent=True)
        if link and not found:
            _send_link(connection, who, "welcome")
    console().print(f"{email} may act for {customer} as {role}." if customer else f"{email} is a support agent.")
    if password is not None:
        _tell(password)
    elif not found:
        console().print(SENT)


@app.command("remove", epilog=EXAMPLES)
def remove(
    email: Email,
    customer: Annotated[UUID, typer.Option(help="The customer to act for no more: one that `hub user show` names.")],
) -> None:
    """A person acts for a customer no more, within a second on every copy of the API. They may still act for others."""
    who = _person(email)["id"]
    with opened() as connection:
        values = {"user": who, "customer": customer}
        if not connection.execute(statement("operations/take_role").encode(), values).rowcount:
            raise NotFoundError(f"{email} does not act for {customer}; `hub user show {email}` says for whom they do")
        note(connection, "role.taken", f"user:{who}", customer=str(customer))
    console().print(f"{email} acts for {customer} no more.")


@app.command("agent", epilog=EXAMPLES)
def agent(
    email: Email,
    off: Annotated[bool, typer.Option("--off", help="They are one no more: what they look at ends.")] = False,
) -> None:
    """Make a person a support agent, who may look at the portal as any customer sees it, for a reason."""
    with opened() as connection:
        _set_agent(connection, _person(email)["id"], is_agent=not off)
    console().print(f"{email} is {'no support agent any more' if off else 'a support agent'}.")


@app.command("view-as", epilog=EXAMPLES)
def view_as(
    email: Email,
    customer: Annotated[UUID, typer.Option(help="The customer to look at: one that `hub user show` names.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever asks later; it is kept.", prompt="Why")],
    minutes: Annotated[int, typer.Option(min=1, max=60, help="For how long.")] = 15,
) -> None:
    """Print a token that sees what the person sees of the customer, and changes nothing: you need not be an agent.

    It names you, in each answer and in the audit, as does what is read by it. `DELETE /auth/view-as` with it ends it.
    """
    from read_api.auth.access import signed
    from read_api.auth.keys import current
    from read_api.auth.view_as import operator, viewing

    view, who = uuid4(), _person(email)["id"]
    looker = operator(operator_login())
    begun = {
        "view": view, "operator": looker, "customer": customer, "user": who, "reason": reason, "minutes": minutes,
    }  # fmt: skip
    with opened() as connection:
        seen = connection.execute(statement("operations/begin_view").encode(), begun).fetchone()
        if seen is None or seen[0] is None:
            raise NotFoundError(f"{email} does not act for {customer}; `hub user show {email}` says for whom they do")
        caller = viewing(str(customer), str(who), str(view), f"operator:{looker}")
        token = signed(load(ApiSettings), current(connection), caller, minutes=minutes)
    console(stderr=True).print(f"What {email} sees of {customer}, for {counted(minutes, 'minute', 'minutes')}:")
    typer.echo(token)


@app.command("list", epilog=EXAMPLES)
def list_(limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100, as_json: AsJson = False) -> None:
    """Who may log in, the latest here first."""
    rows = answer("operations/users", email=None, limit=limit)
    show(rows, PEOPLE, as_json=as_json, empty="Nobody may log in; `hub user add` lets somebody.")


@app.command("show", epilog=EXAMPLES)
def show_(email: Email, as_json: AsJson = False) -> None:
    """One person: for whom they may act, their second factors, and where they are logged in."""
    person = _person(email)
    accounts = answer("operations/user_accounts", user=person["id"])
    factors = answer("operations/user_factors", user=person["id"])
    sessions = answer("operations/user_sessions", user=person["id"])
    if as_json:
        show([person | {"accounts": accounts, "factors": factors, "sessions": sessions}], (), as_json=True, empty="")
        return
    show([person], PEOPLE, as_json=False, empty="")
    show(accounts, ACCOUNTS, as_json=False, empty="They may act for nobody.")
    show(factors, FACTORS, as_json=False, empty="They have no second factor.")
    show(sessions, SESSIONS, as_json=False, empty="They were never logged in.")


@app.command("lock", epilog=EXAMPLES)
def lock(
    email: Email,
    reason: Annotated[str, typer.Option(help="Why, for whoever asks later; it is kept.", prompt="Why")],
    hours: Annotated[int | None, typer.Option(min=1, help="For so long; without it, until `hub user unlock`.")] = None,
) -> None:
    """Keep a person out: within a second, none of their sessions and tokens is good any more."""
    person = _person(email)
    until = utc_now() + (timedelta(days=365 * FOREVER_YEARS) if hours is None else timedelta(hours=hours))
    _set_lock(person["id"], until, reason, "user.locked", hours=hours)
    console().print(f"{email} is locked{'' if hours is None else f' until {until:%Y-%m-%d %H:%M} UTC'}.")


@app.command("unlock", epilog=EXAMPLES)
def unlock(email: Email) -> None:
    """Let a person in again, before the time that was said."""
    _set_lock(_person(email)["id"], None, None, "user.unlocked")
    console().print(f"{email} may log in.")


@app.command("reset", epilog=EXAMPLES)
def reset(
    email: Email,
    link: ByLink = False,
    factors: Annotated[
        bool, typer.Option("--factors", help="Take their second factors away as well: the password is all they prove.")
    ] = False,
) -> None:
    """A new password, shown here once, or a link to choose one.

    Every session of the person's ends: whoever had the old password may be in. Make sure that it is them who ask:
    whoever has the new password, and no second factor to prove, is in. So is whoever has a passkey that is not taken.
    """
    who, password = _person(email)["id"], None if link else token_urlsafe(15)
    with opened() as connection:
        # First: the message of another password says how many passkeys are left.
        if factors:
            connection.execute(statement("operations/take_factors").encode(), {"user": who})
            note(connection, "factor.reset", f"user:{who}")
        if password is None:
            connection.execute(statement("operations/withdraw_password").encode(), {"user": who})
            _send_link(connection, who, "password_withdrawn")
        else:
            changed = {"user": who, "hashed": _hashed(password)}
            connection.execute(statement("operations/reset_password").encode(), changed)
        note(connection, "password.reset", f"user:{who}")
    if password is None:
        console().print(SENT)
    else:
        _tell(password)
    _tell_of_factors(email, who)


def _person(email: str) -> dict[str, Any]:
    rows = answer("operations/users", email=email, limit=1)
    if not rows:
        raise NotFoundError(f"nobody has the address {email}; see `hub user list`")
    return rows[0]


def _give_role(connection: "psycopg.Connection[Any]", who: UUID, customer: UUID, role: AccountRole) -> None:
    if not connection.execute("SELECT FROM hub.customer_accounts WHERE id = %s", [customer]).rowcount:
        raise NotFoundError(f"no customer has the id {customer}; see `hub customers list`")
    given = {"user": who, "customer": customer, "role": role}
    connection.execute(statement("operations/give_role").encode(), given)
    note(connection, "role.given", f"user:{who}", customer=str(customer), role=role)


def _set_agent(connection: "psycopg.Connection[Any]", who: UUID, *, is_agent: bool) -> None:
    connection.execute(statement("operations/set_agent").encode(), {"user": who, "is_agent": is_agent})
    note(connection, "agent.made" if is_agent else "agent.unmade", f"user:{who}")


def _set_lock(who: UUID, until: datetime | None, reason: str | None, action: str, **details: object) -> None:
    with opened() as connection:
        locked = {"user": who, "until": until, "reason": reason}
        connection.execute(statement("operations/set_lock").encode(), locked)
        note(connection, action, f"user:{who}", **details)


def _added(connection: "psycopg.Connection[Any]", email: str, language: str, password: str | None) -> UUID:
    added = {"email": email, "language": language, "hashed": None if password is None else _hashed(password)}
    row = connection.execute(statement("operations/add_user").encode(), added).fetchone()
    who: UUID = row[0] if row else UUID(int=0)
    note(connection, "user.added", f"user:{who}")
    return who


def _send_link(connection: "psycopg.Connection[Any]", who: UUID, template: str) -> None:
    from read_api.auth.password_links import hash_of, new_token

    token = new_token()
    sent = {
        "user": who, "template": template, "token_hash": bytes.fromhex(hash_of(token)), "token": token,
        "hours": LINK_HOURS,
    }  # fmt: skip
    connection.execute(statement("operations/send_password_link").encode(), sent)


def _hashed(password: str) -> str:
    from read_api.auth.passwords import hasher_of

    return hasher_of(load(AuthSettings)).hash(password)


def _tell_of_factors(email: str, who: UUID) -> None:
    methods = [each["method"] for each in answer("operations/user_factors", user=who)]
    passkeys, apps = methods.count("passkey"), methods.count("totp")
    if passkeys or apps:
        left = f"{counted(passkeys, 'passkey', 'passkeys')}, {counted(apps, 'authenticator app', 'authenticator apps')}"
        console(stderr=True).print(f"{email} still has {left}. A passkey needs no password.")
        console(stderr=True).print(f"Might a thief have added one: `hub user reset {email} --factors` takes them all.")


def _tell(password: str) -> None:
    console(stderr=True).print("The password, shown this once; it can be changed after logging in:")
    typer.echo(password)
