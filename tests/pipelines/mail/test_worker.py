"""Sending what is stored, by a real e-mail server.

The promise. A message is sent if and only if what it tells of was committed, and once in effect: where it must be sent
again, because nobody knows whether it was taken, it is the same message by its Message-ID. What a server refuses for
good is dead with its reason, what it refuses for now is tried again, later each time; while none answers, messages
wait. What lets somebody in is kept until the message was sent, and no longer.
"""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
import structlog
from aiosmtpd.smtp import AuthResult

from core.settings import HubSettings, MailSettings
from pipelines.mail.transports import Delivery, DownError, Folder, Smtp, transport_of
from pipelines.mail.worker import Postman
from sandbox.certificates import write_certificate
from tests.builders import insert
from tests.conftest import Database
from tests.pipelines.mail.conftest import settings_for
from tests.smtp import MailServer
from tests.waiting import until

Session = psycopg.Connection[Any]


def posted(owner: Session, email: str = "taro@example.com", **secret: str) -> Any:
    """The id of a message to a new person."""
    person = insert(owner, "auth.users", email=email, language="en")["id"]
    template, facts = ("welcome", '{"hours": 24}') if secret else ("person_unlocked", "{}")
    kept = psycopg.types.json.Jsonb(secret) if secret else None
    ((message,),) = owner.execute("SELECT auth.post(%s, %s, %s, %s)", [person, template, facts, kept]).fetchall()
    return message


def stored(owner: Session, what: str = "state") -> list[Any]:
    rows = owner.execute(b"SELECT %b FROM auth.messages ORDER BY posted_at, id" % what.encode()).fetchall()
    return [row[0] if len(row) == 1 else row for row in rows]


def later(owner: Session, by: str = "1 hour") -> None:
    """So much time goes by for whatever waits."""
    owner.execute(
        "UPDATE auth.messages SET due_at = due_at - %(by)s::interval, lease_until = lease_until - %(by)s::interval",
        {"by": by},
    )


def sent_by(settings: MailSettings, sync: Session) -> int:
    return Postman(settings, Smtp(settings), "").send_due(sync)


def test_what_is_stored_is_sent_to_whom_it_is_for(
    owner: Session, sync: Session, server: MailServer, settings: MailSettings
) -> None:
    message = posted(owner)

    assert sent_by(settings, sync) == 1

    (received,) = server.received
    assert (received["To"], received["Subject"]) == ("taro@example.com", "Your log-in is open again")
    assert received["Message-ID"] == f"<{message}@example.com>"
    assert stored(owner, "state, reason, lease_until") == [("sent", None, None)]
    later(owner)
    assert sent_by(settings, sync) == 0


def test_what_did_not_happen_is_not_told(
    database: Database, sync: Session, server: MailServer, settings: MailSettings
) -> None:
    with psycopg.connect(database.owner) as connection:
        posted(connection)
        connection.rollback()

    assert sent_by(settings, sync) == 0
    assert server.raw == []


# -- what servers do ---------------------------------------------------------------------------------------------------


def test_a_recipient_that_is_refused_for_good_holds_up_nobody(
    owner: Session, sync: Session, server: MailServer, settings: MailSettings
) -> None:
    server.recipients["gone@example.com"] = "550 5.1.1 <GONE@Example.com> is unknown here"
    posted(owner, "gone@example.com", token="t0ken")
    posted(owner)

    with structlog.testing.capture_logs() as log:
        assert sent_by(settings, sync) == 1
    assert sorted(str(each["reason"]) for each in log) == ["550", "None"]

    assert [each["To"] for each in server.received] == ["taro@example.com"]
    assert sorted(stored(owner, "state, reason, secret")) == [
        ("dead", "550 5.1.1 <address> is unknown here", None),
        ("sent", None, None),
    ]


def test_what_is_refused_for_now_is_tried_again_later_each_time_and_some_day_no_more(
    owner: Session, sync: Session, server: MailServer, settings: MailSettings
) -> None:
    server.recipients["taro@example.com"] = "450 4.2.0 greylisted"
    posted(owner)

    pauses = []
    for _ in range(12):
        assert sent_by(settings, sync) == 0
        # Not before its time.
        assert sent_by(settings, sync) == 0
        pauses += stored(owner, "round(extract(epoch FROM due_at - clock_timestamp()) / 30)::integer")
        later(owner)

    assert pauses[:9] == [1, 2, 4, 8, 16, 32, 64, 120, 120]
    assert sent_by(settings, sync) == 0
    assert stored(owner, "state, attempts, reason") == [("dead", 12, "tried too often; before: 450 4.2.0 greylisted")]
    assert server.raw == []


