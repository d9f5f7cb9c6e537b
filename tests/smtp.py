"""An e-mail server for tests: a real one (aiosmtpd) in a thread, which takes what comes or does what it is told."""

import asyncio
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Any, Self, cast

from aiosmtpd.smtp import SMTP

# Tests name recipients at domains that no e-mail goes to, ever.


@dataclass
class MailServer:
    """What came, and what to do with the next that comes; leaving the context ends it.

    recipients: what is answered to a recipient instead of being taken. data: what is answered to whole messages, one
    after the other, instead of being taken; `die`: the message is taken, but the connection breaks before the answer.
    is_silent: the server takes connections and says nothing to those who greet it.
    """

    options: dict[str, Any] = field(default_factory=dict)
    recipients: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    is_silent: bool = False
    raw: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def received(self) -> list[EmailMessage]:
        return [cast("EmailMessage", message_from_bytes(each, policy=default)) for each in self.raw]

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=[self._serve(started)], name="smtp")
        self._thread.start()
        started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(
            lambda: SMTP(self, loop=self._loop, hostname="mail.test", **self.options), "127.0.0.1", 0
        )
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._stopped.wait()
        server.close()

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names, and what it hands over
        self, _server: SMTP, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        if self.is_silent:
            await asyncio.Event().wait()
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if address in self.recipients:
            return self.recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.data.pop(0) if self.data else "250 taken"
        if answer == "die" or answer.startswith("250"):
            self.raw.append(envelope.content)
        if answer == "die":
            server.transport.abort()
        return answer.replace("die", "250 taken")
