"""`hub api`: the application behind granian, one process, until a signal comes."""

import resource

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.server import Server

from core.errors import SettingsError
from core.logging import logger
from core.settings import ApiSettings, AuthSettings, HubSettings, load, require_mode

log = logger("read_api")

# The server accepts as many connections as its `backpressure` says and lets all others wait, whoever they are; its
# default is 1,024. Each connection is a file, so the limit of open files decides how many there can be.
MOST_CONNECTIONS = 16_384
FEW_CONNECTIONS = 4096
OTHER_FILES = 256
MOST_HEAD_BYTES = 64 * 1024


def serve() -> None:
    """Serve on API_HOST:API_PORT; SIGTERM and Ctrl-C let running requests finish.

    Raises:
        SettingsError: a variable is missing or malformed; before anything listens.
    """
    hub = load(HubSettings)
    api = load(ApiSettings)
    load(AuthSettings)
    require_mode(hub, api)
    connections = connections_for(api.streams)
    # The server closes a connection that has not sent a whole head so long after it opened, or after its last answer.
    head = HTTP1Settings(header_read_timeout=api.patience_seconds * 1000, max_buffer_size=MOST_HEAD_BYTES)
    Server(
        "read_api.worker:application",
        factory=True,
        address=hub.api_host,
        port=hub.api_port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        workers=1,
        workers_kill_timeout=5,
        http1_settings=head,
        backlog=4096,
        backpressure=connections,
        websockets=True,
        log_access=False,
    ).serve()


def connections_for(streams: int) -> int:
    """How many connections to accept at a time; raises the limit of open files as far as the system allows.

    Raises:
        SettingsError: so many live streams would leave none for reads.
    """
    wanted = MOST_CONNECTIONS + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    connections = files - OTHER_FILES
    if connections < FEW_CONNECTIONS:
        log.warning("api.few_connections", connections=connections, open_files=files, wanted=wanted)
    if streams > connections // 2:
        raise SettingsError(
            f"API_STREAMS: {streams} live streams are more than half of the {connections} connections that the limit of"
            f" open files ({files}) allows; raise that limit (`ulimit -Hn`, LimitNOFILE), or set fewer"
        )
    return connections
