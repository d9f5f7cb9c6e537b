"""Sending what people are to be told: a thread of `hub apply`. Any number may run; each message is one's at a time.

A message is sent once in effect. It is taken with a lease, sent, and marked. Whoever dies between the server's "250"
and the mark leaves it to be sent again when the lease ends, with the same Message-ID: the second is told from the first
by every mail program that looks. The other order, mark first, would lose messages instead.
"""

from contextlib import ExitStack
from threading import Event
from typing import Any, Literal

import psycopg

from core.database import connect
from core.errors import HubError, safe
from core.logging import logger
from core.settings import MailSettings
from pipelines.mail.letters import LetterError, Message, written
from pipelines.mail.transports import Delivery, DownError, NotTakenError, RefusedError, SendingError, Transport
from pipelines.sync.surprises import surprise
from sql.statements import statement

log = logger(__name__)

CHANNEL = "hub_mail"
LONGEST_NAP_SECONDS = 5.0
"""What it takes at most to notice what nobody announced, such as a message whose next try is due."""
LEASE_SECONDS = 600.0
"""Longer than an e-mail server takes that answers within its patience at every step."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0

Outcome = Literal["sent", "refused", "again", "returned"]


class Postman:
    """Sends what is due. Everything it holds is made anew after the database or the e-mail server went away."""

    def __init__(self, settings: MailSettings, transport: Transport, database_url: str) -> None:
        self._settings = settings
        self._transport = transport
        self._database_url = database_url
        self._failures = 0

    def follow(self, stopped: Event) -> None:
        """Send what comes until `stopped`. Never raises."""
        while not stopped.is_set():
            try:
                with connect(self._database_url, name="mail") as connection:
                    connection.autocommit = True
                    connection.execute(f"LISTEN {CHANNEL}")
                    while not stopped.is_set():
                        self.send_due(connection)
                        self._failures = 0
                        for _ in connection.notifies(timeout=LONGEST_NAP_SECONDS, stop_after=1):
                            pass
            except DownError as error:
                log.warning("mail.server_down", error=error.code)
            except psycopg.OperationalError as error:
                log.warning("mail.database_gone", error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - a worker that dies of one message sends no other
                surprise(error, "mail.broken")
            stopped.wait(min(FIRST_WAIT_SECONDS * 2**self._failures, LONGEST_WAIT_SECONDS))
            self._failures = min(self._failures + 1, 6)

    def send_due(self, connection: psycopg.Connection[Any]) -> int:
        """Send what is due now, on a connection that commits each statement; how many messages were sent.

        Raises:
            DownError: nothing can be sent now; what was taken was given back.
            psycopg.OperationalError.
        """
        sent = 0
        with ExitStack() as stack:
            delivery: Delivery | None = None
            while taken := self._claim(connection):
                message, claim = taken
                outcome: Outcome = "sent"
                why: HubError | None = None
                try:
                    letter = written(message, self._settings)
                    delivery = delivery or stack.enter_context(self._transport.opened())
                    delivery.send(letter)
                    sent += 1
                except DownError as error:
                    self._end(connection, message, claim, "returned", error)
                    raise
                except (LetterError, RefusedError) as error:
                    outcome, why = "refused", error
                except NotTakenError as error:
                    # How far the conversation came is not known, so it is not gone on with.
                    outcome, why, delivery = "again", error, None
                    stack.close()
                self._end(connection, message, claim, outcome, why)
        return sent

    def _claim(self, connection: psycopg.Connection[Any]) -> tuple[Message, int] | None:
        row = connection.execute(statement("mail/claim"), {"seconds": LEASE_SECONDS}).fetchone()
        if row is None:
            return None
        message_id, claim, *rest = row
        return Message(message_id, *rest), claim

    def _end(
        self, connection: psycopg.Connection[Any], message: Message, claim: int, outcome: Outcome, why: HubError | None
    ) -> None:
        reason = None if why is None else safe(why)
        ended = {"message": message.id, "claim": claim, "outcome": outcome, "reason": reason}
        is_ours = connection.execute(statement("mail/end_claim"), ended).fetchone()
        level = log.info if outcome == "sent" else log.warning
        logged = why.code if isinstance(why, SendingError) else reason
        level(f"mail.{outcome}", message=str(message.id), template=message.template, reason=logged)
        if is_ours == (False,):
            log.warning("mail.lost", message=str(message.id))
