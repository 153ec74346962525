"""A process's member socket to its host: by it each knows that the other is there, and hears what concerns the place.

What is said there is `protocol/membership/words.py`. One thread owns the socket from the handshake to its end.
"""

import contextlib
import logging
import os
import queue
import threading
import time
from typing import NoReturn

import websocket

from websocket_v6.actors.base import tell
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.connection.door_handshake import open_door
from websocket_v6.actors.connection.waiter import Waiter
from websocket_v6.actors.dialing.boundary import PEER_MAY_CAUSE, words_of
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.connection.door import MEMBER_PATH, Door, DoorError, DoorProblem
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.limits import REASON_CHARACTERS
from websocket_v6.protocol.membership import words
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.outside_text import outside_text, printable
from websocket_v6.protocol.websocket.frames import Closed, FrameDecoder, Ping, Pong, Text, Violation
from websocket_v6.protocol.websocket.outgoing import BINARY, CLOSE, PING, PONG, masked_frame

__all__ = ["HANDSHAKE", "MemberEnded", "MemberHeard", "MemberOpened", "MemberSocket"]

logger = logging.getLogger(__name__)

HANDSHAKE = 2.0  # seconds to connect, to shake hands and to be welcomed
PING_INTERVAL = 4.0
SEND_TIMEOUT = 2.0  # seconds for a word to fit into the kernel's buffer
LATE = 1.0  # seconds beyond a deadline after which it was this process that did not run
CHUNK = 16 * 1024
PIECE = 1.0  # seconds at most until the clock is looked at


class MemberOpened(Message):
    """The host has welcomed this process."""

    number: int
    welcome: words.Welcome


class MemberHeard(Message):
    """The host said this."""

    number: int
    word: words.FromHost


class MemberEnded(Message):
    """There is no member socket (any more), and why (live). The last that is told of it.

    `code` is that of the host's close frame, 0 without one. `is_final`: another attempt is answered the same.
    `is_gone`: nobody listens there. `is_hung`: somebody does, and has not answered in all the time that was given.
    """

    number: int
    error: WebSocketV6Error
    code: int = 0
    is_final: bool = False
    is_gone: bool = False
    is_hung: bool = False


class _Over(Exception):  # noqa: N818 - not an error: how the loop hears that it is over
    """The socket has come to its end."""

    def __init__(self, end: MemberEnded) -> None:
        super().__init__(str(end.error))
        self.end = end


