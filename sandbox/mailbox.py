"""A page that shows the e-mails of a folder, as .eml files: what the hub would have sent, where no server is set."""

from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import escape
from pathlib import Path
from typing import Any

from sandbox.asgi import Response, json_response

MOST_MESSAGES = 100
HEADERS = ("Date", "From", "To", "Subject", "Message-ID")
# Nothing of a message runs or is fetched: it is shown as text, its HTML in a frame that may do nothing.
POLICY = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)


def mailbox(folder: Path | None) -> Callable[..., Response]:
    """The page's control: all messages, the newest first; with `?message=name`, one of them."""

    def page(query: dict[str, list[str]], *_: Any) -> Response:
        if folder is None:
            return json_response({"error": "no folder is set (SANDBOX_MAIL_FOLDER)"}, 404)
        # Compared with what is there, so that no name leads out of the folder.
        files = {each.name: each for each in folder.glob("*.eml")}
        wanted = query.get("message", [""])[0]
        if wanted and wanted not in files:
            return json_response({"error": "there is no such message"}, 404)
        body = _one(_read(files[wanted])) if wanted else _list(list(files.values()))
        whole = (
            f'<!doctype html><meta charset="utf-8"><title>Mailbox</title><body style="font-family: sans-serif">{body}'
        )
        return Response(whole.encode(), content_type="text/html; charset=utf-8", headers=POLICY)

    return page


def _read(file: Path) -> EmailMessage:
    message = message_from_bytes(file.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - that is what the policy makes
    return message


def _list(files: list[Path]) -> str:
    newest = sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)[:MOST_MESSAGES]
    rows = "".join(
        f"<tr><td>{escape(str(message['Date']))}<td>{escape(str(message['To']))}"
        f'<td><a href="?message={escape(file.name)}">{escape(str(message["Subject"]))}</a>'
        for file, message in ((file, _read(file)) for file in newest)
    )
    return f"<h1>Mailbox</h1><table cellpadding=6>{rows}</table>" if rows else "<h1>Mailbox</h1>No message yet."


def _one(message: EmailMessage) -> str:
    heads = "".join(f"<tr><th align=left>{name}<td>{escape(str(message[name]))}" for name in HEADERS)
    text, html = (_part(message, kind) for kind in ("plain", "html"))
    frame = f'<iframe sandbox srcdoc="{escape(html)}" style="width: 100%; height: 30em"></iframe>'
    return (
        f'<a href="?">Mailbox</a><table>{heads}</table><pre style="white-space: pre-wrap">{escape(text)}</pre>{frame}'
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return "" if part is None else str(part.get_content())
