"""Where the hub holds something of a customer: of each table, which rows are theirs. Erasure and export follow it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.sql import SQL
from sqlalchemy import Table

from core.errors import NotFoundError
from domain.common.identifiers import account_id
from pipelines.datasets import DATASETS, dataset_named
from pipelines.events.routes import InboxEntry, wanted_by
from pipelines.sync.erased import accounts_of, record_ids
from pipelines.sync.tables import account_of, qualified
from sql.statements import statement
from sql.tables import metadata

DISPUTED_NUMBERS = "sim.numbers"
"""What hub.tell_number_claim calls the numbers that several lines have, in quarantine; each under its line's id."""

# Log-ins of people who may act for the customer, what support looked at as them, whom they invited: all, of those who
# may act for no other; else those that act for it now.
_SESSIONS = "customer_id = ANY(%(customers)s) OR user_id = ANY(%(only_theirs)s)"

# E-mails to people who may act for no other customer; some are kept by the address alone: nobody was a
# person when a code to sign up with was sent, or nobody may learn who is one (auth.post_to_whoever_has).
_MESSAGES = "user_id = ANY(%(only_theirs)s) OR lower(email) = ANY(%(addresses)s)"

# Of the entries of the change log that were written when a row was nobody's: those of rows that are the customer's now.
_THEIRS_SINCE = " OR ".join(
    f"entity = '{table.name}' AND entity_id IN"  # noqa: S608 - our own names
    f" (SELECT r.id FROM {table.fullname} r WHERE r.account_id = ANY(%(accounts)s))"
    for table in metadata.tables.values()
    if table.schema == "hub" and "account_id" in table.c and table.c.account_id.nullable
)

# A sign-up's command is its customer's only from the moment when somebody is let in: many never come so far.
_COMMANDS = "account_id = ANY(%(accounts)s) OR customer_id = ANY(%(customers)s) OR id = ANY(%(sign_up_commands)s)"

# Rows that name neither an account nor a customer in a column of that name, or do not do so alone.
_BY_OTHER_COLUMNS = {
    "hub.customers": "id = ANY(%(customers)s)",
    "hub.customer_accounts": "id = ANY(%(accounts)s)",
    "command.commands": _COMMANDS,
    "command.steps": f"command_id IN (SELECT id FROM command.commands WHERE {_COMMANDS})",  # noqa: S608 - see above
    "sync.link_words": "salesforce_id = ANY(%(salesforce_ids)s) OR whmcs_id = ANY(%(whmcs_ids)s)",
    # A customer's own rows bear no account in the log, nor does a record in the time when it was nobody's yet; and what
    # an account's record was is logged under the account that the record went to.
    "sync.changes": "account_id = ANY(%(accounts)s) OR before ->> 'account_id' = ANY(%(accounts)s::text[])"
    f" OR account_id IS NULL AND ({_THEIRS_SINCE})"
    " OR entity = 'customers' AND EXISTS ("
    "SELECT FROM unnest(%(member_of)s::uuid[], %(since)s::timestamptz[], %(until)s::timestamptz[]) m (id, since, until)"
    " WHERE m.id = entity_id AND changed_at BETWEEN m.since AND m.until)",
    "sync.quarantine": "id = ANY(%(quarantined)s)",
    "sync.inbox": "id = ANY(%(notified)s)",
    "auth.users": "id = ANY(%(people)s)",
    **dict.fromkeys(("auth.sessions", "auth.views"), _SESSIONS),
    # And another customer's to people who may act for no other.
    "auth.invitations": f"{_SESSIONS} OR accepted_by = ANY(%(only_theirs)s) OR lower(email) = ANY(%(addresses)s)",
    **dict.fromkeys(
        ("auth.refresh_tokens", "auth.ceremonies"),
        f"session_id IN (SELECT id FROM auth.sessions WHERE {_SESSIONS})",  # noqa: S608 - see above
    ),
    **dict.fromkeys(
        (
            "auth.challenges",
            "auth.devices",
            "auth.email_changes",
            "auth.passkeys",
            "auth.recovery_codes",
            "auth.totp",
        ),
        "user_id = ANY(%(only_theirs)s)",
    ),
    "auth.messages": _MESSAGES,
    "auth.password_links": f"message_id IN (SELECT id FROM auth.messages WHERE {_MESSAGES})",  # noqa: S608 - see above
    "auth.sign_ups": "id = ANY(%(sign_ups)s)",
    # Who was of support and is a customer looked at others: that is of those.
    "auth.audit": "ARRAY[actor, on_behalf_of, record] && %(audited)s::text[]"  # noqa: S608 - see above
    " AND (starts_with(action, 'view.') AND details ->> 'customer' <> ALL(%(customers)s::text[])) IS NOT TRUE"
    f" OR record IN (SELECT 'session:' || id FROM auth.sessions WHERE {_SESSIONS})"
    " OR details ->> 'customer' = ANY(%(customers)s::text[])",
}

