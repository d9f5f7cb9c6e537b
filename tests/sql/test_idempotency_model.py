"""Keys of commands against a model: one key is one command for whoever may be asking, however often and at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.builders import insert_customer
from tests.conftest import Database
from tests.state_machines import check

MOST_OPEN = 1
ASK = (
    "SELECT outcome, id FROM command.accept('top_up', 'whmcs', 'sims', NULL, NULL, %s, %s, '{}', 'a request',"
    " interval '1 day', %s, jsonb_build_object('open', %s::int))"
)
customers = st.integers(0, 1)
keys = st.sampled_from(["key 1", "key 2", "key 3"])
bodies = st.sampled_from(["this", "that"])


@dataclass
class Accepted:
    """A command as it must be."""

    customer: int
    account: UUID
    key: str
    body: str
    is_open: bool = True


class Keys(RuleBasedStateMachine):
    """Two customers who ask for things under few keys, and whose WHMCS accounts may change hands."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._connection = psycopg.connect(database.owner, autocommit=True)
        self._accepted: dict[UUID, Accepted] = {}

    @initialize()
    def begin(self) -> None:
        for table in ("command.commands", "command.admissions", "hub.customers", "hub.customer_accounts"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        made = [insert_customer(self._connection) for _ in range(2)]
        self._customers: list[UUID] = [each["id"] for each in made]
        self._accounts: list[UUID] = [each["whmcs_account_id"] for each in made]

    def teardown(self) -> None:
        self._connection.close()

    @rule(customer=customers, key=keys, body=bodies)
    def ask(self, customer: int, key: str, body: str) -> None:
        with self._session(customer) as session:
            self._check(customer, key, body, _accept(session, key, body))

    @rule(customer=customers, keys=st.tuples(keys, keys), bodies=st.tuples(bodies, bodies), kept=st.booleans())
    def ask_twice_at_once(self, customer: int, keys: tuple[str, str], bodies: tuple[str, str], kept: bool) -> None:
        """The second waits until it is known what becomes of the first, and is answered accordingly."""
        with (
            self._session(customer) as first,
            self._session(customer) as second,
            ThreadPoolExecutor(1) as thread,
        ):
            answer = _accept(first, keys[0], bodies[0])
            waiting = thread.submit(_accept, second, keys[1], bodies[1])
            while not waiting.done() and not _waits(self._connection, second):
                pass
            (first.commit if kept else first.rollback)()
            if kept:
                self._check(customer, keys[0], bodies[0], answer)
            self._check(customer, keys[1], bodies[1], waiting.result())

    @precondition(lambda self: any(each.is_open for each in self._accepted.values()))
    @rule(data=st.data())
    def a_command_ends(self, data: Any) -> None:
        """Its key goes on standing for it."""
        commands = [command for command, each in self._accepted.items() if each.is_open]
        ended = commands[data.draw(st.integers(0, len(commands) - 1))]
        self._connection.execute("UPDATE command.commands SET status = 'succeeded' WHERE id = %s", [ended])
        self._accepted[ended].is_open = False

    @rule()
    def accounts_change_hands(self) -> None:
        """What was asked for an account follows it: its next customer does not ask for it again under the same key."""
        self._accounts.reverse()
        self._connection.execute(
            "UPDATE hub.customer_accounts SET customer_id = (%s::uuid[])[array_position(%s, id)] WHERE id = ANY(%s)",
            [self._customers, self._accounts, self._accounts],
        )

    def _session(self, customer: int) -> psycopg.Connection[Any]:
        session = psycopg.connect(self._database.api)
        session.execute(
            "SELECT set_config('hub.role', 'owner', false), set_config('hub.customer_id', %s, false)",
            [str(self._customers[customer])],
        )
        return session

    def _check(self, customer: int, key: str, body: str, answer: tuple[str, UUID | None]) -> None:
        outcome, command = answer
        account = self._accounts[customer]
        earlier = {
            id_: each
            for id_, each in self._accepted.items()
            if each.key == key and (each.customer == customer or each.account == account)
        }
        if earlier:
            assert command in earlier
            assert outcome == ("repeated" if earlier[command].body == body else "conflict")
        elif sum(each.is_open for each in self._accepted.values() if each.customer == customer) >= MOST_OPEN:
            assert (outcome, command) == ("refused", None)
        else:
            assert outcome == "accepted"
            assert command is not None
            assert command not in self._accepted
            self._accepted[command] = Accepted(customer, account, key, body)

    @invariant()
    def there_is_what_was_accepted_and_nothing_else(self) -> None:
        rows = self._connection.execute(
            "SELECT id, customer_id, account_id, idempotency_key, request_hash FROM command.commands"
        ).fetchall()

        assert {id_: tuple(row) for id_, *row in rows} == {
            id_: (self._customers[each.customer], each.account, each.key, each.body)
            for id_, each in self._accepted.items()
        }


def test_the_same_key_at_once_waits_and_is_answered_as_repeated(database: Database) -> None:
    """Nobody is told of an error because both came at the same moment."""
    with (
        psycopg.connect(database.owner, autocommit=True) as owner,
        psycopg.connect(database.api) as first,
        psycopg.connect(database.api) as second,
        ThreadPoolExecutor(1) as thread,
    ):
        customer = str(insert_customer(owner)["id"])
        for session in (first, second):
            session.execute(
                "SELECT set_config('hub.role', 'owner', false), set_config('hub.customer_id', %s, false)", [customer]
            )
            session.commit()
        accepted = _accept(first, "a key", "this")
        waiting = thread.submit(_accept, second, "a key", "this")
        while not waiting.done() and not _waits(owner, second):
            pass
        first.commit()

        assert accepted[0] == "accepted"
        assert waiting.result() == ("repeated", accepted[1])


def _waits(owner: psycopg.Connection[Any], session: psycopg.Connection[Any]) -> bool:
    query = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    ((waits,),) = owner.execute(query, [session.info.backend_pid]).fetchall()
    return bool(waits)


def _accept(session: psycopg.Connection[Any], key: str, body: str) -> tuple[str, UUID | None]:
    ((outcome, command),) = session.execute(ASK, [key, body, uuid4(), MOST_OPEN]).fetchall()
    return outcome, command


def test_one_key_is_one_command_however_often_and_at_once_it_is_asked_for(database: Database) -> None:
    check(lambda: Keys(database))
