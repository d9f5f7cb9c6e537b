"""A bare Litestar, behind the server and with the settings of `hub api`: what no read API on them can pass.

Environment: BENCH_PORT.
"""

import os

from granian.constants import HTTPModes, Interfaces, Loops
from granian.server import Server
from litestar import Litestar, get


@get("/")
async def hello() -> dict[str, str]:
    return {"hello": "world"}


def application() -> Litestar:
    return Litestar([hello], openapi_config=None, logging_config=None)


def main() -> None:
    Server(
        "bench.contestants.hello_app:application",
        factory=True,
        address="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        workers=1,
        websockets=False,
        log_access=False,
    ).serve()


if __name__ == "__main__":
    main()