# What the customer is given of a row, where some of it may be another's; hub.earlier leaves out the same of the past.
# Of a row that went from one account to another, the log has in one entry what it was and what it became; what it was
# while it was nobody's is the next one's. And what the network once said of a line's number may be of another's line.
_NO_NETWORK = "- CASE WHEN r.entity = 'sims' THEN hub.network_columns() ELSE '{}' END"
_HANDED_OUT = {
    "sync.changes": "to_jsonb(r) || jsonb_build_object("
    "'before', CASE WHEN coalesce(r.before ->> 'account_id' = ANY(%(accounts)s::text[]), true)"
    f" THEN r.before {_NO_NETWORK} END,"
    " 'after', CASE WHEN NOT r.before ? 'account_id' OR r.after ->> 'account_id' = ANY(%(accounts)s::text[])"
    f" THEN r.after {_NO_NETWORK} END)",
    # When support looked; who it was, and why, are the house's (decision 0037).
    "auth.views": "to_jsonb(r) || jsonb_build_object("
    "'agent_id', NULL, 'operator', NULL, 'session_id', NULL, 'reason', NULL)",
    "auth.audit": "to_jsonb(r) || CASE WHEN starts_with(r.action, 'view.')"
    " THEN jsonb_build_object('actor', NULL, 'address', NULL) ELSE '{}' END",
}


@dataclass(frozen=True)
class Customer:
    """A customer, its accounts in all systems, and what finds its rows: the parameters of `theirs`."""

    id: UUID
    accounts: Sequence[UUID]
    finds: Mapping[str, Any]


def theirs(table: Table) -> str | None:
    """SQL, true of the customer's rows of a table, with `Customer.finds` as parameters; None: it has nobody's rows."""
    if table.fullname in _BY_OTHER_COLUMNS:
        return _BY_OTHER_COLUMNS[table.fullname]
    named = [name for name in ("account_id", "customer_id") if name in table.c]
    return " OR ".join(f"{name} = ANY(%({name.removesuffix('_id')}s)s)" for name in named) or None


def handed_out(table: Table) -> str:
    """SQL of what the customer is given of a row `r` of theirs, as JSON, with `Customer.finds` as parameters."""
    return _HANDED_OUT.get(table.fullname, "to_jsonb(r)")


def customers_tables() -> Sequence[Table]:
    """Every table with rows of customers, in the order of their names."""
    return sorted((each for each in metadata.tables.values() if theirs(each)), key=lambda each: each.fullname)


