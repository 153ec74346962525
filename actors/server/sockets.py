"""The sockets of a server: each from the moment it comes, through its handshake, to its last frame and its end.

What a handshake leads to, and what is done with what clients say, is for the `house`. All of it is one thread's.
"""

import itertools
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Protocol

from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.limits import READ_BYTES
from websocket_v6.protocol.websocket.deflate import Inflater
from websocket_v6.protocol.websocket.frames import Closed, FrameDecoder, Ping, Violation
from websocket_v6.protocol.websocket.outgoing import PONG, close_frame, frame
from websocket_v6.protocol.websocket.server_handshake import BadRequest, Head, read_head, refuse

from .outlet import Account, Outlet
from .server_client import Client, CutOff, Session, Stage

if TYPE_CHECKING:
    from .sending import Send

__all__ = ["House", "Sockets"]

CHUNK = 64 * 1024  # bytes that are read of a client in one turn
MOST_AHEAD = 64 * 1024  # bytes that a client may say before its handshake is answered
HANDSHAKE = 5.0  # seconds for a handshake
CLOSING = 1.0  # seconds for the last frame to be sent, and the peer's to come
LEFT = "it hung up"


class House(Protocol):
    """What a server makes of its clients."""

    def enter(self, client: Client, head: Head) -> Session | None:
        """Take a handshake: answer it with `admit` or `refuse`, and return who hears what comes then."""

    def left(self, client: Client, reason: str) -> None:
        """Nothing more is to be brought for this client."""

    def cut(self, client: Client, reason: str) -> None:
        """A client is closed for what it did; say so where people look."""


