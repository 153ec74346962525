"""The thread that owns one socket from handshake to close: the only one that reads it, writes it or closes it.

websocket-client makes the connection (`opening.py`) and sends; reading is `protocol/websocket/frames.py`, one call for
everything a socket read brought. One thread does both because an SSL object is not made for two.
"""

import contextlib
import logging
import queue
import select
import socket
import ssl
import struct
import threading
import time
import weakref
from typing import NamedTuple

import websocket

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Credits, Ref
from websocket_v6.actors.messages.connection import TransportEnded, TransportFailed, TransportOpened, TransportSaid
from websocket_v6.actors.messages.router import SourceEnded, SourceOpened, SourceSaid
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.steps import Sample
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import ExchangeError, RemoteProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import ErrorNotice, Inbound, Notice, SubscriptionList
from websocket_v6.protocol.websocket import deflate
from websocket_v6.protocol.websocket.frames import Closed, FrameDecoder, Ping, Pong, Violation

from .opening import Opening, socket_of

__all__ = ["CREDITS", "Transport", "abandon_sockets"]

logger = logging.getLogger(__name__)

CHUNK = 256 * 1024  # bytes of one read at most
CREDITS = 8  # batches that may be on their way to the router
CLOSE_WAIT = 0.5  # seconds for the peer to answer our close frame
SEND_TIMEOUT = 10.0  # seconds for a frame to fit into the kernel's buffer
WAITED_NS = 1_000_000  # a poll that took as long has waited for the bytes, and not they for it
PROMPT_NS = 50_000_000  # and who reads again as soon as this has hardly made them wait: their way here takes as long
LATE_NS = 100_000_000  # what the kernel counts is no more exact than its ticks
LAST_DATA_RECV = 52  # where `tcpi_last_data_recv` stands in Linux' struct tcp_info: milliseconds, 32 bits

_open_sockets: "weakref.WeakSet[socket.socket]" = weakref.WeakSet()


def abandon_sockets() -> None:
    """Close a forked child's copies of the sockets: the connections are the parent's, and live as long as a copy does.

    Only the descriptor is closed; nothing is sent.
    """
    for sock in list(_open_sockets):
        sock.close()


class Text(NamedTuple):
    """Send a text message."""

    text: str


class SendPing(NamedTuple):
    """Send a ping."""


class Close(NamedTuple):
    """End the connection, for this reason; without one, because nobody wants it any more."""

    error: WebSocketV6Error | None
    is_stalled: bool = False


class _Over(Exception):  # noqa: N818 - not an error: how the loop hears that it is over
    """The connection is over."""

    def __init__(self, error: WebSocketV6Error) -> None:
        super().__init__(str(error))
        self.error = error


