"""What `hub up` runs."""

from dataclasses import dataclass
from pathlib import Path

from cli.up.sources import SandboxSettings
from core.settings import HubSettings

WORKSPACE = Path(__file__).parents[2] / "workspace.yaml"
"""Which code Dagster's processes load."""


@dataclass(frozen=True)
class Stack:
    """What runs, and where. No sandbox: real systems."""

    settings: HubSettings
    sandbox: SandboxSettings | None
    logs: Path

    @property
    def api(self) -> str:
        return f"http://{self.settings.api_host}:{self.settings.api_port}"

    @property
    def dagster(self) -> str:
        return f"http://127.0.0.1:{self.settings.dagster_port}"
