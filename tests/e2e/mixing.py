"""People of many customers who ask at once, over the same connections, each with what was meant for somebody else."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import psycopg

from domain.commands import kinds
from domain.common.account_roles import AccountRole
from read_api.auth.cookies import NAME
from tests.faults.commands import COMMANDS
from tests.read_api.auth.conftest import HASHED, PASSWORD

AT_ONCE = 24
"""Requests under way at a time, over half as many connections."""
ROLES: tuple[AccountRole, ...] = ("owner", "billing", "technical", "read_only")
ID = re.compile(r'"id" ?: ?"([0-9a-f-]{36})"')
LISTS = (
    "/api/invoices", "/api/subscriptions", "/api/sims", "/api/orders", "/api/support/cases", "/api/commands",
)  # fmt: skip
PAGES = ("/api/me", "/api/dashboard", "/api/payment-methods", *LISTS)
CASE = COMMANDS["open_case"]
CHANGES = {name: each for name, each in COMMANDS.items() if not each.approved}
MAY: Mapping[str, Sequence[str]] = {name: getattr(kinds, name.upper()).roles for name in CHANGES}
THINGS = {
    "/api/sims/": "sims", "/api/support/cases/": "support_cases", "/api/subscriptions/": "subscriptions",
    "/api/invoices/": "invoices", "/api/orders/": "orders",
}  # fmt: skip


@dataclass
class Somebody:
    """A person. `roles`: of each customer they may act for; `customer`: the one they act for now."""

    id: UUID
    email: str
    roles: dict[UUID, AccountRole]
    customer: UUID
    token: str = ""
    cookie: str = ""

    @property
    def role(self) -> AccountRole:
        return self.roles[self.customer]


def people_of(url: str, customers: Sequence[UUID]) -> list[Somebody]:
    """An owner, and somebody of each lesser role by turns, of each customer. The owner also reads the next one's."""
    found = []
    lesser = cycle(ROLES[1:])
    with psycopg.connect(url) as connection:
        for customer, neighbour in zip(customers, [*customers[1:], customers[0]], strict=True):
            for roles in (
                {customer: ROLES[0], neighbour: "read_only"},
                {customer: next(lesser)},
                {customer: next(lesser)},
            ):
                person = Somebody(uuid4(), f"{uuid4().hex}@example.com", roles, customer)
                connection.execute(
                    "INSERT INTO auth.users (id, email, password_hash) VALUES (%s, %s, %s)",
                    [person.id, person.email, HASHED],
                )
                for each, role in roles.items():
                    connection.execute(
                        "INSERT INTO auth.memberships (user_id, customer_id, role) VALUES (%s, %s, %s)",
                        [person.id, each, role],
                    )
                found.append(person)
    return found


