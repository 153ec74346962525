"""A client of a server without the server: its outlet sends on one end of a socket pair, and the other end is read."""

import socket
from typing import Any

from tests.actors.ear import Ear
from websocket_v6.actors.server.network_mouth import NetworkMouth
from websocket_v6.actors.server.outlet import Account, Outlet
from websocket_v6.actors.server.server_client import Client
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.websocket.frames import FrameDecoder

__all__ = ["FarEnd"]


class FarEnd:
    """What comes out at the other end."""

    def __init__(self, number: int = 7) -> None:
        self.registry = Ear()
        self.server = Ear()
        self.sock, self._theirs = socket.socketpair()
        self.sock.setblocking(False)
        self._theirs.setblocking(False)
        way = Way(number, NetworkMouth(lambda: self.server.ref))
        outlet = Outlet(self.sock, self.sock.send, Account(1 << 20), lambda: None)
        self.client = Client(number, self.sock, outlet, way, 0, 0.0)
        self.client.name = "a program at 192.0.2.1"
        self.decoder = FrameDecoder()

    def close(self) -> None:
        self.client.outlet.close()
        self._theirs.close()

    def read(self) -> list[bytes]:
        """Return the messages that have come; control frames are in `decoder.controls`."""
        found: list[bytes] = []
        try:
            while data := self._theirs.recv(1 << 20):
                found += self.decoder.receive(data)
        except BlockingIOError:
            pass
        return found

    def told(self, kind: type[Any]) -> list[Any]:
        """Return what the registry was told of this kind since it was last asked."""
        return [one for one in self.registry.heard() if isinstance(one, kind)]
