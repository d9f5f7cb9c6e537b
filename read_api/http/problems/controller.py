"""The page behind each problem's `type`."""

from html import escape
from typing import Annotated

from litestar import MediaType, get
from litestar.params import Parameter

from core.errors import NotFoundError
from read_api.http.problems import catalogue

BY_NAME = {kind.name: kind for kind in vars(catalogue).values() if isinstance(kind, catalogue.Kind)}


@get("/problems/{name:str}", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=False)
def explain(name: Annotated[str, Parameter(description="Last part of a problem's type")]) -> str:
    """What a problem means and what to do."""
    kind = BY_NAME.get(name)
    if kind is None:
        raise NotFoundError("no such problem")
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{escape(kind.title)}</title>"
        "<body style='font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem'>"
        f"<h1>{escape(kind.title)}</h1><p><code>{kind.type}</code>, status {kind.status}</p>"
        f"<p>{escape(kind.meaning)}</p><p><a href=/schema>All of the API</a></p>"
    )
