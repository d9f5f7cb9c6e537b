"""Which systems the hub talks to: the real ones when they are configured, otherwise the sandbox."""

import os

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.up.ports import Port
from core.settings import FreebitSettings, SalesforceSettings, WhmcsSettings, load, require
from domain.common.zones import ZoneName

# Variables that say which system, or as whom. The others (page sizes, budgets, vocabulary) tune the sandbox as well.
CONNECTING = (
    *(
        f"SALESFORCE_{name}"
        for name in ("DOMAIN", "CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD", "SECURITY_TOKEN")
    ),
    *("SALESFORCE_PRIVATE_KEY_FILE", "SALESFORCE_JWT_AUDIENCE", "SALESFORCE_BASE_URL"),
    *("WHMCS_URL", "WHMCS_IDENTIFIER", "WHMCS_SECRET", "WHMCS_ACCESS_KEY"),
    *("FREEBIT_BASE_URL", "FREEBIT_OEM_ID", "FREEBIT_OEM_KEY"),
)


class SandboxSettings(BaseSettings):
    """The stand-ins that `hub up` starts when no real system is configured."""

    model_config = SettingsConfigDict(
        env_prefix="SANDBOX_", frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    customers: int = Field(1000, ge=1, description="customers of the made-up world")
    seed: int = Field(1, description="the same seed and number of customers give the same world")
    salesforce_port: int = Field(8401, ge=1, le=65535, description="port of the Salesforce stand-in")
    salesforce_grpc_port: int = Field(8402, ge=1, le=65535, description="port of its event bus (gRPC)")
    whmcs_port: int = Field(8403, ge=1, le=65535, description="port of the WHMCS stand-in")
    freebit_port: int = Field(8404, ge=1, le=65535, description="port of the Freebit stand-in")
    whmcs_timezone: ZoneName = Field(
        "Asia/Tokyo", description="zone of the WHMCS stand-in's clock; move WHMCS_VOCABULARY__TIMEZONE with it"
    )
    quirks: str = Field(
        "", description="documented oddities of WHMCS to switch", examples=["numbers=strings,empty_list=absent"]
    )

    def ports(self) -> tuple[Port, ...]:
        return (
            Port("SANDBOX_SALESFORCE_PORT", self.salesforce_port),
            Port("SANDBOX_SALESFORCE_GRPC_PORT", self.salesforce_grpc_port),
            Port("SANDBOX_WHMCS_PORT", self.whmcs_port),
            Port("SANDBOX_FREEBIT_PORT", self.freebit_port),
        )

    def urls(self) -> dict[str, str]:
        return {
            "Salesforce": f"http://127.0.0.1:{self.salesforce_port}",
            "WHMCS": f"http://127.0.0.1:{self.whmcs_port}",
            "Freebit": f"http://127.0.0.1:{self.freebit_port}",
        }

    def environment(self) -> dict[str, str]:
        """What a hub needs to talk to the sandbox. Its budgets are generous, so that a first sync takes no day."""
        urls = self.urls()
        return {
            "SANDBOX_HOST": "127.0.0.1",
            "SALESFORCE_DOMAIN": "sandbox.my",
            "SALESFORCE_BASE_URL": urls["Salesforce"],
            "SALESFORCE_CLIENT_ID": "sandbox-client",
            "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
            "SALESFORCE_USERNAME": "hub@sandbox.example",
            "SALESFORCE_EVENTS_TARGET": f"127.0.0.1:{self.salesforce_grpc_port}",
            "SALESFORCE_EVENTS_INSECURE": "true",
            "WHMCS_URL": urls["WHMCS"],
            "WHMCS_IDENTIFIER": "sandbox-identifier",
            "WHMCS_SECRET": "sandbox-secret",
            "FREEBIT_BASE_URL": f"{urls['Freebit']}/emptool/api",
            "FREEBIT_OEM_ID": "sandbox-oem",
            "FREEBIT_OEM_KEY": "sandbox-oem-key",
            "SALESFORCE_BULK_POLL_SECONDS": os.environ.get("SALESFORCE_BULK_POLL_SECONDS") or "0.2",
            "WHMCS_CALLS_PER_SECOND": os.environ.get("WHMCS_CALLS_PER_SECOND") or "1000",
            "FREEBIT_CALLS_PER_MINUTE": os.environ.get("FREEBIT_CALLS_PER_MINUTE") or "60000",
            "FREEBIT_CONCURRENCY": os.environ.get("FREEBIT_CONCURRENCY") or "8",
        }


def chosen() -> SandboxSettings | None:
    """The sandbox, or none where real systems are configured.

    Raises:
        SettingsError: only some are configured; names every missing or malformed variable.
    """
    if not any(os.environ.get(name) for name in CONNECTING):
        return load(SandboxSettings)
    require(SalesforceSettings, WhmcsSettings, FreebitSettings)
    return None
