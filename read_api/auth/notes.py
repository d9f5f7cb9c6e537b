"""What the audit is told of those who were not let in; the rest, the database's functions write down themselves."""

import msgspec

from read_api.auth.entering import Client
from read_api.store.database import Database
from read_api.store.questions import Question

NOTE = Question("auth/note")


async def note(database: Database, action: str, client: Client, person: str | None, **details: str) -> None:
    """Add an entry. `person`: whom it was about, where that is known."""
    values = {
        "actor": "anybody", "action": action, "record": None if person is None else f"user:{person}",
        "address": client.address, "details": msgspec.json.encode(details).decode(),
    }  # fmt: skip
    await database.tell(NOTE, values)
