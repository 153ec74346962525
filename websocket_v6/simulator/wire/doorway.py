"""The first look at a connection: a handshake is the WebSocket side's, anything else HTTP's.

The `websockets` library answers GET alone and then closes. A bot's HTTP client places orders by POST and keeps its
connection, so it is given to a protocol of its own before the library has read anything.
"""

import asyncio
from collections.abc import Callable
from weakref import WeakSet

from .client_socket import ClientSocket

__all__ = ["HANDSHAKE", "Doorway", "HttpProtocol", "Visitors"]

# What a handshake begins with, and no other request.
HANDSHAKE = b"GET /websocket/"


class HttpProtocol(asyncio.Protocol):
    """Speaks HTTP; a handshake that comes on a kept connection goes to `give_back`, with what came so far."""

    give_back: Callable[[bytes], None]


class Visitors:
    """The connections that are not, or not yet, the WebSocket side's."""

    def __init__(self, make_http: Callable[[], HttpProtocol]) -> None:
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
    """A connection before it is known what it is; after that, the library's own. Each exchange has a subclass."""

    visitors: Visitors
    _coming: asyncio.Transport | None = None
    _first = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._coming = transport
        self.visitors.add(transport)

    def data_received(self, data: bytes) -> None:
        transport = self._coming
        if transport is None:
            super().data_received(data)
            return
        self._first += data
        start = self._first[: len(HANDSHAKE)]
        if start == HANDSHAKE:
            self._take(self._first)
        elif not HANDSHAKE.startswith(start):
            http = self.visitors.make_http()
            http.give_back = self._take
            transport.set_protocol(http)
            http.connection_made(transport)
            http.data_received(self._first)

    def _take(self, data: bytes) -> None:
        """Be the library's from here on; clients of HTTP use a connection that they kept for a handshake too."""
        transport, self._coming = self._coming, None
        assert transport is not None
        self.visitors.discard(transport)
        transport.set_protocol(self)
        super().connection_made(transport)
        super().data_received(data)

    def eof_received(self) -> None:
        if self._coming is None:
            super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._coming is None:
            super().connection_lost(exc)
