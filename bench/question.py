"""The API's question for a list of invoices, as a script for pgbench: the same statements in one pipeline."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from read_api.billing.controller import LISTINGS
from read_api.http.lists import LAST_ID
from read_api.store.database import SPEAK_FOR
from read_api.store.questions import Question

ROWS = 25
PLACE = re.compile(r"\$(\d+)")
COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


def script(customers: int) -> str:
    """A transaction as the API runs it, for one of that many customers of bench/fill.sql.

    What differs between requests of the API is a parameter here (the customer); the rest, which the API sends as
    parameters too, stands in the text: if anything that helps pgbench.
    """
    question = LISTINGS["-issueDate"].question
    who = {"customer": "md5('customer' || :n)::uuid::text", "datasets": "'{whmcs.invoices}'"}
    asked = {
        "status": "NULL",
        "issued_from": "NULL",
        "issued_to": "NULL",
        "today": f"'{datetime.now(UTC).date().isoformat()}'",
        "after": "'infinity'",
        "after_id": f"'{LAST_ID}'",
        "rows": str(ROWS + 1),
    }
    lines = (
        f"\\set n random(1, {customers})",
        "\\startpipeline",
        _with(SPEAK_FOR, who),
        _with(question, asked),
        "\\endpipeline",
    )
    return "\n".join(lines) + "\n"


def _with(question: Question, values: Mapping[str, str]) -> str:
    text = COMMENT.sub("", question.sql.decode())
    given = [*(values[name] for name in question.parameters), "'0123456789abcdef'"]  # and the request's nonce
    filled = PLACE.sub(lambda place: given[int(place[1]) - 1], text)
    return f"{filled.strip()};"
