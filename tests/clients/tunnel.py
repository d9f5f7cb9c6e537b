"""A proxy that leads every host to the sandbox, for clients that hard-code `https://login.salesforce.com`.

The client opens a tunnel (CONNECT) as through any company's proxy, and finds the sandbox's TLS port at its end.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

_PIECE = 65_536


@contextmanager
def tunnel_to(port: int) -> Iterator[int]:
    """The port of a proxy whose every tunnel ends at `port` of this machine; it ends with the context."""
    started: Future[tuple[int, Callable[[], object]]] = Future()

    async def serve() -> None:
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        server = await asyncio.start_server(lambda reader, writer: _tunnel(reader, writer, port), "127.0.0.1", 0)
        started.set_result((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(ended.set)))
        await ended.wait()
        server.close()

    # The tunnels still open end with the loop: `run` cancels them.
    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="tunnel", daemon=True)
    thread.start()
    own_port, end = started.result(timeout=10)
    try:
        yield own_port
    finally:
        end()
        thread.join(timeout=10)


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"CONNECT "):
        writer.write(b"HTTP/1.1 501 Only tunnels\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    try:
        await asyncio.gather(_pour(reader, there_writer), _pour(there_reader, writer))
    finally:
        # Cut, not closed in good order: a TLS server would wait half a minute for its farewell to be answered.
        writer.transport.abort()
        there_writer.transport.abort()


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await source.read(_PIECE):
            target.write(piece)
            await target.drain()
        target.write_eof()