class MemberSocket(threading.Thread):
    """One attempt to be a member and, if it succeeds, all that comes of it.

    `owner` is told MemberOpened, then MemberHeard for each word, and MemberEnded last; nothing after `close`. `say` and
    `close` are for the owner's thread. `heard_at` is when the host last said anything (see `clock`).
    """

    def __init__(self, *, number: int, door: Door, hello: words.Hello, owner: Ref, timeout: float = HANDSHAKE) -> None:
        super().__init__(name=f"member-socket-{number}", daemon=True)
        self.number = number
        self.door = door
        self.heard_at: float | None = None
        self._hello = words.encode(hello)
        self._owner = owner
        self._timeout = timeout
        self._began_at = clock()
        self._ws = websocket.WebSocket(enable_multithread=False)
        self._decoder = FrameDecoder(max_message_bytes=words.MAX_WORD)
        self._words: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._is_closed = False
        self._is_open = False
        self._waiter = Waiter()

    # --- for the owner

    def say(self, word: words.FromGuest) -> None:
        """Say this to the host soon."""
        self._words.put(words.encode(word))
        self._wake()

    def close(self) -> None:
        """Close the socket soon; nothing more is told."""
        self._is_closed = True
        self._wake()

    def _wake(self) -> None:
        self._waiter.wake()

    # --- the thread

    def run(self) -> None:
        """Open, read, end."""
        try:
            end = self._run()
        except BaseException as exc:
            logger.exception("the thread of a member socket failed; this is a bug")
            end = self._end(TransportError(f"the member socket failed through a bug: {outside_text(repr(exc))}"))
        finally:
            self._ws.shutdown()  # type: ignore[no-untyped-call]
            self._waiter.close()
        end.error.__traceback__ = end.error.__cause__ = end.error.__context__ = None
        if not self._is_closed:
            tell(self._owner, end)

    def _run(self) -> MemberEnded:
        try:
            self._open()
            self._carry()
        except _Over as over:
            return over.end
        except DoorError as exc:
            return self._not_opened(exc)
        except RemoteProtocolError as exc:
            self._write_close(1002)
            return self._end(exc)
        except PEER_MAY_CAUSE as exc:
            text = f"the socket to {self._host} is lost: {words_of(exc)}"
            return self._end(TransportError(text), is_gone=not self._is_open)

    @property
    def _host(self) -> str:
        return f"the host, process {self.door.pid}" if self.door.pid else f"the host at {printable(self.door.address)}"

    def _end(self, error: WebSocketV6Error, *, code: int = 0, is_gone: bool = False) -> MemberEnded:
        return MemberEnded(self.number, error, code, is_gone=is_gone)

    def _not_opened(self, error: DoorError) -> MemberEnded:
        problem = error.problem
        ran = clock() - self._began_at < self._timeout + LATE
        return MemberEnded(
            self.number,
            error,
            is_final=problem is DoorProblem.VERSION,
            is_gone=problem is DoorProblem.GONE,
            is_hung=problem is DoorProblem.SILENT and ran,
        )

    def _open(self) -> None:
        deadline = time.monotonic() + self._timeout
        open_door(self._ws, self.door, MEMBER_PATH, timeout=self._timeout)
        assert self._ws.sock is not None
        self._waiter.watch(self._ws.sock)
        self.heard_at = clock()
        self._write(BINARY, self._hello)
        while not self._is_open:
            if not self._read(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                text = f"{self._host} does not welcome this process: it is stopped or hangs"
                raise DoorError(text, DoorProblem.SILENT)

    def _carry(self) -> NoReturn:
        ping_at = time.monotonic() + PING_INTERVAL
        while True:
            self._read(max(0.0, min(PIECE, ping_at - time.monotonic())))
            while not self._words.empty():
                self._write(BINARY, self._words.get())
            if time.monotonic() >= ping_at:
                self._write(PING, b"")
                ping_at = time.monotonic() + PING_INTERVAL

    # --- reading

    def _read(self, timeout: float) -> bool:
        """Wait for what the host says, and deal with it; False if it said nothing."""
        if self._is_closed:
            self._write_close(1000)
            raise _Over(self._end(TransportError("it was closed on this side")))
        sock = self._ws.sock
        if sock is None:
            raise OSError("it is closed")
        has_bytes, _ = self._waiter.wait(timeout)
        if not has_bytes:
            return False
        try:
            data = sock.recv(CHUNK)
        except BlockingIOError:
            return False
        if not data:
            raise _Over(self._end(TransportError(f"{self._host} hung up"), is_gone=not self._is_open))
        self.heard_at = clock()
        for message in self._decoder.receive(data):
            self._hear(message)
        controls, self._decoder.controls = self._decoder.controls, []
        for control in controls:
            self._control(control)
        return True

    def _hear(self, message: bytes) -> None:
        if isinstance(message, Text):
            raise RemoteProtocolError(f"{self._host} sent text on a member socket")
        word = words.decode_from_host(message)
        if isinstance(word, words.Goodbye):
            error = TransportError(
                f"{self._host} does not serve this process: {outside_text(word.reason, REASON_CHARACTERS)}"
            )
            raise _Over(MemberEnded(self.number, error, is_final=not word.retry))
        if self._is_open:
            self._tell(MemberHeard(self.number, word))
        elif isinstance(word, words.Welcome):
            self._is_open = True
            self._tell(MemberOpened(self.number, word))
        else:
            raise RemoteProtocolError(f"{self._host} said {type(word).__name__} before it welcomed this process")

    def _tell(self, message: MemberOpened | MemberHeard) -> None:
        if not self._is_closed and not tell(self._owner, message):
            self._is_closed = True

    def _control(self, control: Ping | Pong | Closed | Violation) -> None:
        match control:
            case Ping(payload):
                self._write(PONG, payload)
            case Pong():
                pass  # it is bytes like any others
            case Closed(code, reason):
                self._write_close(1000 if code == 1005 else code)
                text = f"{self._host} closed the member socket: {code} {reason}".rstrip()
                raise _Over(self._end(TransportError(text), code=code))
            case Violation(close_code, reason):
                self._write_close(close_code)
                error = RemoteProtocolError(f"bad frame from {self._host}: {reason}", close_code=close_code)
                raise _Over(self._end(error))

    # --- writing

    def _write_close(self, code: int) -> None:
        with contextlib.suppress(OSError, websocket.WebSocketException):
            self._write(CLOSE, code.to_bytes(2, "big"))

    def _write(self, opcode: int, payload: bytes) -> None:
        sock = self._ws.sock
        if sock is None:
            raise OSError("it is closed")
        sock.settimeout(SEND_TIMEOUT)
        try:
            # Not by websocket-client, which writes what it sends into the log when it is traced: it may be a key.
            sock.sendall(masked_frame(opcode, payload, os.urandom(4)))
        finally:
            sock.setblocking(False)