class Sockets:
    """All sockets of one server, by number. `call` is called, by any thread, when one has something waiting."""

    _numbers: ClassVar[Iterator[int]] = itertools.count(1)

    def __init__(
        self, selector: selectors.BaseSelector, house: House, mouth: Mouth, call: Callable[[int], object], most: int
    ) -> None:
        self.is_held = False  # nothing is sent
        self._selector = selector
        self._house = house
        self._mouth = mouth
        self._call = call
        self._most = most
        self._clients: dict[int, Client] = {}

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._clients.values()))

    def __len__(self) -> int:
        return len(self._clients)

    def get(self, number: int) -> Client | None:
        """Return a client, `None` if it is gone."""
        return self._clients.get(number)

    # --- one comes

    def add(
        self, sock: socket.socket, send: "Send", account: Account, pid: int, *, stage: Stage = Stage.HANDSHAKE
    ) -> Client | None:
        """Take in a socket that has just come.

        If there are too many, the longest of those that are not let in gives up its place; if all are, this one is
        closed.
        """
        if len(self._clients) >= self._most and not self._make_room():
            sock.close()
            return None
        number = next(self._numbers)
        outlet = Outlet(sock, send, account, lambda: self._call(number))
        client = Client(number, sock, outlet, Way(number, self._mouth), pid, clock() + HANDSHAKE)
        client.stage = stage
        self._clients[number] = client
        self._selector.register(sock, selectors.EVENT_READ, number)
        return client

    def _make_room(self) -> bool:
        """Close who has been here for the longest and is not let in: who says nothing must not keep out others."""
        outside = (Stage.TLS, Stage.HANDSHAKE, Stage.CLOSING)
        longest = next((one for one in self._clients.values() if one.stage in outside), None)
        if longest is not None:
            self.gone(longest, "others came who may say more")
        return longest is not None

    def admit(self, client: Client, response: bytes, max_message_bytes: int, inflater: Inflater | None = None) -> None:
        """Answer a handshake: the client is open."""
        client.stage, client.deadline = Stage.OPEN, None
        client.decoder = FrameDecoder(
            masked=True, max_message_bytes=max_message_bytes, deflate=inflater, max_read_bytes=READ_BYTES
        )
        client.stirred_at = time.monotonic()
        client.outlet.say(response)
        self.watch(client)

    def refuse(self, client: Client, response: bytes, reason: str) -> None:
        """Answer a handshake: the client is not let in."""
        self.finish(client, response, reason)

    def _shake_hands(self, client: Client, data: bytes) -> None:
        client.received += data
        try:
            found = read_head(client.received)
        except BadRequest as exc:
            self.refuse(client, refuse(exc.status, headers=exc.headers), exc.reason)
            return
        if found is None:
            return
        head, size = found
        del client.received[:size]
        session = self._house.enter(client, head)
        if session is not None:
            self.go_on(client, session)

    def go_on(self, client: Client, session: Session) -> None:
        """Have `session` hear what a client that was admitted has said, and what it says from now on."""
        client.session = session
        rest = bytes(client.received)
        client.received.clear()
        if rest:
            self._read(client, rest)

    # --- it says something

    def ready(self, number: int, events: int) -> None:
        """Read, or send, what can be."""
        client = self._clients.get(number)
        if client is not None and events & selectors.EVENT_WRITE:
            if client.stage is Stage.TLS:
                self._shake_hands_of_tls(client)
                return
            self.send_on(client)
        if client is None or not events & selectors.EVENT_READ or number not in self._clients:
            return
        if client.stage is Stage.TLS:
            self._shake_hands_of_tls(client)
            return
        for data in _read_from(client.sock):
            self._hear(client, data)

    def _hear(self, client: Client, data: bytes) -> None:
        if not data:
            self.gone(client, LEFT)
        elif client.stage is Stage.HANDSHAKE:
            self._shake_hands(client, data)
        elif client.stage is Stage.WAITING:
            client.received += data
            if len(client.received) > MOST_AHEAD:
                self.gone(client, "it does not wait for the answer to its handshake")
        elif client.stage is Stage.OPEN:
            self._read(client, data)

    def _shake_hands_of_tls(self, client: Client) -> None:
        """Go on with the handshake of TLS, in which either side may have to wait for the other."""
        sock = client.sock
        assert isinstance(sock, ssl.SSLSocket)
        events = selectors.EVENT_READ
        try:
            sock.do_handshake()
            client.stage = Stage.HANDSHAKE
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLWantWriteError:
            events |= selectors.EVENT_WRITE
        except (OSError, ValueError):
            self.gone(client, "it does not speak TLS")
            return
        self._selector.modify(sock, events, client.number)
        if client.stage is Stage.HANDSHAKE:
            self.ready(client.number, selectors.EVENT_READ)  # what came with the end of it lies where no selector sees

    def _read(self, client: Client, data: bytes) -> None:
        decoder, session = client.decoder, client.session
        if decoder is None or session is None:
            return
        try:
            messages = decoder.receive(data)
            while messages or decoder.has_more:
                for message in messages:
                    session.heard(message)
                messages = decoder.receive(b"")
        except CutOff as exc:
            self.cut(client, exc.code, exc.reason)
            return
        client.stirred_at = time.monotonic()
        controls, decoder.controls = decoder.controls, []
        for control in controls:
            match control:
                case Ping(payload):
                    client.outlet.pong(frame(PONG, payload))
                case Closed(code, reason):
                    self.finish(client, close_frame(1000 if code == 1005 else code), reason or LEFT)
                    return
                case Violation(code, reason):
                    self.cut(client, code, reason)
                    return
                case _:
                    pass
        self.watch(client)

    # --- it gets something

    def send_on(self, client: Client) -> None:
        """Send what waits for it."""
        if self.is_held:
            return
        if client.outlet.catch_up() and client.stage is Stage.CLOSING:
            self._end_sending(client)
        self.watch(client)

    def watch(self, client: Client) -> None:
        """Hear of room to send if something waits for it."""
        is_behind = client.outlet.is_behind and not self.is_held
        if client.number in self._clients and is_behind != client.is_watched:
            client.is_watched = is_behind
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if is_behind else 0)
            self._selector.modify(client.sock, events, client.number)

    def hold(self, *, is_held: bool) -> None:
        """Send nothing any more; or go on."""
        self.is_held = is_held
        for client in self:
            client.outlet.hold(is_held=is_held)
            if not is_held and client.outlet.is_behind:
                self.send_on(client)
            else:
                self.watch(client)

    # --- its end

    def cut(self, client: Client, code: int, reason: str) -> None:
        """Close a client for what it did."""
        self._house.cut(client, reason)
        self.finish(client, close_frame(code, reason), reason)

    def finish(self, client: Client, last: bytes, reason: str) -> None:
        """Send the last, right behind a frame that was begun; then close, when the other does or after a while."""
        if client.stage is Stage.CLOSING:
            return
        self._closing(client, reason)
        if client.outlet.finish(last):
            self._end_sending(client)
        else:
            client.outlet.is_behind = True
        self.watch(client)

    def linger(self, client: Client, last: bytes, reason: str) -> None:
        """Send what waits, and then the last; then close as `finish` does."""
        if client.stage is Stage.CLOSING:
            return
        self._closing(client, reason)
        client.outlet.end_after_what_waits(last)
        self.send_on(client)

    def _closing(self, client: Client, reason: str) -> None:
        client.stage, client.deadline = Stage.CLOSING, clock() + CLOSING
        self._leave(client, reason)

    def _end_sending(self, client: Client) -> None:
        with suppress(OSError):
            client.sock.shutdown(socket.SHUT_WR)  # it reads all, and hangs up then
        client.outlet.is_behind = False

    def _leave(self, client: Client, reason: str) -> None:
        session, client.session = client.session, None
        if session is not None:
            session.closed(reason)
        self._house.left(client, reason)

    def gone(self, client: Client, reason: str) -> None:
        """Close the socket."""
        if self._clients.pop(client.number, None) is None:
            return
        self._leave(client, reason)
        with suppress(KeyError, ValueError):
            self._selector.unregister(client.sock)
        client.outlet.close()

    def look(self, now: float) -> None:
        """Close those whose time is over."""
        for client in self:
            if client.deadline is not None and now > client.deadline:
                self.gone(client, "it took too long")

    def close(self) -> None:
        """Close all of them."""
        for client in self:
            self.gone(client, "the door is closed")

    def abandon(self) -> None:
        """Close a forked child's copies. Only descriptors are closed; the parent's selector stays as it is."""
        for client in self._clients.values():
            client.sock.close()


def _read_from(sock: socket.socket) -> Iterator[bytes]:
    """Yield what can be read now; nothing, as bytes, if the other side has hung up.

    Of a TLS record, what is not read stays in the SSL object, where no selector sees it: so that is read to its end.
    """
    try:
        yield sock.recv(CHUNK)
        while isinstance(sock, ssl.SSLSocket) and sock.pending():
            yield sock.recv(CHUNK)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return
    except (OSError, ValueError):
        yield b""