def test_a_message_that_is_refused_as_a_whole_is_treated_alike(
    owner: Session, sync: Session, server: MailServer, settings: MailSettings
) -> None:
    server.data = ["451 4.3.0 try again", "554 5.7.1 looks like advertising"]
    posted(owner)

    sent_by(settings, sync)
    assert stored(owner, "state, reason") == [("waiting", "451 4.3.0 try again")]
    later(owner)
    sent_by(settings, sync)

    assert stored(owner, "state, reason") == [("dead", "554 5.7.1 looks like advertising")]


def test_a_message_whose_answer_was_lost_is_sent_again_as_the_same(
    owner: Session, sync: Session, server: MailServer, settings: MailSettings
) -> None:
    server.data = ["die"]
    posted(owner)
    posted(owner, "hana@example.com")

    # The other one goes over a new connection.
    assert sent_by(settings, sync) == 1
    later(owner)
    assert sent_by(settings, sync) == 1

    first, other, again = server.received
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert first.as_string().count("Date: ") == 1
    assert first["Date"] == again["Date"]
    assert stored(owner) == ["sent", "sent"]


def test_while_a_server_says_nothing_messages_wait_and_no_try_is_counted(
    owner: Session, sync: Session, server: MailServer
) -> None:
    impatient = settings_for(server, smtp_timeout_seconds=0.1)
    posted(owner)
    server.is_silent = True

    # Oftener than a message is tried that is refused for now.
    for _ in range(13):
        with pytest.raises(DownError, match=r"TimeoutError|SMTPServerDisconnected"):
            sent_by(impatient, sync)
    assert stored(owner, "state, attempts") == [("waiting", 0)]
    server.is_silent = False

    assert sent_by(settings_for(server), sync) == 1


def test_while_there_is_no_server_messages_wait(owner: Session, sync: Session, server: MailServer) -> None:
    posted(owner)
    nowhere = settings_for(server, smtp_port=9)

    with pytest.raises(DownError, match="ConnectionRefusedError"):
        sent_by(nowhere, sync)

    assert stored(owner, "state, reason") == [("waiting", "ConnectionRefusedError")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_user": "hub", "smtp_password": "p\u00e4ssword"},
        {"smtp_user": "hub", "smtp_password_file": Path("/nowhere")},
        {"smtp_host": "smtp..example.com"},
    ],
    ids=["a password that cannot be sent", "one that cannot be read", "a name that can be no server's"],
)
def test_while_a_setting_is_wrong_messages_wait_and_no_try_is_counted(
    owner: Session, sync: Session, wrong: dict[str, Any]
) -> None:
    posted(owner)

    with MailServer({"auth_require_tls": False}) as server, pytest.raises(DownError):
        sent_by(settings_for(server, **wrong), sync)

    assert stored(owner, "state, attempts") == [("waiting", 0)]


# -- once in effect ----------------------------------------------------------------------------------------------------


class Died(BaseException):
    """The process ended here."""


class Mortal:
    """An e-mail server, after whose first "250" the process that sent dies."""

    def __init__(self, settings: MailSettings) -> None:
        self._smtp = Smtp(settings)

    @contextmanager
    def opened(self) -> Iterator[Delivery]:
        with self._smtp.opened() as delivery:
            self._delivery = delivery
            yield self

    def send(self, letter: EmailMessage) -> None:
        self._delivery.send(letter)
        raise Died


def test_who_dies_between_the_servers_word_and_the_mark_leaves_the_same_message_to_be_sent_again(
    owner: Session, sync: Session, server: MailServer, settings: MailSettings
) -> None:
    posted(owner, token="t0ken")
    with pytest.raises(Died):
        Postman(settings, Mortal(settings), "").send_due(sync)

    # Nobody takes it while the one who died might still be at it.
    assert sent_by(settings, sync) == 0
    later(owner)
    assert sent_by(settings, sync) == 1

    first, again = server.received
    assert first["Message-ID"] == again["Message-ID"]
    assert stored(owner, "state, attempts, secret") == [("sent", 2, None)]


def test_who_was_thought_dead_does_not_undo_what_another_did(owner: Session, sync: Session) -> None:
    message = posted(owner)
    claims = []
    for _ in range(2):
        claims += sync.execute("SELECT claim FROM auth.claim_message('1 minute')").fetchall()
        later(owner)
    (slow,), (quick,) = claims

    def ended(claim: int, outcome: str) -> Any:
        return sync.execute("SELECT auth.end_claim(%s, %s, %s, NULL)", [message, claim, outcome]).fetchone()

    # Neither while the other is at it, nor after.
    assert [ended(slow, "refused"), ended(quick, "sent"), ended(slow, "again")] == [(False,), (True,), (False,)]
    assert stored(owner) == ["sent"]


