"""Whether the ports we are about to use are free."""

import socket
from dataclasses import dataclass

from core.errors import SettingsError


@dataclass(frozen=True)
class Port:
    """A port one of our processes will listen on, and the variable that moves it."""

    variable: str
    number: int
    host: str = "127.0.0.1"


def require_free(ports: tuple[Port, ...]) -> None:
    """Refuse to start where something else listens already.

    Raises:
        SettingsError: names each variable, and a value to try.
    """
    taken = [port for port in ports if not _free(port)]
    if taken:
        raise SettingsError("\n".join(_complaint(port) for port in taken))


def _free(port: Port) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in port.host else socket.AF_INET) as probe:
        # A port that a stopped process left in TIME_WAIT is free to servers, which set the same option.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.host, port.number))
        except OSError:
            return False
    return True


def _complaint(port: Port) -> str:
    another = port.number + 1 if port.number < 65535 else port.number - 1
    return (
        f"{port.variable}: port {port.number} on {port.host} is in use; "
        f"stop what uses it or choose another (for example {port.variable}={another})"
    )
