"""What assets reach the outside with.

Settings are read from the environment when a run starts, so no secret is ever part of Dagster's own configuration,
which its UI shows.
"""

from functools import cached_property
from typing import Any

import dagster as dg

from core.settings import HubSettings, load, url_as
from domain.common.identifiers import System
from pipelines.sources.connect import source_of
from pipelines.sync.dataset import Source


class Sources(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The three systems. A run makes a client once and its assets share it: it holds the budget and the session."""

    @cached_property
    def _made(self) -> dict[System, Source[Any, Any]]:
        return {}

    def of(self, system: System) -> Source[Any, Any]:
        if system not in self._made:
            self._made[system] = source_of(system)
        return self._made[system]

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002 - Dagster's own form
        for source in self._made.values():
            source.client.close()
        self._made.clear()


class Database(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The hub's database, as the role that syncs."""

    @property
    def url(self) -> str:
        return url_as(load(HubSettings), "hub_sync")
