"""What messages say: templates in two languages, each filled in to a plain text and to HTML.

A file of templates/ is one message in one language: the first line is its subject, the paragraphs below are parted by
empty lines. HTML is made of the same paragraphs by page.html, so nothing is said in one part alone; a paragraph that is
an address becomes a link.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateError, select_autoescape

from core.errors import HubError
from core.settings import MailSettings, mailbox

# Seven bits, so that no server on the way must convert it, nor can break it.
FORM = SMTP.clone(cte_type="7bit")
PARAGRAPHS = re.compile(r"\n\s*\n")

BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "FxiOS": "Firefox", "CriOS": "Chrome",
            "Chrome": "Chrome", "Safari": "Safari"}  # fmt: skip
"""By what their User-Agent holds; the first that fits, as most say that they are Chrome or Safari, too."""
SYSTEMS = {"Windows": "Windows", "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Mac OS X": "macOS",
           "Linux": "Linux"}  # fmt: skip


class LetterError(HubError):
    """A message cannot be written: a template lacks a fact, or the address is none. Trying again will not help."""


@dataclass(frozen=True)
class Message:
    """A message as it is stored: what it says, to whom."""

    id: UUID
    template: str
    language: str
    email: str
    facts: Mapping[str, Any]
    posted_at: datetime


def written(message: Message, settings: MailSettings) -> EmailMessage:
    """The message as it is sent; the same again but for the borders of its parts.

    Raises:
        LetterError.
    """
    try:
        subject, paragraphs = _said(message, settings)
        html = (
            _environment()
            .get_template("page.html")
            .render(language=message.language, subject=subject, paragraphs=paragraphs)
        )
        letter = EmailMessage(policy=FORM)
        # Nothing of these can end a header's line and begin another: EmailMessage refuses it.
        letter["From"] = settings.sender
        letter["To"] = mailbox(message.email)
        letter["Subject"] = subject
    except (TemplateError, ValueError, TypeError, KeyError) as error:
        raise LetterError(f"{message.template}: {type(error).__name__}") from error
    letter["Date"] = format_datetime(message.posted_at)
    letter["Message-ID"] = f"<{message.id}@{settings.sender.domain}>"
    # RFC 3834: so that nobody's holiday answers it.
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content("\n\n".join(paragraphs) + "\n")
    letter.add_alternative(html, subtype="html")
    return letter


def _said(message: Message, settings: MailSettings) -> tuple[str, list[str]]:
    """Subject and paragraphs."""
    zone = ZoneInfo(settings.mail_timezone)
    given = {name: _moment(value, zone) if name == "until" or name.endswith("_at") else value
             for name, value in message.facts.items()}  # fmt: skip
    if "device" in given:
        given["device"] = device_of(given["device"] or "")
    at = _moment(message.posted_at.isoformat(), zone)
    template = _environment().get_template(f"{message.template}.{message.language}.txt")
    text = template.render({"at": at, "portal": settings.portal, "sender": settings.sender.display_name, **given})
    subject, *paragraphs = PARAGRAPHS.split(text.strip())
    return subject, paragraphs


def device_of(user_agent: str) -> str:
    """Browser and system by their usual names, such as `Firefox, Windows`; empty: neither is known.

    What a browser says of itself is not repeated: whoever logs in with a stolen password could have us write a text of
    theirs to the person that they stole it from.
    """
    found = (next((name for mark, name in each.items() if mark in user_agent), None) for each in (BROWSERS, SYSTEMS))
    return ", ".join(filter(None, found))


def _moment(value: str | None, zone: ZoneInfo) -> str | None:
    return None if value is None else f"{datetime.fromisoformat(value).astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _in_one_line(value: object) -> object:
    """What is filled in makes no paragraph and no header of its own."""
    return " ".join(value.split()) if type(value) is str else value


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pipelines.mail"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        finalize=_in_one_line,
    )
