"""How messages leave: by an e-mail server, or in development as files in a folder."""

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

from core.errors import HubError, safe
from core.settings import HubSettings, MailSettings, require_mail

MOST_REASON_CHARACTERS = 200
ADDRESS = re.compile(r"\S+@\S+")


class SendingError(HubError):
    """A message was not sent. `code`: what may be logged of why; the server's words may name people."""

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(f"{code} {words}".strip()[:MOST_REASON_CHARACTERS])
        self.code = code


class DownError(SendingError):
    """Nothing can be sent now, whatever the message: no server, or it does not let us in."""


class RefusedError(SendingError):
    """The server refuses this message, and would do so again."""


class NotTakenError(SendingError):
    """This message was not taken, or whether it was is not known: it is to be sent again, the same."""


class Delivery(Protocol):
    """What messages can be handed to, one after the other."""

    def send(self, letter: EmailMessage) -> None:
        """Return once the message was taken.

        Raises:
            DownError, RefusedError, NotTakenError.
        """


class Transport(Protocol):
    """A way to send messages."""

    @contextmanager
    def opened(self) -> Iterator[Delivery]:
        """Raises DownError."""


def transport_of(hub: HubSettings, mail: MailSettings) -> Transport | None:
    """The way that the settings name; None: there is none, so messages wait.

    Raises:
        SettingsError: it is not one that may be used.
    """
    require_mail(hub, mail)
    if mail.smtp_host is not None:
        return Smtp(mail)
    return Folder(hub.home / "mail") if hub.hub_mode == "development" else None


class Smtp:
    """The e-mail server of the settings."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    @contextmanager
    def opened(self) -> Iterator[Delivery]:
        try:
            server = self._connected()
        # Those of ours and of values: a password that cannot be read or sent, a name that can be no server's.
        except (OSError, smtplib.SMTPException, ValueError, HubError) as error:
            raise DownError(*_reason(error)) from error
        try:
            yield _SmtpDelivery(server)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        host, port, timeout = settings.smtp_host or "", settings.smtp_port, settings.smtp_timeout_seconds
        context = ssl.create_default_context()
        if settings.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=timeout)
        try:
            if settings.smtp_security == "starttls":
                # Raises where the server does not offer it: never on without.
                server.starttls(context=context)
            # Now, not with the first message: a server that does not answer this answers nobody.
            server.ehlo_or_helo_if_needed()
            if settings.smtp_user is not None:
                server.login(settings.smtp_user, settings.password or "")
        except BaseException:
            server.close()
            raise
        return server


class _SmtpDelivery:
    def __init__(self, server: smtplib.SMTP) -> None:
        self._server = server

    def send(self, letter: EmailMessage) -> None:
        to = letter["To"].addresses[0].addr_spec
        try:
            self._server.sendmail(letter["From"].addresses[0].addr_spec, [to], letter.as_bytes())
        except smtplib.SMTPRecipientsRefused as error:
            _refused(*error.recipients[to])
        except smtplib.SMTPDataError as error:
            _refused(error.smtp_code, error.smtp_error)
        except smtplib.SMTPSenderRefused as error:
            raise DownError(*_reason(error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotTakenError(*_reason(error)) from error


def _refused(code: int, words: bytes | str) -> None:
    # RFC 5321, 4.2.1: 5yz is for good, 4yz for now.
    raise (RefusedError if code >= 500 else NotTakenError)(str(code), _text(words))


def _reason(error: Exception) -> tuple[str, str]:
    """What happened: a code, and the server's words where it said some; none of a library's."""
    if isinstance(error, smtplib.SMTPResponseException):
        return str(error.smtp_code), _text(error.smtp_error)
    return safe(error), ""


def _text(words: bytes | str) -> str:
    """In one line, and without addresses: servers repeat them, spelled as they like."""
    text = words.decode("ascii", "replace") if isinstance(words, bytes) else words
    return ADDRESS.sub("<address>", " ".join(text.split()))


class Folder:
    """A folder of .eml files; the same message again is the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def opened(self) -> Iterator[Delivery]:
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DownError(f"no folder can be made: {error.strerror}") from error
        yield self

    def send(self, letter: EmailMessage) -> None:
        name = str(letter["Message-ID"]).strip("<>").partition("@")[0]
        unfinished = self._path / f".{name}"
        try:
            unfinished.touch(mode=0o600)
            unfinished.write_bytes(letter.as_bytes())
            unfinished.replace(self._path / f"{name}.eml")
        except OSError as error:
            raise DownError(f"no file can be written: {error.strerror}") from error
