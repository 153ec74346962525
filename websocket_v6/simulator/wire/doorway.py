"""The first look at a connection: a handshake is the WebSocket side's, anything else HTTP's.

The `websockets` library answers GET alone and then closes. A bot's HTTP client places orders by POST and keeps its
connection, so it is given to a protocol of its own before the library has read anything.
"""

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from .client_socket import ClientSocket

__all__ = ["Doorway", "Visitors"]

_HANDSHAKE = b"GET /websocket/"


class Visitors:
    """The connections that are not, or not yet, the WebSocket side's."""

    def __init__(self, make_http: Callable[[], asyncio.Protocol]) -> None:
        self.make_http = make_http
        self._transports: WeakSet[asyncio.Transport] = WeakSet()

    def add(self, transport: asyncio.Transport) -> None:
        self._transports.add(transport)

    def discard(self, transport: asyncio.Transport) -> None:
        self._transports.discard(transport)

    def abort(self) -> None:
        """Cut all of them."""
        for transport in list(self._transports):
            transport.abort()


class Doorway(ClientSocket):
    """A connection before it is known what it is; after that, the library's own."""

    def __init__(self, *args: Any, visitors: Visitors, **options: Any) -> None:
        super().__init__(*args, **options)
        self._visitors = visitors
        self._coming: asyncio.Transport | None = None
        self._first = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._coming = transport
        self._visitors.add(transport)

    def data_received(self, data: bytes) -> None:
        transport = self._coming
        if transport is None:
            super().data_received(data)
            return
        self._first += data
        start = self._first[: len(_HANDSHAKE)]
        if start == _HANDSHAKE:
            self._coming = None
            self._visitors.discard(transport)
            super().connection_made(transport)
            super().data_received(self._first)
        elif not _HANDSHAKE.startswith(start):
            http = self._visitors.make_http()
            transport.set_protocol(http)
            http.connection_made(transport)
            http.data_received(self._first)

    def eof_received(self) -> None:
        if self._coming is None:
            super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._coming is None:
            super().connection_lost(exc)