class Transport(threading.Thread):
    """One attempt to connect and, if it succeeds, the connection's whole life: one attachment of its source.

    Tells `router` SourceOpened, batches, SourceSaid and in the end SourceEnded; `owner` TransportOpened, TransportSaid
    and in the end exactly one of TransportFailed and TransportEnded. `send`, `ping`, `finish`, `abort` and `sample` are
    for the owner's thread.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        source: int,
        attachment: int,
        target: Target,
        config: Config,
        owner: Ref,
        router: Ref,
        jwt: Ref,
    ) -> None:
        super().__init__(name=f"transport-{endpoint}-{source}-{attachment}", daemon=True)
        self._endpoint = endpoint
        self._source = source
        self._attachment = attachment
        self._owner = owner
        self._router = router
        self._opening = Opening(endpoint, target, config, jwt)
        self._deflater: deflate.Deflater | None = None
        self._commands: queue.SimpleQueue[Text | SendPing | Close] = queue.SimpleQueue()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        # One is taken before each read and comes back once the router has delivered what it brought. Without any the
        # socket is left alone, the kernel's buffer fills and the exchange waits. A False is no credit: see to commands.
        self.credits: Credits = queue.SimpleQueue()
        self._spare = 0  # credits in hand
        self._opened_ns = 0
        self._whole_ns = 0  # all from before it was handed on
        self._data_whole_ns = 0  # the same, as far as data has shown it
        self._empty_ns = 0  # when the socket was last known to have nothing to read
        self._has_waited = False  # for the bytes that are read next
        self._said: ExchangeError | None = None  # it closes after an error, and that is why
        self._reading_since: float | None = None
        self._bytes_at = self._data_at = 0.0

    # --- for the owner

    def sample(self) -> Sample:
        """Return what can be said of silence now."""
        return Sample(self._reading_since, self._bytes_at, self._data_at)

    def send(self, text: str) -> None:
        """Send a text message soon."""
        self._command(Text(text))

    def ping(self) -> None:
        """Send a ping soon; any byte that comes after it is an answer."""
        self._command(SendPing())

    def finish(self, error: WebSocketV6Error | None = None, *, is_stalled: bool = False) -> None:
        """Close the connection soon. `error` is the reason that the last word will give.

        `is_stalled`: what else it brought than data shows nothing of what is missing.
        """
        self._command(Close(error, is_stalled))

    def abort(self) -> None:
        """Give up the attempt, or the connection, at once and without a word to the peer."""
        self._command(Close(TransportError(f"the {self._endpoint} connection was given up")))
        self._opening.abort()

    def _command(self, command: Text | SendPing | Close) -> None:
        self._commands.put(command)
        self.credits.put(False)
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: it is over
            self._waker.send(b"\0")

    # --- the thread

    def run(self) -> None:
        """Connect, carry, close; say how it ended whatever happens."""
        try:
            end = self._run()
        except Exception as exc:
            logger.exception("the thread of a connection to the %s endpoint failed; this is a bug", self._endpoint)
            error = TransportError(f"the {self._endpoint} connection failed through a bug: {exc!r}")
            end = TransportEnded(self._attachment, error, is_bug=True)
        finally:
            self._waker.close()
            self._woken.close()
        now_ns, reason = time.time_ns(), str(end.error)
        tell(
            self._router,
            SourceEnded(
                self._endpoint, self._source, self._attachment, self._whole_ns or now_ns, now_ns, reason, end.error
            ),
        )
        tell(self._owner, end)

    def _run(self) -> TransportFailed | TransportEnded:
        opening = self._opening
        try:
            agreed = opening.open()
        except WebSocketV6Error as exc:
            return TransportFailed(self._attachment, _bare(exc), opening.keys)
        try:
            self._opened(socket_of(opening.ws))
            self._deflater = agreed.deflater if agreed else None
            self._carry(opening.ws, FrameDecoder(deflate=agreed.inflater if agreed else None))
        except _Over as over:
            error: WebSocketV6Error = over.error
        except (OSError, websocket.WebSocketException) as exc:
            error = TransportError(f"{self._endpoint} connection lost: {exc}")
        finally:
            self._look_when_the_last_came(opening.ws.sock)
            opening.close()
        if self._said is not None and isinstance(error, TransportError):
            error = self._said
        return TransportEnded(self._attachment, _bare(error))

    def _look_when_the_last_came(self, sock: socket.socket | None) -> None:
        """Correct what a clock that stood still has said: a process that was stopped reads old bytes late."""
        arrived_ns = _last_arrival_ns(sock)
        if arrived_ns < self._whole_ns - LATE_NS:
            self._whole_ns = max(self._opened_ns, arrived_ns)

    def _opened(self, sock: socket.socket) -> None:
        _open_sockets.add(sock)
        self._opened_ns = self._whole_ns = self._data_whole_ns = self._empty_ns = time.time_ns()
        self._bytes_at = self._data_at = time.monotonic()
        # The owner first: what the registry has it send because of the other must find it open.
        tell(self._owner, TransportOpened(self._attachment, self._opening.keys))
        tell(self._router, SourceOpened(self._endpoint, self._source, self._attachment, self._whole_ns))

    def _carry(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        """Read until the connection ends; what ends it is raised as _Over or as the socket's own error."""
        sock = socket_of(ws)
        is_tls = isinstance(sock, ssl.SSLSocket)
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        inbound = Inbound()
        while True:
            if self._reading_since is None:
                self._await_credit(ws, decoder)
            try:
                count = sock.recv_into(buffer)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                count = -1
            now_ns = time.time_ns()
            if count > 0:
                self._receive(inbound, decoder.receive(view[:count]), now_ns)
                if decoder.controls:
                    self._answer(ws, decoder)
            elif count == 0:
                raise _Over(
                    TransportError(f"{self._endpoint} connection lost: the exchange hung up without a close frame")
                )
            if count < 0 or (count < CHUNK and not is_tls):
                self._empty_ns = now_ns
            if not self._commands.empty():
                self._obey(ws, decoder)
            # A TLS record may lie decrypted in the SSL object where poll cannot see it: read until it has none.
            if self._reading_since is not None and (count < 0 or not is_tls):
                self._wait(poll)

    def _await_credit(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        """Leave the socket alone until there is a credit for what it brings; see to commands meanwhile."""
        while not self._spare:
            self._spare += self.credits.get()
            self._obey(ws, decoder)
        self._reading_since = time.monotonic()

    def _wait(self, poll: select.poll) -> None:
        """Wait for bytes or a command. While it waits, the socket is known to be empty."""
        before_ns = time.time_ns()
        for fd, _ in poll.poll():
            if fd == self._woken.fileno():
                self._woken.recv(64)
                self._collect_credits()  # also the mark of a command that was seen to before it was made
        now_ns = time.time_ns()
        self._has_waited = now_ns - before_ns >= WAITED_NS

    def _receive(self, inbound: Inbound, messages: list[bytes], now_ns: int) -> None:
        """Hand on what one read brought."""
        # Bytes that were not waited for may have lain there for long: this thread, or the process, was not reading.
        is_prompt = self._has_waited or now_ns - self._empty_ns < PROMPT_NS
        whole_ns = now_ns if is_prompt else self._empty_ns
        self._has_waited = False
        self._bytes_at = time.monotonic()
        if messages:
            streams, payloads, notices = inbound.sort(messages)
            if streams:
                self._data_at, self._data_whole_ns = self._bytes_at, whole_ns
                tell(self._router, Batch(self._endpoint, self._attachment, whole_ns, now_ns, streams, payloads))
                self._use_credit()
            for notice in notices:
                self._say(notice, whole_ns)
        self._whole_ns = whole_ns

    def _use_credit(self) -> None:
        """A credit is gone with the batch: without another there is no reading."""
        self._spare -= 1
        if not self._spare:
            self._collect_credits()
            if not self._spare:
                self._reading_since = None

    def _collect_credits(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._spare += self.credits.get_nowait()

    def _say(self, notice: Notice, whole_ns: int) -> None:
        tell(self._router, SourceSaid(self._endpoint, self._attachment, notice, whole_ns))
        if isinstance(notice, ErrorNotice):
            self._said = ExchangeError(notice.name, notice.text)
        if isinstance(notice, SubscriptionList | ErrorNotice):
            tell(self._owner, TransportSaid(self._attachment, notice))

    def _answer(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        controls, decoder.controls = decoder.controls, []
        for control in controls:
            match control:
                case Ping(payload):
                    self._write(ws, websocket.ABNF.OPCODE_PONG, payload)
                case Pong():
                    pass  # it is bytes like any others
                case Closed(code, reason):
                    self._write_close(ws, 1000 if code == 1005 else code)
                    raise _Over(
                        TransportError(f"the exchange closed the {self._endpoint} connection: {code} {reason}".rstrip())
                    )
                case Violation(close_code, reason):
                    self._write_close(ws, close_code)
                    text = f"bad frame on the {self._endpoint} connection: {reason}"
                    raise _Over(RemoteProtocolError(text, close_code=close_code))

    def _obey(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        self._collect_credits()  # among which each command has left a mark, that must not pile up
        while not self._commands.empty():
            match self._commands.get():
                case Text(text):
                    self._write_text(ws, text.encode())
                case SendPing():
                    self._write(ws, websocket.ABNF.OPCODE_PING, b"")
                case Close(error, is_stalled):
                    if is_stalled:
                        self._whole_ns = self._data_whole_ns
                    self._write_close(ws, 1000)
                    if error is None:
                        self._await_close(ws, decoder)
                    raise _Over(error or TransportError(f"{self._endpoint} connection closed: nobody wants it"))

    def _await_close(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        """Read on, throwing data away, until the peer's close frame or the end of patience."""
        sock, deadline = socket_of(ws), time.monotonic() + CLOSE_WAIT
        while (remaining := deadline - time.monotonic()) > 0:
            sock.settimeout(remaining)
            chunk = sock.recv(CHUNK)
            decoder.receive(chunk)
            if not chunk or any(isinstance(control, Closed | Violation) for control in decoder.controls):
                return

    def _write_close(self, ws: websocket.WebSocket, code: int) -> None:
        # The peer may be gone; the reason for which we close says more than that.
        with contextlib.suppress(OSError, websocket.WebSocketException):
            self._write(ws, websocket.ABNF.OPCODE_CLOSE, code.to_bytes(2, "big"))

    def _write_text(self, ws: websocket.WebSocket, message: bytes) -> None:
        payload = self._deflater.deflate(message) if self._deflater is not None else None
        if payload is None:
            self._write(ws, websocket.ABNF.OPCODE_TEXT, message)
        else:
            self._write(ws, websocket.ABNF.OPCODE_TEXT, payload, is_deflated=True)

    def _write(self, ws: websocket.WebSocket, opcode: int, payload: bytes, *, is_deflated: bool = False) -> None:
        # Blocking with a limit: our frames are small, so a full buffer means that the peer reads nothing any more.
        sock = socket_of(ws)
        sock.settimeout(SEND_TIMEOUT)
        try:
            ws.send_frame(websocket.ABNF(fin=1, rsv1=int(is_deflated), opcode=opcode, data=payload))
        finally:
            sock.setblocking(False)


def _last_arrival_ns(sock: socket.socket | None) -> int:
    """Return when the last bytes arrived at this machine, as far as the kernel tells; now if it does not."""
    now_ns = time.time_ns()
    if sock is None or not hasattr(socket, "TCP_INFO"):
        return now_ns
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_RECV + 4)
    except OSError:
        return now_ns
    if len(info) < LAST_DATA_RECV + 4:
        return now_ns
    (ago_ms,) = struct.unpack_from("=I", info, LAST_DATA_RECV)
    return now_ns - int(ago_ms) * 1_000_000


def _bare(error: WebSocketV6Error) -> WebSocketV6Error:
    """Return the error without its traceback: the frames there hold the request's headers, and with them a token."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
