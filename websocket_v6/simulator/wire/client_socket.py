"""One socket: a connection of the `websockets` library with what an unkind server needs, such as resets and deaf ears.

Source: websockets documentation, asyncio server.
"""

import asyncio
import contextlib
import struct
from collections.abc import Iterable
from random import Random
from socket import SO_LINGER, SOL_SOCKET
from typing import cast

from websockets.asyncio.server import ServerConnection
from websockets.extensions import Extension
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from ..weather import Weather
from .admission import Admission
from .client import Client
from .distance import HANDSHAKE_TRIPS, FarTransport, OneWay

__all__ = ["ClientSocket"]

_PATIENCE = 2.0  # seconds for the other side to end a connection that has ended on this one
_RESET = struct.pack("ii", 1, 0)  # linger on, for 0 s: closing sends RST


class ClientSocket(ServerConnection):
    """The library's connection, seen as the `Socket` of a client."""

    weather: Weather = Weather.calm()
    rng: Random = Random(0)  # noqa: S311
    client: Client | None = None
    _writable: asyncio.Event | None = None
    admission: Admission | None = None
    _held: list[bytes] | None = None
    _vanished = False
    _ways: tuple[OneWay, ...] = ()

    @property
    def ip(self) -> str:
        peer = self.remote_address
        return str(peer[0]) if isinstance(peer, tuple) else ""

    @property
    def compressed(self) -> bool:
        return any(isinstance(extension, Extension) for extension in self.protocol.extensions)

    async def send_all(self, messages: Iterable[str | bytes]) -> None:
        """Send messages in one write; the library's own `send` makes one, and a system call, for each."""
        if self.protocol.state is not State.OPEN or self.transport.is_closing():
            await self.wait_closed()
            return
        for message in messages:
            if isinstance(message, str):
                self.protocol.send_text(message.encode("utf-8", "surrogateescape"))
            else:
                self.protocol.send_binary(message)
        self.transport.write(b"".join(self.protocol.data_to_send()))
        if self._writable is not None:
            await self._writable.wait()

    def abort(self) -> None:
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            # The descriptor may be gone already.
            with contextlib.suppress(OSError):
                sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        self.transport.abort()

    def finish(self) -> None:
        if not self.transport.can_write_eof():  # TLS: its own end, then that of TCP
            self.transport.close()
            return
        # Closing with something unread in the kernel would be a reset; so the other side's end is waited for, a while.
        self.transport.write_eof()
        self.loop.call_later(_PATIENCE, self.transport.close)

    def vanish(self) -> None:
        self._vanished = True

    def hold(self, held: bool) -> None:
        waiting, self._held = self._held or [], [] if held else None
        with contextlib.suppress(EOFError):  # the client has hung up meanwhile: there is nobody to answer
            for data in waiting:
                self._hear(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.weather.round_trip or self.weather.jitter:
            assert isinstance(transport, asyncio.Transport)
            there = OneWay(self.weather, self.rng, extra=(HANDSHAKE_TRIPS - 1) * self.weather.round_trip)
            back = OneWay(self.weather, self.rng)
            self._ways = (there, back)
            transport = cast("asyncio.Transport", FarTransport(transport, back))
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._ways:
            self._ways[0].put(lambda: self._hear(data))
        else:
            self._hear(data)

    def _hear(self, data: bytes) -> None:
        if self._vanished:
            return
        # The library answers a PING as soon as it sees it, so a server that does not answer must not look.
        if self._held is None:
            super().data_received(data)
        else:
            self._held.append(data)

    def process_event(self, event: Event) -> None:
        if self.client is not None and isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.client.pinged()
        super().process_event(event)

    @property
    def blocked(self) -> bool:
        return self._writable is not None

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._let_write()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        for way in self._ways:
            way.clear()
        self._let_write()
        super().connection_lost(exc)

    def _let_write(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None:
            writable.set()