def customer_named(connection: Connection[Any], identity: UUID) -> Customer:
    """The customer with that id, or with an account of that id, deleted ones too; or whoever signed up under that id.

    Whoever signed up and was never let in is a customer without accounts.

    Raises:
        NotFoundError: there is none.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("operations/accounts_of_customer"), {"id": identity}).fetchall()
        if not rows and (account := _let_in_for(connection, identity)) != identity:
            return customer_named(connection, account)
        customer = rows[0]["customer_id"] if rows else identity
        accounts = [row["id"] for row in rows]
        # A sign-up's command, and what the log says of it, are under the sign-up's id as long as there is no account.
        of: dict[str, Any] = {"accounts": accounts or [identity], "customers": sorted({customer, *accounts})}
        for source in ("salesforce", "whmcs"):
            of[f"{source}_ids"] = [row["source_id"] for row in rows if row["source"] == source]
        members = cursor.execute(statement("operations/memberships"), of).fetchall()
    of |= {"member_of": [each["id"] for each in members]}
    of |= {name: [each[name] for each in members] for name in ("since", "until")}
    of |= _people(connection, of)
    of["quarantined"] = list(_quarantined(connection, set(accounts), rows))
    of["notified"] = list(_notified(connection, of))
    return Customer(customer, accounts, of)


def sign_up_of(connection: Connection[Any], email: str) -> UUID:
    """The newest sign-up of a mailbox.

    Raises:
        NotFoundError: there is none.
    """
    row = connection.execute(statement("operations/sign_up_named"), {"id": None, "email": email}).fetchone()
    if row is None:
        raise NotFoundError("nobody signed up with that e-mail address, or it is forgotten")
    found: UUID = row[0]
    return found


def _let_in_for(connection: Connection[Any], sign_up: UUID) -> UUID:
    """The account that whoever signed up was let in for; its own id: none.

    Raises:
        NotFoundError: there is no such sign-up.
    """
    row = connection.execute(statement("operations/sign_up_named"), {"id": sign_up, "email": None}).fetchone()
    if row is None:
        raise NotFoundError(f"no customer has the id {sign_up}; see `hub customers list --all`")
    account: UUID = row[1]
    return account


def accounts_named(connection: Connection[Any], identity: UUID) -> list[UUID]:
    """The accounts of the customer with that id, or with an account of that id; none: there is none."""
    rows = connection.execute(statement("operations/accounts_of_customer"), {"id": identity}).fetchall()
    return [account for *_, account in rows]


def _people(connection: Connection[Any], of: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Who may act for the customer, and who of them for no other; the mailboxes, who signed up, what the audit says."""
    rows = connection.execute(statement("operations/people_of_customer"), of).fetchall()
    known: dict[str, list[Any]] = {"people": [person for person, _ in rows]}
    known["only_theirs"] = [person for person, acts_for_others in rows if not acts_for_others]
    addresses = connection.execute(statement("operations/mailboxes_of_customer"), {**of, **known}).fetchall()
    known["addresses"] = [address for (address,) in addresses]
    found = connection.execute(statement("operations/sign_ups_of_customer"), {**of, **known}).fetchall()
    known["sign_ups"] = sorted({sign_up for sign_up, _ in found})
    known["sign_up_commands"] = [command for _, command in found if command is not None]
    called = {"user": known["only_theirs"], "customer": of["customers"], "sign_up": known["sign_ups"]}
    return {**known, "audited": [f"{kind}:{each}" for kind, ids in called.items() for each in ids]}


def _quarantined(connection: Connection[Any], accounts: set[UUID], rows: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    """Records that are kept as they were sent, which nothing but what they say connects to an account."""
    names = {f"{row['source']}:{row['source_id']}" for row in rows}  # how linking calls accounts
    lines = connection.execute("SELECT source_id FROM hub.sims WHERE account_id = ANY(%s)", [list(accounts)]).fetchall()
    numbers = {row[0] for row in lines}
    datasets = {dataset.name: dataset for dataset in DATASETS}
    query = "SELECT id, dataset, source_id, payload FROM sync.quarantine ORDER BY id"
    for number, name, source_id, payload in connection.execute(query).fetchall():
        dataset = datasets.get(name)
        if name == DISPUTED_NUMBERS:
            is_theirs = source_id in numbers
        elif dataset is None:
            is_theirs = source_id in names
        else:
            is_theirs = bool(accounts_of(connection, dataset, source_id, payload) & accounts)
        if is_theirs:
            yield number


def _notified(connection: Connection[Any], of: Mapping[str, Any]) -> Iterator[int]:
    """What waits or waited in the inbox, found by the records that it has read again."""
    own = set(of["accounts"])
    for table in metadata.tables.values():
        if table.schema == "hub" and "account_id" in table.c:
            query = SQL("SELECT id FROM {} r WHERE {} = ANY(%(accounts)s)").format(
                qualified(table), account_of(table, "r")
            )
            own |= {row[0] for row in connection.execute(query, of)}
    with connection.cursor(row_factory=class_row(InboxEntry)) as cursor:
        found = cursor.execute(
            "SELECT id, source, kind, entity, record_id, parent_id, payload, attempts FROM sync.inbox ORDER BY id"
        )
        for entry in found:
            if not own.isdisjoint(_concerned(entry)):
                yield entry.id


def _concerned(entry: InboxEntry) -> Iterator[UUID]:
    for name, only in wanted_by(entry):
        dataset = dataset_named(name)
        for record in only.records:
            yield from record_ids(dataset, record)
        if dataset.owners is not None:
            for owner in only.owners:
                yield account_id(dataset.owners, owner)
