"""Dagster's own web server with the guard in front: `hub dagster`."""

from typing import Any

import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from starlette.requests import HTTPConnection

from cli.dagster_run import shared_instance
from cli.ui.guard import MAY, Guard
from cli.ui.sessions import Sessions
from cli.up.stack import WORKSPACE
from core.settings import HubSettings, UiSettings, load

GRACE_SECONDS = 3


class GuardedWebserver(DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]):
    """Dagster's, which is read-only for each request whose sender is no operator (dagster#2219 has it for all)."""

    def _make_request_context(self, conn: HTTPConnection) -> WorkspaceRequestContext:
        context = super()._make_request_context(conn)
        # The workspace itself is read-only, so that a request whose sender nobody knows is a viewer's.
        context._read_only = conn.scope.get(MAY) != "operate"  # noqa: SLF001 - Dagster has it per process only
        return context


def serve() -> None:
    """Serve on 127.0.0.1:DAGSTER_PORT until a signal comes.

    Raises:
        SettingsError: a variable is missing or malformed, or there is no Dagster instance here.
    """
    hub, ui = load(HubSettings), load(UiSettings)
    with shared_instance() as instance:
        # What Dagster's own launcher takes: milliseconds for a statement, seconds for a connection, connections.
        instance.optimize_for_webserver(15_000, 3600, 20)
        with workspace_of(instance) as workspace:
            uvicorn.run(
                Guard(GuardedWebserver(workspace, "", 2000).create_asgi_app(), Sessions(ui), ui.hosts),
                host="127.0.0.1",
                port=hub.dagster_port,
                log_level="warning",
                timeout_graceful_shutdown=GRACE_SECONDS,
            )


def workspace_of(instance: Any) -> WorkspaceProcessContext:
    """The hub's code, read-only unless a request says otherwise."""
    target = WorkspaceFileTarget(paths=[str(WORKSPACE)])
    return WorkspaceProcessContext(instance, version=__version__, read_only=True, workspace_load_target=target)
