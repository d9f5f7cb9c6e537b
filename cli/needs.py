"""What each process of the hub is given: the variables that its settings name, and no others.

So a process that is broken into gives away what it works with, not the owner's database or another system's keys. The
names come from the settings' own definitions: a new setting reaches its process, a new secret no other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydantic_settings import BaseSettings

from cli.up.sources import SandboxSettings
from core.settings import (
    ApiSettings,
    AuthSettings,
    CommandSettings,
    EventSettings,
    FreebitSettings,
    GatewaySettings,
    HubSettings,
    MailSettings,
    PlanSettings,
    Role,
    SalesforceSettings,
    UiSettings,
    WhmcsSettings,
    url_variable,
)

# What any program may need of the machine; none of it is a secret of the hub. A name that ends in * is a beginning.
OF_THE_MACHINE = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "VIRTUAL_ENV", "XDG_RUNTIME_DIR"),
    *("LANG", "LANGUAGE", "LC_*", "TZ", "PYTHON*", "SSL_CERT_*", "LD_LIBRARY_PATH"),
    # How libpq is to connect; PGPASSWORD is the owner's and not among them.
    *("PGSSL*", "PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR"),
)
# For who calls the sources: a proxy's address may hold a password.
OF_CALLERS = ("*_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GRPC_*")
# The UI's own key begins otherwise, so that only the UI has it.
OF_DAGSTER = ("DAGSTER_*",)

SOURCES: tuple[type[BaseSettings], ...] = (SalesforceSettings, WhmcsSettings, FreebitSettings)


@dataclass(frozen=True)
class Needs:
    """The settings that a process loads, whom it connects as, and the other names it is given.

    Names are compared without case, as settings are read.
    """

    kinds: tuple[type[BaseSettings], ...] = ()
    role: Role | None = None
    others: tuple[str, ...] = ()

    def name(self, variable: str) -> bool:
        """Whether the process is given that variable."""
        callers = OF_CALLERS if set(self.kinds) & set(SOURCES) else ()
        known = (*OF_THE_MACHINE, *callers, *self.others, *self._settings())
        return any(fnmatchcase(variable.upper(), each) for each in known)

    def of(self, environment: Mapping[str, str]) -> dict[str, str]:
        """What the process is given of that environment."""
        return {variable: value for variable, value in environment.items() if self.name(variable)}

    def _settings(self) -> Iterable[str]:
        kinds: tuple[type[BaseSettings], ...] = (HubSettings, *self.kinds)
        for kind in kinds:
            prefix = str(kind.model_config.get("env_prefix", ""))
            for field in kind.model_fields:
                if not (kind is HubSettings and field.endswith("database_url")):
                    yield f"{prefix}{field}".upper()
                    yield f"{prefix}{field}__*".upper()  # One name of a vocabulary.
        if self.role is not None:
            yield url_variable(self.role)


_COMMANDS = Needs((*SOURCES, CommandSettings), "hub_sync", OF_DAGSTER)

NEEDS: Mapping[str, Needs] = {
    "postgres": Needs(),
    "survivor": Needs(),
    "sandbox": Needs((SandboxSettings,), others=("SANDBOX_*",)),
    "api": Needs(
        (ApiSettings, AuthSettings, GatewaySettings, PlanSettings), "hub_api", (url_variable("hub_auth"), "SMTP_HOST")
    ),
    "gateway": Needs((GatewaySettings, *SOURCES), "hub_sync"),
    "listen": Needs((EventSettings, SalesforceSettings), "hub_sync"),
    "apply": Needs((*SOURCES, MailSettings), "hub_sync", OF_DAGSTER),
    "forward": _COMMANDS,
    "dagster-daemon": _COMMANDS,
    "dagster": Needs((UiSettings,), others=OF_DAGSTER),
}
