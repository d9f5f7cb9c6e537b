"""The mailbox page: what the hub would have sent, to look at and for nothing else."""

import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from sandbox.config import Config
from sandbox.server import RunningSandbox, start

PAGE = "__sandbox__/mail"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def mailbox(folder: Path) -> Iterator[httpx.Client]:
    with _started(folder) as sandbox, httpx.Client(base_url=sandbox.whmcs_url) as client:
        yield client


def _started(folder: Path | None) -> RunningSandbox:
    none = {f"{name}_port": 0 for name in ("salesforce", "salesforce_grpc", "whmcs", "freebit")}
    return start(Config(customers=1, mail_folder=folder, **none))  # type: ignore[arg-type]


def put(folder: Path, name: str, subject: str = "Hello", text: str = "a text", html: str = "<p>a page</p>") -> None:
    message = EmailMessage()
    message["To"], message["Subject"] = "taro@example.com", subject
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    (folder / f"{name}.eml").write_bytes(message.as_bytes())


def test_each_message_is_listed_and_shown_in_both_its_parts(mailbox: httpx.Client, folder: Path) -> None:
    put(folder, "one", "パスワード再設定のご案内")
    put(folder, "two")

    page = mailbox.get(PAGE)
    (name,) = re.findall(r'href="(\?message=one.eml)"', page.text)
    shown = mailbox.get(f"{PAGE}{name}").text

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "パスワード再設定のご案内" in page.text
    assert "Hello" in page.text
    assert "a text" in shown
    assert 'srcdoc="&lt;p&gt;a page&lt;/p&gt;' in shown


def test_nothing_of_a_message_runs(mailbox: httpx.Client, folder: Path) -> None:
    evil = "<script>alert(1)</script>\"'>"
    put(folder, "evil", evil, evil, evil)

    pages = [mailbox.get(PAGE), mailbox.get(f"{PAGE}?message=evil.eml")]

    assert all("<script" not in page.text for page in pages)
    assert all(page.headers["content-security-policy"].startswith("default-src 'none'") for page in pages)
    assert "<iframe sandbox srcdoc=" in pages[1].text


@pytest.mark.parametrize("name", ["nothing.eml", "../secret.eml", "/etc/passwd", "secret"])
def test_no_name_leads_out_of_the_folder(mailbox: httpx.Client, folder: Path, name: str) -> None:
    (folder / "secret").write_text("a secret")

    answer = mailbox.get(PAGE, params={"message": name})

    assert answer.status_code == 404
    assert "a secret" not in answer.text


def test_an_empty_mailbox_and_none_at_all_say_so(mailbox: httpx.Client) -> None:
    assert "No message yet" in mailbox.get(PAGE).text
    with _started(None) as sandbox:
        assert httpx.get(f"{sandbox.whmcs_url}/{PAGE}").status_code == 404


def test_pages_of_other_sites_do_not_read_it(mailbox: httpx.Client) -> None:
    assert mailbox.get(PAGE, headers={"origin": "https://evil.example"}).status_code == 403
    assert mailbox.get(PAGE, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert mailbox.post(PAGE).status_code == 404