def test_many_workers_send_each_message_once(
    database: Database, owner: Session, server: MailServer, settings: MailSettings
) -> None:
    for number in range(40):
        posted(owner, f"{number}@example.com")

    def work(_: int) -> int:
        with psycopg.connect(database.sync, autocommit=True) as session:
            return sent_by(settings, session)

    with ThreadPoolExecutor(4) as workers:
        assert sum(workers.map(work, range(4))) == 40
    assert len({each["To"] for each in server.received}) == len(server.raw) == 40


def test_a_worker_sends_what_comes_and_outlives_a_server_that_is_away(
    database: Database, owner: Session, server: MailServer, settings: MailSettings
) -> None:
    stopped = Event()
    postman = Postman(settings, Smtp(settings), database.sync)
    with ThreadPoolExecutor(1) as workers:
        work = workers.submit(postman.follow, stopped)
        try:
            server.recipients["gone@example.com"] = "421 4.3.2 going down"
            posted(owner, "gone@example.com")
            until(lambda: stored(owner, "reason") == ["421 4.3.2 going down"])
            posted(owner)
            until(lambda: len(server.raw) == 1)
        finally:
            stopped.set()
        work.result(30)


# -- what is of no use any more ----------------------------------------------------------------------------------------


def test_a_code_that_has_ended_is_not_sent_and_not_kept(
    owner: Session, sync: Session, server: MailServer, settings: MailSettings
) -> None:
    posted(owner, token="t0ken")
    owner.execute("UPDATE auth.messages SET useful_until = now()")

    assert sent_by(settings, sync) == 0
    assert stored(owner, "state, secret, reason") == [("dead", None, "too late to be of use")]


def test_what_cannot_be_written_is_dead_and_says_which_template(
    owner: Session, sync: Session, server: MailServer, settings: MailSettings
) -> None:
    posted(owner)
    owner.execute("UPDATE auth.messages SET template = 'unheard_of'")
    posted(owner, "hana@example.com")

    assert sent_by(settings, sync) == 1
    assert stored(owner, "state, reason")[0] == ("dead", "unheard_of: TemplateNotFound")


# -- ways out ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1, and the context of a server that shows it."""
    pem, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_certificate(pem, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return pem, context


def trusting(monkeypatch: pytest.MonkeyPatch, pem: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pem)
    monkeypatch.setattr(ssl, "create_default_context", lambda: context)


def test_a_server_is_logged_in_to_once_nobody_can_listen(
    owner: Session, sync: Session, certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    logins: list[tuple[bytes, bytes]] = []

    def authenticator(_server: Any, session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        logins.append((data.login, data.password))
        return AuthResult(success=session.ssl is not None)

    pem, context = certificate
    trusting(monkeypatch, pem)
    options = {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": authenticator}
    posted(owner)
    with MailServer(options) as server:
        settings = settings_for(server, smtp_security="starttls", smtp_user="hub", smtp_password="s3cret")
        assert sent_by(settings, sync) == 1

    assert logins == [(b"hub", b"s3cret")]


@pytest.mark.parametrize("is_offered", [False, True])
def test_where_the_connection_cannot_be_trusted_nothing_is_sent(
    owner: Session, sync: Session, certificate: tuple[Path, ssl.SSLContext], is_offered: bool
) -> None:
    posted(owner, token="t0ken")
    options = {"tls_context": certificate[1]} if is_offered else {}
    with MailServer(options) as server:
        settings = settings_for(server, smtp_security="starttls")
        with pytest.raises(DownError):
            sent_by(settings, sync)

    assert server.raw == []
    assert stored(owner, "state, secret") == [("waiting", {"token": "t0ken"})]


def test_in_development_messages_lie_in_a_folder_for_their_owner_alone(
    owner: Session, sync: Session, tmp_path: Path
) -> None:
    message = posted(owner)
    settings = MailSettings()
    transport = transport_of(HubSettings(hub_mode="development", hub_home=tmp_path), settings)
    assert isinstance(transport, Folder)

    Postman(settings, transport, "").send_due(sync)

    (file,) = (tmp_path / "mail").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (f"{message}.eml", 0o600)
    assert b"\r\nTo: taro@example.com\r\n" in file.read_bytes()


def test_in_production_without_a_server_nothing_is_sent(tmp_path: Path) -> None:
    assert transport_of(HubSettings(hub_mode="production", hub_home=tmp_path), MailSettings()) is None
