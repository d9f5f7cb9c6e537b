"""How a sandbox is set up: from SANDBOX_* variables, or in code for tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """Size and seed of the business, where the emulators listen, who may call them. Port 0 picks a free port."""

    customers: int = 1000
    seed: int = 1
    host: str = "127.0.0.1"
    salesforce_port: int = 8401
    salesforce_grpc_port: int = 8402
    whmcs_port: int = 8403
    freebit_port: int = 8404
    tls: bool = False  # whether Salesforce and its events answer on their TLS ports too
    salesforce_tls_port: int = 8405
    salesforce_grpc_tls_port: int = 8406
    tls_certificate: Path | None = None  # PEM, with its key; without them one is made at the start
    tls_key: Path | None = None
    whmcs_timezone: str = "Asia/Tokyo"
    whmcs_identifier: str = "sandbox-identifier"
    whmcs_secret: str = "sandbox-secret"  # noqa: S105 - everybody may know the sandbox's secrets
    whmcs_admin: str = "sandbox-admin"
    whmcs_admin_password: str = "sandbox-password"  # noqa: S105
    whmcs_access_key: str = "sandbox-access-key"
    whmcs_webhook_url: str = ""  # where WHMCS tells of changes; empty: nowhere
    whmcs_webhook_secret: str = ""
    freebit_oem_id: str = "sandbox-oem"
    freebit_oem_key: str = "sandbox-oem-key"
    salesforce_public_key: Path | None = None
    mail_folder: Path | None = None  # e-mails to show, as .eml files
    quirks: Mapping[str, str] = field(default_factory=dict)


class ConfigError(ValueError):
    """A SANDBOX_* variable has a value that means nothing."""


def config_from(environment: Mapping[str, str]) -> Config:
    """The configuration that SANDBOX_* variables describe.

    Raises:
        ConfigError: a number is no number, a switch is neither on nor off, a certificate lacks its key, or a quirk is
            not written name=value.
    """
    tls_ports = ("salesforce_tls_port", "salesforce_grpc_tls_port")
    numbers = ("customers", "seed", "salesforce_port", "salesforce_grpc_port", "whmcs_port", "freebit_port", *tls_ports)
    texts = ("host", "whmcs_timezone", "whmcs_webhook_url", "whmcs_webhook_secret")
    values: dict[str, object] = {n: environment[_variable(n)] for n in texts if environment.get(_variable(n))}
    values |= {n: _number(n, environment[_variable(n)]) for n in numbers if environment.get(_variable(n))}
    files = ("salesforce_public_key", "mail_folder", "tls_certificate", "tls_key")
    values |= {n: Path(environment[_variable(n)]) for n in files if environment.get(_variable(n))}
    if ("tls_certificate" in values) != ("tls_key" in values):
        raise ConfigError("SANDBOX_TLS_CERTIFICATE and SANDBOX_TLS_KEY go together")
    wanted = environment.get("SANDBOX_TLS") or "off"
    if wanted not in {"on", "off"}:
        raise ConfigError("SANDBOX_TLS must be on or off")
    values["tls"] = "tls_certificate" in values or wanted == "on"
    return Config(**values, quirks=_quirks(environment.get("SANDBOX_QUIRKS", "")))  # type: ignore[arg-type]


def _variable(name: str) -> str:
    return f"SANDBOX_{name.upper()}"


def _number(name: str, text: str) -> int:
    variable = _variable(name)
    try:
        number = int(text)
    except ValueError:
        raise ConfigError(f"{variable} must be a whole number, such as {getattr(Config, name)}") from None
    if number < 0 or (name.endswith("_port") and number > 65535):
        raise ConfigError(f"{variable} is out of range")
    return number


def _quirks(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if any(not (sign and value) for _, sign, value in pairs):
        raise ConfigError("SANDBOX_QUIRKS must look like numbers=strings,empty_list=absent")
    return {name.strip(): value.strip() for name, _, value in pairs}
