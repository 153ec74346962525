"""Who comes to a door: with websocket-client's frames, or with bytes that a test writes itself."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import websocket

from tests.actors.ear import Ear
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.connection.door_handshake import open_door
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.server import MemberCame, NameMember, ShareWith
from websocket_v6.actors.messages.supervisor import DoorOpened
from websocket_v6.actors.server.server import Server, ServerHealth
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import AUTH, MEMBER_PATH, NONCE, Door, auth
from websocket_v6.protocol.connection.target import DOOR_PATHS
from websocket_v6.protocol.server import words

__all__ = ["KEY", "TERM", "TIMEOUT", "House", "Visitor", "request_of"]

TIMEOUT = 20.0
KEY = b"k" * 32
TERM = 5
HANG_UP = (-1, b"")


def request_of(path: str = MEMBER_PATH, **headers: str | None) -> bytes:
    """Return a handshake that a door takes; `headers`, with _ for -, are others, or none."""
    nonce = "0123456789abcdef" * 2
    all_: dict[str, str | None] = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": words.SUBPROTOCOL,
        NONCE: nonce,
        AUTH: auth(KEY, "guest", nonce),
    }
    all_ |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in all_.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


class Visitor:
    """One socket to a door."""

    def __init__(self, door: Door, path: str) -> None:
        self.ws = websocket.WebSocket()
        self.headers = open_door(self.ws, door, path, timeout=TIMEOUT)
        self.ws.settimeout(TIMEOUT)

    def say(self, data: str | bytes) -> None:
        opcode = websocket.ABNF.OPCODE_TEXT if isinstance(data, str) else websocket.ABNF.OPCODE_BINARY
        self.ws.send(data, opcode)

    def ping(self, payload: bytes = b"beep") -> None:
        self.ws.send(payload, websocket.ABNF.OPCODE_PING)

    @property
    def sock(self) -> socket.socket:
        assert self.ws.sock is not None
        return self.ws.sock

    def next(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and payload, or HANG_UP."""
        try:
            frame = self.ws.recv_frame()  # type: ignore[no-untyped-call]
        except (OSError, websocket.WebSocketConnectionClosedException):
            return HANG_UP
        return frame.opcode, bytes(frame.data)

    def word(self) -> words.Word:
        """Return the next word of the door's."""
        opcode, payload = self.next()
        assert opcode == websocket.ABNF.OPCODE_BINARY, (opcode, payload)
        return words.decode(payload)

    def closing(self) -> tuple[int, str]:
        """Return the close code that comes next, and why, and see that nothing comes behind it."""
        opcode, payload = self.next()
        assert opcode == websocket.ABNF.OPCODE_CLOSE, (opcode, payload)
        assert self.next() == HANG_UP
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    def hears_nothing(self, seconds: float = 0.2) -> bool:
        """Whether nothing comes for so long."""
        self.sock.settimeout(seconds)
        try:
            data = self.sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        else:
            return not data and False
        finally:
            self.sock.settimeout(TIMEOUT)

    def close(self) -> None:
        self.ws.shutdown()  # type: ignore[no-untyped-call]


class House:
    """A server; its owner, registry and router only listen. A context manager."""

    def __init__(self, address: str, *, server: type[Server] = Server, config: Config | None = None) -> None:
        self.owner, self.registry, self.router = Ear(), Ear(), Ear()
        self.visitors: list[Visitor] = []
        self.server: Ref = server.start(
            config=config or Config(backfill=True),
            address=address,
            key=KEY,
            term=TERM,
            registry=self.registry.ref,
            router=self.router.ref,
            owner=self.owner.ref,
        )
        opened = self.owner.hear(TIMEOUT)
        assert isinstance(opened, DoorOpened), opened
        assert opened.server == self.server
        self.address = opened.address

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *_: object) -> None:
        for visitor in self.visitors:
            visitor.close()
        assert stop_and_join(self.server, TIMEOUT)

    def door(self, member: str = "", key: bytes = KEY, term: int = TERM) -> Door:
        return Door(self.address, key, term, member)

    def visit(self, path: str, member: str = "") -> Visitor:
        visitor = Visitor(self.door(member), path)
        self.visitors.append(visitor)
        return visitor

    def member(self, name: str = "m", *endpoints: str) -> tuple[Visitor, int]:
        """Come as a process that may have these endpoints; return it and its number."""
        visitor = self.visit(MEMBER_PATH)
        came = self.hear(MemberCame)
        self.tell(NameMember(came.client, name), ShareWith(name, endpoints or tuple(DOOR_PATHS)))
        self.health()
        return visitor, came.client

    def guest(self, endpoint: str = "public", member: str = "m") -> Visitor:
        """Open a data socket of a process that is a member."""
        return self.visit(DOOR_PATHS[endpoint], member)

    def tell(self, *messages: object) -> None:
        for message in messages:
            tell(self.server, message)

    def health(self) -> ServerHealth:
        health: ServerHealth = ask(self.server, GetHealth(), TIMEOUT)
        return health

    def hear(self, kind: type[Any]) -> Any:
        """Return what the owner is told next, which must be of this kind."""
        message = self.owner.hear(TIMEOUT)
        assert isinstance(message, kind), message
        return message

    @contextlib.contextmanager
    def raw(self) -> Iterator[socket.socket]:
        """Connect, and say nothing."""
        if "/" in self.address:
            sock = socket.socket(socket.AF_UNIX)
            address: Any = self.address
        else:
            sock = socket.socket()
            host, _, port = self.address.rpartition(":")
            address = host, int(port)
        with sock:
            sock.settimeout(TIMEOUT)
            sock.connect(address)
            yield sock

    def answer_to(self, request: bytes) -> bytes:
        """Return all that comes until the door hangs up."""
        with self.raw() as sock:
            sock.sendall(request)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while chunk := sock.recv(65536):
                    answer += chunk
        return answer
