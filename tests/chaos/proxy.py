"""A TCP proxy before the simulated exchange that does to its connections what networks, proxies and hostile servers do.

    with FaultProxy(sim.port) as proxy:
        bot = start_my_bot(proxy.url)
        proxy.fault = CutAfter(1000)   # of connections from now on, and of those that are there

A fault (`faults.py`) sees every connection and every chunk on its way; what it does not touch passes as it came.
"""

import asyncio
import contextlib
import ssl
import struct
import threading
from collections.abc import Coroutine
from socket import SO_LINGER, SOL_SOCKET
from types import TracebackType
from typing import Any

__all__ = ["CHUNK", "Connection", "Fault", "FaultProxy"]

CHUNK = 64 * 1024
HEAD = 64 * 1024  # bytes of a request's head at most
START = 10.0


class Connection:
    """One client of the proxy. `request` is the head of its HTTP request, as it came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.upstream: asyncio.StreamWriter | None = None
        self.request = b""
        self.memory: dict[str, Any] = {}  # what a fault keeps of it
        self.is_dead = False  # nothing passes any more, whatever the fault is by now

    @property
    def path(self) -> str:
        """Return what is asked for: `/websocket/v1/private`."""
        return self.request.split(b" ", 2)[1].decode("latin-1") if self.request.count(b" ") > 1 else ""

    @property
    def is_upgrade(self) -> bool:
        return b"upgrade: websocket" in self.request.lower()

    async def say(self, data: bytes) -> None:
        """Send something to the client."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End it with a TCP reset, on both sides."""
        for writer in (self.writer, self.upstream):
            if writer is not None:
                sock = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()

    async def until_hung_up(self) -> None:
        """Read until the client hangs up."""
        while await self.reader.read(CHUNK):
            pass


class Fault:
    """Does nothing: the base of all faults, and the way to say that there is none."""

    async def meet(self, connection: Connection) -> bool:
        """Deal with a new connection whose request is there; True if it goes no further, and ends now."""
        return False

    async def pass_on(self, connection: Connection, chunk: bytes, to: asyncio.StreamWriter) -> None:
        """Send what one side said to the other: to `connection.writer`, the client, or to its upstream."""
        to.write(chunk)
        await to.drain()

    async def ended(self, connection: Connection) -> None:
        """The exchange has hung up; the client is told when this returns."""


class FaultProxy:
    """Listens on a port of this machine, in a thread of its own, and passes everything on to `port`."""

    def __init__(self, port: int, fault: Fault | None = None) -> None:
        self.fault = fault or Fault()
        self.port = 0
        self.met = 0  # connections
        self.tls: ssl.SSLContext | None = None  # what it speaks to clients, if that is set before it begins
        self._to = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fault-proxy")
        self._is_up = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()

    @property
    def url(self) -> str:
        """The public endpoint, through the proxy."""
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}/websocket/v1"

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset_all(self) -> None:
        """End all connections with a TCP reset."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def _reset_all(self) -> None:
        for connection in list(self._connections):
            connection.reset()

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        assert self._is_up.wait(START)
        return self

    def __exit__(self, _type: type[BaseException] | None, _value: object, _traceback: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(None)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=HEAD, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        await self._stop.wait()
        server.close()
        self._reset_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = Connection(reader, writer)
        self._connections.add(connection)
        self.met += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                connection.request = await reader.readuntil(b"\r\n\r\n")
                if not await self.fault.meet(connection):
                    await self._carry(connection)
        except asyncio.CancelledError:
            pass  # the proxy stops
        finally:
            self._tasks.discard(task)
            self._connections.discard(connection)
            for one in (writer, connection.upstream):
                if one is not None:
                    one.close()

    async def _carry(self, connection: Connection) -> None:
        from_upstream, connection.upstream = await asyncio.open_connection("127.0.0.1", self._to)
        connection.upstream.write(connection.request)
        await _first(
            self._pump(connection, connection.reader, connection.upstream),
            self._pump(connection, from_upstream, connection.writer),
        )

    async def _pump(self, connection: Connection, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if not connection.is_dead:
                    await self.fault.pass_on(connection, chunk, to)
            if to is connection.writer and not connection.is_dead:
                await self.fault.ended(connection)


async def _first(*ways: Coroutine[Any, Any, None]) -> None:
    """Run all until one is over, then end the others."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