@dataclass
class Mix:
    """`owner_of`: whose each row is. `wrong`: what somebody was shown, or could do, that is not theirs.

    streams: for live streams, so that they take no connection that others wait for.
    """

    client: httpx.AsyncClient
    streams: httpx.AsyncClient
    people: list[Somebody]
    owner_of: dict[UUID, UUID]
    things: Mapping[str, Sequence[UUID]]
    chance: Random
    wrong: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    shown: list[tuple[UUID, UUID, str]] = field(default_factory=list)
    commands: dict[UUID, UUID] = field(default_factory=dict)
    tags: dict[str, UUID] = field(default_factory=dict)
    cursors: list[str] = field(default_factory=list)
    positions: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def ask(self, requests: int) -> None:
        """So many requests, each by somebody who does nothing else meanwhile."""
        idle, left = list(self.people), iter(range(requests))

        async def one_after_another() -> None:
            for _ in left:
                person = idle.pop(self.chance.randrange(len(idle)))
                await self._any(person)
                idle.append(person)

        await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))

    async def log_in(self) -> None:
        for person in self.people:
            answer = await self.client.post("/auth/login", json={"email": person.email, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            # Whoever has two accounts and never chose one is given either.
            person.customer = UUID(answer.json()["data"]["customer"])
            self._entered(person, answer)

    async def _any(self, person: Somebody) -> None:
        ways: Sequence[tuple[int, Callable[[Somebody], Awaitable[None]]]] = (
            (40, self._read), (25, self._look_at), (25, self._change),
            (4, self._refresh), (3, self._who), (3, self._switch), (5, self._listen),
        )  # fmt: skip
        (way,) = self.chance.choices([each for _, each in ways], [weight for weight, _ in ways])
        await way(person)

    async def _read(self, person: Somebody) -> None:
        """A list, from where somebody else's ended, for somebody who knows what somebody else does."""
        address, query, headers = self.chance.choice(PAGES), {}, {}
        if address in LISTS:
            query["limit"] = str(self.chance.choice((1, 2, 25)))
            if self.cursors and self.chance.random() < 0.3:
                query["cursor"] = self.chance.choice(self.cursors)
        if self.tags and self.chance.random() < 0.4:
            own = [tag for tag, customer in self.tags.items() if customer == person.customer]
            headers["if-none-match"] = self.chance.choice([*own[-1:], self.chance.choice(list(self.tags))])
        answer = await self._sent(person, "GET", address, headers, params=query)
        if answer.status_code == 304 and self.tags.get(answer.headers["etag"]) != person.customer:
            self.wrong.append(f"{address}: nothing new since what another customer was shown")
        if answer.status_code == 200:
            if tag := answer.headers.get("etag"):
                self.tags[tag] = person.customer
            if following := answer.json().get("page", {}).get("next"):
                self.cursors.append(following)

    async def _look_at(self, person: Somebody) -> None:
        """One thing, most often somebody else's."""
        start, kind = self.chance.choice(list(THINGS.items()))
        wanted = self._thing(kind, person)
        answer = await self._sent(person, "GET", f"{start}{wanted}")
        if (answer.status_code == 200) != (self.owner_of.get(wanted) == person.customer):
            self.wrong.append(
                f"{start}{wanted}: {answer.status_code} for {person.customer}, it is {self.owner_of.get(wanted)}'s"
            )

    async def _change(self, person: Somebody) -> None:
        """Something to be done, with a key that somebody used before, to what is somebody else's."""
        name = self.chance.choice(list(CHANGES))
        request = CHANGES[name]
        kind = next((kind for start, kind in THINGS.items() if request.path.startswith(f"{start}{{}}")), None)
        subject = None if kind is None else self._thing(kind, person)
        if not self.keys or self.chance.random() < 0.7:
            self.keys.append(uuid4().hex)
        headers = {"idempotency-key": self.chance.choice(self.keys[-50:])}
        body = request.body(self.chance.randrange(100))
        answer = await self._sent(person, request.method, request.path.format(subject), headers, json=body)
        if answer.status_code == 202:
            if person.role not in MAY[name]:
                self.wrong.append(f"{name} was accepted from {person.role}")
            if subject is not None and self.owner_of.get(subject) != person.customer:
                self.wrong.append(f"{name} was accepted for what is somebody else's")
            made = UUID(answer.json()["data"]["id"])
            if self.commands.setdefault(made, person.customer) != person.customer:
                self.wrong.append(f"{name}: another customer's command was shown for the same key")

    async def _refresh(self, person: Somebody) -> None:
        """With one's own cookie, and somebody else's access token beside it."""
        other = self.chance.choice(self.people)
        headers = {"authorization": f"Bearer {other.token}", "cookie": f"{NAME}={person.cookie}"}
        answer = await self.client.post("/auth/refresh", headers=headers)
        self.statuses[f"refresh {answer.status_code}"] += 1
        if answer.status_code == 200:
            self._entered(person, answer)

    async def _who(self, person: Somebody) -> None:
        """With one's own access token, and somebody else's cookie beside it."""
        other = self.chance.choice(self.people)
        answer = await self._sent(person, "GET", "/auth/me", {"cookie": f"{NAME}={other.cookie}"})
        if answer.status_code != 200 or answer.json()["data"]["id"] != str(person.id):
            self.wrong.append(f"/auth/me: {answer.status_code}, or another person")

    async def _switch(self, person: Somebody) -> None:
        """To one's own other account, or to somebody else's."""
        wanted = self.chance.choice([*person.roles, self.chance.choice(self.people).customer])
        answer = await self._sent(person, "POST", "/auth/switch", json={"customer": str(wanted)})
        if (answer.status_code == 200) != (wanted in person.roles):
            self.wrong.append(f"/auth/switch: {answer.status_code}")
        if answer.status_code == 200:
            person.customer = wanted
            self._entered(person, answer)

    async def _listen(self, person: Somebody) -> None:
        """From where somebody else's stream ended, until it tells of what the person asks for meanwhile."""
        headers = {"authorization": f"Bearer {person.token}"}
        if self.positions:
            headers["last-event-id"] = self.chance.choice(self.positions)
        async with self.streams.stream("GET", "/api/live", headers=headers) as answer:
            self.statuses[f"live {answer.status_code}"] += 1
            lines = answer.aiter_lines()
            await anext(lines)  # its first sign of life: from now on it misses nothing
            asked = await self._sent(
                person, "POST", "/api/support/cases", {"idempotency-key": uuid4().hex}, json=CASE.body(0)
            )
            if asked.status_code != 202:
                return
            command = asked.json()["data"]["id"]
            self.commands[UUID(command)] = person.customer
            async for line in lines:
                key, _, value = line.partition(": ")
                if key == "id":
                    self.positions.append(value)
                elif key == "data" and (found := json.loads(value).get("id")):
                    self.shown.append((person.customer, UUID(found), "/api/live"))
                    if found == command:
                        return

    def _thing(self, kind: str, person: Somebody) -> UUID:
        if self.chance.random() < 0.6:
            return self.chance.choice(self.things[kind])
        own = [each for each in self.things[kind] if self.owner_of.get(each) == person.customer]
        return self.chance.choice(own or self.things[kind])

    async def _sent(
        self, person: Somebody, method: str, address: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        own = {"authorization": f"Bearer {person.token}", **(headers or {})}
        answer = await self.client.request(method, address, headers=own, **more)
        self.statuses[f"{method} {answer.status_code}"] += 1
        if answer.status_code in {401, 500, 502, 503}:
            self.wrong.append(f"{method} {address}: {answer.status_code}")
        if address.startswith("/api/") and answer.status_code in {200, 202}:
            self.shown += [(person.customer, UUID(found), address) for found in ID.findall(answer.text)]
        return answer

    def _entered(self, person: Somebody, answer: httpx.Response) -> None:
        person.token = answer.json()["data"]["accessToken"]
        if found := answer.headers.get("set-cookie"):
            person.cookie = found.partition(";")[0].removeprefix(f"{NAME}=")
        claims = jwt.decode(person.token, options={"verify_signature": False})
        said = UUID(claims["sub"]), UUID(claims["customer"]), claims["role"]
        if said != (person.id, person.customer, person.role):
            self.wrong.append(f"a token says {json.dumps([str(each) for each in said])}")
