"""The documentation page: the OpenAPI document as plain HTML, because no other site may be reachable."""

import json
import re
from html import escape
from typing import Any

from litestar import Litestar, Request
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.routes import HTTPRoute

from core.errors import NotFoundError

UP_TO_A_PAUSE = re.compile(r"[^.;:]+")
_CODE = re.compile(r"`([^`]+)`")

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1a1f2b;max-width:62rem;margin:2rem auto;padding:0 1.2rem}
h1{margin-bottom:.2rem}h2{margin-top:2.2rem;border-bottom:1px solid #d8dde6;text-transform:capitalize}
code,.path{font-family:ui-monospace,monospace;font-size:.92em}details{border:1px solid #d8dde6;border-radius:6px;
margin:.5rem 0;padding:.45rem .8rem}summary{cursor:pointer}summary b{color:#0a6;margin-right:.6rem}
summary span{color:#5b6577;margin-left:.8rem}table{border-collapse:collapse;width:100%;margin:.4rem 0}
td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #eef0f4}
th{font-weight:600;color:#5b6577;font-size:.85em}a{color:#0a58ca;text-decoration:none}
"""


def sum_up(app: Litestar) -> None:
    """Give each operation a summary: how its docstring begins. Litestar would take the name of the method."""
    for handler in (
        handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers
    ):
        if begins := UP_TO_A_PAUSE.match(handler.fn.__doc__ or ""):
            handler.summary = begins[0]


def no_other_page(request: Request[Any, Any, Any]) -> None:
    """Litestar answers every other address below the document's with a page of its own, which is no problem document.

    Raises:
        NotFoundError: such an address was asked for.
    """
    if request.path_params:
        raise NotFoundError("no such page")


class PlainPages(OpenAPIRenderPlugin):
    """One server-rendered page, no script, nothing loaded from elsewhere."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        return page(openapi_schema).encode()


def page(document: dict[str, Any]) -> str:
    """The document as HTML: operations by tag, then the models."""
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if isinstance(operation, dict) and "responses" in operation:
                tag = (operation.get("tags") or ["other"])[0]
                by_tag.setdefault(tag, []).append(_operation(path, method, operation))
    info = document["info"]
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(found)}" for tag, found in sorted(by_tag.items()))
    models = "".join(_model(name, model) for name, model in sorted(document["components"]["schemas"].items()))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title><style>{STYLE}</style>"
        f"<h1>{escape(info['title'])}</h1><p>Version {escape(info['version'])} ·"
        " <a href=/schema/openapi.json>OpenAPI 3.1 document</a></p>"
        f"<p>{_said(info.get('description'))}</p>{sections}<h2>Models</h2>{models}"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        _row(f"<code>{escape(each['name'])}</code>", each["in"], _kind(each["schema"]), _said(each.get("description")))
        for each in operation.get("parameters") or []
    )
    responses = "".join(
        _row(f"<code>{escape(status)}</code>", *_content(response), _said(response.get("description")))
        for status, response in operation["responses"].items()
    )
    about = f"<p>{_said(operation.get('description'))}</p>"
    takes = f"<table><tr><th>parameter<th>in<th>type<th>{parameters}</table>" if parameters else ""
    return (
        f"<details><summary><b>{method.upper()}</b><span class=path>{escape(path)}</span>"
        f"<span>{_said(operation.get('summary'))}</span></summary>{about}{takes}"
        f"<table><tr><th>status<th>media type<th>body<th>{responses}</table></details>"
    )


def _content(response: dict[str, Any]) -> tuple[str, str]:
    for media_type, body in (response.get("content") or {}).items():
        return escape(media_type), _kind(body["schema"])
    return "", ""


def _model(name: str, model: dict[str, Any]) -> str:
    rows = "".join(
        _row(f"<code>{escape(field)}</code>", _kind(kind), _said(kind.get("description")))
        for field, kind in (model.get("properties") or {}).items()
    )
    return (
        f"<details id='{escape(name)}'><summary><code>{escape(name)}</code>"
        f"<span>{_said(model.get('description'))}</span></summary><table>{rows}</table></details>"
    )


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words of HTML."""
    if reference := schema.get("$ref"):
        name = escape(reference.rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return " or ".join(_kind(each) for each in schema[several])
    if "enum" in schema:
        return " ".join(f"<code>{escape(json.dumps(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items') or {})}"
    kind = schema.get("type", "any")
    words = kind if isinstance(kind, str) else " or ".join(kind)
    form = f" <code>{escape(schema['pattern'])}</code>" if "pattern" in schema else ""
    return escape(f"{words} ({schema['format']})" if "format" in schema else words) + form


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}" for cell in cells)


def _said(description: str | None) -> str:
    """A description as HTML; what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(description or ""))
