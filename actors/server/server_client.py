"""One socket of a server, from the moment it came to its end."""

import socket
from enum import Enum
from typing import Protocol

from websocket_v6.actors.ways import Way
from websocket_v6.protocol.websocket.frames import FrameDecoder

from .outlet import Outlet

__all__ = ["Client", "CutOff", "Session", "Stage"]


class CutOff(Exception):  # noqa: N818 - not an error of ours
    """The client is not served any more: close it with `code`, and say why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Session(Protocol):
    """One client after its handshake. Called in the server's thread."""

    def heard(self, message: bytes) -> None:
        """Take one message; a `Text` if it is text.

        Raises:
            CutOff: if it is none that this client may send.
        """

    def closed(self, reason: str) -> None:
        """Take note that the socket is closed."""


class Stage(Enum):
    """How far a client is."""

    TLS = "tls"  # its own handshake, before anything can be read
    HANDSHAKE = "handshake"
    WAITING = "waiting"  # for what somebody else says of its handshake; what it says meanwhile is kept
    OPEN = "open"
    CLOSING = "closing"  # the last frame is on its way, and nothing that comes is read


class Client:
    """What the server knows of one socket. `deadline` is when its stage must be over (see `clock`)."""

    __slots__ = (
        "address",
        "deadline",
        "decoder",
        "is_watched",
        "member",
        "name",
        "number",
        "outlet",
        "pid",
        "reached",
        "reason",
        "received",
        "session",
        "sock",
        "stage",
        "stirred_at",
        "way",
    )

    def __init__(self, number: int, sock: socket.socket, outlet: Outlet, way: Way, pid: int, deadline: float) -> None:
        self.number = number
        self.sock = sock
        self.outlet = outlet
        self.way = way
        self.pid = pid
        self.name = f"process {pid}" if pid else "somebody"
        self.address = self.reached = ""  # whence it came on the network, and to which address of this machine
        self.stirred_at = 0.0  # when something last went in or out, monotonic seconds; kept for plain clients
        self.deadline: float | None = deadline
        self.stage = Stage.HANDSHAKE
        self.received = bytearray()  # of the handshake
        self.decoder: FrameDecoder | None = None
        self.session: Session | None = None
        self.member = ""
        self.reason = ""  # why it is closed
        self.is_watched = False  # for room to send
