"""What messages say.

The promise. Every message is written in both languages, as plain text and as HTML that says the same. What is filled in
is text and nothing else: no header, no paragraph, no element, no link of its own.
"""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from core.settings import MailSettings
from pipelines.mail import letters
from pipelines.mail.letters import LetterError, Message, device_of, written

ROOT = Path(letters.__file__).parents[2]
TEMPLATES = Path(letters.__file__).parent / "templates"
SETTINGS = MailSettings(
    smtp_host="mail.example.com", mail_from="Example Mobile <no-reply@example.com>",
    portal_url="https://portal.example.com/",
)  # fmt: skip
NOON = datetime(2026, 4, 1, 3, tzinfo=UTC)
ID = UUID("0b9ee7c5-0000-4000-8000-000000000000")
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAMPLES: dict[str, dict[str, Any]] = {
    "email_change": {"minutes": 30, "token": "t0ken"},
    "email_change_requested": {},
    "email_changed": {},
    "email_wanted": {},
    "factor_changed": {"what": "code_used", "left": 3},
    "invitation": {"account": "Acme", "inviter": "hana@example.com", "days": 7, "token": "t0ken"},
    "log_in_code": {"code": "012345", "minutes": 10, "device": FIREFOX},
    "login_limited": {"address": "192.0.2.1"},
    "member_changed": {"what": "added", "account": "Acme", "email": "ken@example.com", "role": "billing"},
    "password_changed": {"passkeys": 1},
    "password_link": {"minutes": 30, "token": "t0ken"},
    "password_withdrawn": {"hours": 24, "token": "t0ken"},
    "person_locked": {"until": None},
    "person_unlocked": {},
    "sign_up_code": {"minutes": 10, "code": "123456"},
    "signed_up": {},
    "session_reused": {"device": FIREFOX, "began_at": "2026-03-31T15:00:00+00:00"},
    "welcome": {"hours": 24, "token": "t0ken"},
}


def letter(template: str, language: str = "en", email: str = "taro@example.com", **facts: Any) -> EmailMessage:
    """As it is read by whoever gets it."""
    message = Message(ID, template, language, email, SAMPLES.get(template, {}) | facts, NOON)
    return cast("EmailMessage", message_from_bytes(written(message, SETTINGS).as_bytes(), policy=default))


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None, f"there is no {kind} part"
    return str(found.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("template", sorted(SAMPLES))
def test_each_message_is_written_in_both_languages_and_both_forms(template: str, language: str) -> None:
    found = letter(template, language)

    assert found.get_content_type() == "multipart/alternative"
    text, html = part(found, "plain"), part(found, "html")
    paragraphs = text.strip().split("\n\n")
    shown = re.sub(r"<[^>]+>", "", html.partition("<body")[2]).replace("&#34;", '"').replace("&#39;", "'")
    assert len(paragraphs) >= 2
    assert all(each in shown and "\n" not in each for each in paragraphs)
    assert all(left not in text + html for left in ("None", "{{", "{%", "Undefined"))
    assert bool(re.search("[ぁ-ん]", found["Subject"] + text)) == (language == "ja")


def test_there_is_a_sample_of_each_template_and_a_template_of_all_that_is_posted() -> None:
    posting = (*(ROOT / "sql/objects").glob("auth*.sql"), ROOT / "cli/verbs/user.py")
    code = "\n".join(path.read_text() for path in posting)
    posted = re.findall(r"(?:auth\.post\w*|_send_link)\([^'\"]*?,\s*['\"](\w+)['\"]", code)

    assert {path.name for path in TEMPLATES.glob("*.txt")} == {
        f"{name}.{language}.txt" for name in SAMPLES for language in ("en", "ja")
    }
    assert set(posted) == set(SAMPLES)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("on", "switched on"),
        ("off", "switched off"),
        ("app_off", "authenticator app of your log-in was switched off"),
        ("passkey_on", "passkey was added"),
        ("passkey_off", "passkey of your log-in was removed"),
        ("codes_renewed", "new recovery codes"),
        ("code_used", "3 are left"),
    ],
)
def test_another_second_factor_is_told_of_as_what_it_is(what: str, said: str) -> None:
    found = letter("factor_changed", what=what)

    assert said in part(found, "plain")
    assert "\n" not in found["Subject"]


