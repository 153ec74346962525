"""One socket: a connection of the `websockets` library with what an unkind server needs, such as resets and deaf ears.

Source: websockets documentation, asyncio server.
"""

import asyncio
import contextlib
import struct
from collections.abc import Iterable
from socket import SO_LINGER, SOL_SOCKET

from websockets.asyncio.server import ServerConnection
from websockets.extensions import Extension
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from .admission import Admission
from .client import Client

__all__ = ["ClientSocket"]

_RESET = struct.pack("ii", 1, 0)  # linger on, for 0 s: closing sends RST


class ClientSocket(ServerConnection):
    """The library's connection, seen as the `Socket` of a client."""

    client: Client | None = None
    _writable: asyncio.Event | None = None
    admission: Admission | None = None
    _held: list[bytes] | None = None

    @property
    def ip(self) -> str:
        peer = self.remote_address
        return str(peer[0]) if isinstance(peer, tuple) else ""

    @property
    def compressed(self) -> bool:
        return any(isinstance(extension, Extension) for extension in self.protocol.extensions)

    async def send_all(self, messages: Iterable[str | bytes]) -> None:
        """Send messages in one write; the library's own `send` makes one, and a system call, for each."""
        if self.protocol.state is not State.OPEN:
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

    def hold(self, held: bool) -> None:
        waiting, self._held = self._held or [], [] if held else None
        for data in waiting:
            self.data_received(data)

    def data_received(self, data: bytes) -> None:
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
        self._let_write()
        super().connection_lost(exc)

    def _let_write(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None:
            writable.set()