@pytest.mark.parametrize(("language", "word"), [("en", "Passkeys"), ("ja", "パスキー")])
def test_another_password_takes_no_passkey_away_and_where_there_are_some_that_is_said(language: str, word: str) -> None:
    # What waits from before an upgrade does not say how many.
    unknown = Message(ID, "password_changed", language, "taro@example.com", {}, NOON)

    assert word in part(letter("password_changed", language, passkeys=2), "plain")
    assert word not in part(letter("password_changed", language, passkeys=0), "plain")
    assert word not in part(written(unknown, SETTINGS), "plain")


def test_a_message_says_whom_it_is_from_and_is_answered_by_no_machine() -> None:
    found = letter("password_changed")

    assert (found["From"], found["To"]) == ("Example Mobile <no-reply@example.com>", "taro@example.com")
    assert found["Message-ID"] == f"<{ID}@example.com>"
    assert found["Date"].datetime == NOON
    assert found["Auto-Submitted"] == "auto-generated"


def test_what_is_sent_has_seven_bits_and_no_long_line() -> None:
    sent = written(Message(ID, "login_limited", "ja", "a@example.com", {"address": "::1"}, NOON), SETTINGS).as_bytes()

    assert max(sent) < 128
    assert max(map(len, sent.split(b"\r\n"))) <= 998


def test_a_link_leads_to_the_portal_and_keeps_its_token_from_servers() -> None:
    found = letter("password_link")

    # What follows # is not sent to whoever serves the page, nor told to other sites by Referer.
    address = "https://portal.example.com/reset-password#token=t0ken"
    assert f"\n\n{address}\n\n" in part(found, "plain")
    assert f'<a href="{address}">{address}</a>' in part(found, "html")


def test_moments_are_those_of_the_readers_clock() -> None:
    text = part(letter("person_locked", until="2026-04-02T03:00:00+00:00"), "plain")

    assert "2026-04-01 12:00 JST" in text
    assert "2026-04-02 12:00 JST" in text


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "1.2.3.4\n\nhttps://evil.example/\n\n",
        "1.2.3.4\r\nBcc: everybody@example.com\r\n\r\n",
        "{{ token }}",
        '"><a href="https://evil.example/">',
    ],
)
def test_what_is_filled_in_is_text_and_nothing_else(evil: str) -> None:
    usual, found = letter("login_limited"), letter("login_limited", address=evil)

    assert list(found.keys()) == list(usual.keys())
    text, html = part(found, "plain"), part(found, "html")
    assert len(text.split("\n\n")) == len(part(usual, "plain").split("\n\n"))
    assert (html.count("<"), html.count("<a ")) == (part(usual, "html").count("<"), 1)


@pytest.mark.parametrize(
    ("template", "email", "facts"),
    [
        ("unheard_of", "taro@example.com", {}),
        ("../letters", "taro@example.com", {}),
        ("session_reused", "taro@example.com", {"began_at": "yesterday"}),
        ("password_changed", "taro@example.com, hana@example.com", {}),
        ("password_changed", "taro@example.com\nBcc: hana@example.com", {}),
        ("password_changed", "nobody", {}),
        ("password_changed", '"  a@[(', {}),
    ],
)
def test_what_cannot_be_written_is_not_sent(template: str, email: str, facts: dict[str, Any]) -> None:
    with pytest.raises(LetterError):
        letter(template, email=email, **facts)


def test_a_fact_that_is_missing_is_not_left_out() -> None:
    with pytest.raises(LetterError, match="login_limited"):
        written(Message(ID, "login_limited", "en", "taro@example.com", {}, NOON), SETTINGS)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (FIREFOX, "Firefox, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Linux"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
        ("call us at https://evil.example", ""),
        ("", ""),
    ],
)
def test_a_device_is_named_by_our_words_not_by_its_own(said: str, known: str) -> None:
    assert device_of(said) == known
