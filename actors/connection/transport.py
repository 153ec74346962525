"""The thread that owns one socket from handshake to close: the only one that reads it, writes it or closes it.

websocket-client makes the connection (handshake, TLS, proxies) and sends; reading is `protocol/websocket/frames.py`,
one call for everything a socket read brought. One thread does both because an SSL object is not made for two.
"""

import base64
import contextlib
import os
import queue
import select
import socket
import ssl
import threading
import time
import weakref
from typing import NamedTuple

import pykka
import websocket

from websocket_v6.actors.base import ask, tell
from websocket_v6.actors.jwt import TokenWanted
from websocket_v6.actors.messages.common import Credits, Ref
from websocket_v6.actors.messages.connection import WireLost, WireOpened, WirePonged, WireRefused, WireSaid
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import AuthenticationError, RemoteProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import Inbound
from websocket_v6.protocol.websocket import deflate, handshake
from websocket_v6.protocol.websocket.frames import Closed, FrameDecoder, Ping, Pong, Violation

__all__ = ["Wire", "WireFailed", "abandon_sockets"]

CHUNK = 256 * 1024  # bytes of one read at most
CREDITS = 8  # batches that may be on their way to the router
CLOSE_WAIT = 0.5  # seconds for the peer to answer our close frame
SEND_TIMEOUT = 10.0  # seconds for a frame to fit into the kernel's buffer
TOKEN_TIMEOUT = 5.0
USER_AGENT = "websocket_v6"


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


class WireFailed(NamedTuple):
    """A bug ended the wire's thread, which has printed its traceback. Told to its owner."""

    epoch: int


class Ended(Exception):  # noqa: N818 - not an error: how the loop hears that it is over
    """The connection is over."""

    def __init__(self, error: WebSocketV6Error) -> None:
        super().__init__(str(error))
        self.error = error


class Wire(threading.Thread):
    """One attempt to connect and, if it succeeds, the connection's whole life.

    Sends batches to `router`; WireOpened, WirePonged, WireSaid and in the end exactly one of WireRefused, WireLost and
    WireFailed to `owner`. `send`, `ping` and `finish` may be called from the owner's thread.
    """

    def __init__(
        self, *, endpoint: str, line: int, url: str, epoch: int, config: Config, owner: Ref, router: Ref, jwt: Ref
    ) -> None:
        super().__init__(name=f"wire-{endpoint}-{line}-{epoch}", daemon=True)
        self._endpoint = endpoint
        self._line = line
        self._url = url
        self._epoch = epoch
        self._config = config
        self._owner = owner
        self._router = router
        self._jwt = jwt
        self._commands: queue.SimpleQueue[Text | SendPing | Close] = queue.SimpleQueue()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        # The router gives one back for each batch it has delivered; without any the socket is left alone, the kernel's
        # buffer fills and the exchange waits. A False among them ends the waiting.
        self.credits: Credits = queue.SimpleQueue()
        for _ in range(CREDITS):
            self.credits.put(True)
        self._last_bytes_ns = 0  # that were handed on
        self._deflater: deflate.Deflater | None = None
        self._last_data_ns = 0

    # --- for the owner

    @property
    def last_bytes_ns(self) -> int:
        """When the last bytes came that were handed on (Unix nanoseconds), the opening if none did yet."""
        return self._last_bytes_ns

    @property
    def last_data_ns(self) -> int:
        """When the last data came, which pongs and answers are not (Unix nanoseconds); the opening if none did yet."""
        return self._last_data_ns or self._last_bytes_ns

    def send(self, text: str) -> None:
        """Send a text message soon."""
        self._command(Text(text))

    def ping(self) -> None:
        """Send a ping soon; the answer comes as WirePonged."""
        self._command(SendPing())

    def finish(self, error: WebSocketV6Error | None = None) -> None:
        """Close the connection soon. `error` is the reason that WireLost will give."""
        self._command(Close(error))
        self.credits.put(False)

    def _command(self, command: Text | SendPing | Close) -> None:
        self._commands.put(command)
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: it is over
            self._waker.send(b"\0")

    # --- the thread

    def run(self) -> None:
        """Connect, carry, close."""
        end: WireRefused | WireLost | WireFailed = WireFailed(self._epoch)
        try:
            end = self._run()
        finally:
            self._waker.close()
            self._woken.close()
            tell(self._owner, end)

    def _run(self) -> WireRefused | WireLost:
        try:
            ws, agreed = self._open()
        except WebSocketV6Error as exc:
            return WireRefused(self._epoch, _bare(exc))
        _open_sockets.add(_socket(ws))
        self._last_bytes_ns = time.time_ns()
        tell(self._owner, WireOpened(self._epoch))
        self._deflater = agreed.deflater if agreed else None
        try:
            self._carry(ws, FrameDecoder(deflate=agreed.inflater if agreed else None))
        except Ended as end:
            error = end.error
        except (OSError, websocket.WebSocketException) as exc:
            error = TransportError(f"{self._endpoint} connection lost: {exc}")
        finally:
            _shutdown(ws)
        return WireLost(self._epoch, _bare(error), self._last_bytes_ns)

    def _open(self) -> tuple[websocket.WebSocket, deflate.Agreement | None]:
        # Our own key, since websocket-client checks the answer to its own without regard to case.
        key = base64.b64encode(os.urandom(16)).decode("ascii")
        headers = {"User-Agent": USER_AGENT, "Sec-WebSocket-Key": key}
        if self._config.compression:
            headers["Sec-WebSocket-Extensions"] = deflate.OFFER
        if self._endpoint != "public":
            headers["Authorization"] = f"Bearer {self._token()}"
        try:
            ws = websocket.create_connection(
                self._url,
                timeout=self._config.connect_timeout,
                header=headers,
                # The exchange counts any request with an Origin in a bucket of one each 10 s.
                suppress_origin=True,
                redirect_limit=0,
                sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
            )
        except websocket.WebSocketBadStatusException as exc:
            raise self._refusal(exc.status_code, exc.resp_headers, exc.resp_body) from None
        except (OSError, websocket.WebSocketException, ValueError, LookupError) as exc:
            raise TransportError(f"cannot connect to the {self._endpoint} endpoint {self._url}: {exc}") from None
        try:
            if ws.getstatus() != 101:  # before 1.9.2 websocket-client takes a redirect for a connection
                raise self._refusal(ws.getstatus(), ws.getheaders(), None)
            response = ws.getheaders() or {}
            handshake.check_response(response, key=key)
            agreed = deflate.negotiate(response.get("sec-websocket-extensions"), offered=self._config.compression)
            _socket(ws).setblocking(False)
        except BaseException:
            _shutdown(ws)
            raise
        return ws, agreed

    def _refusal(self, status: int | None, headers: dict[str, str] | None, body: bytes | None) -> WebSocketV6Error:
        error = handshake.refusal(status or 0, headers or {}, body or b"")
        if isinstance(error, AuthenticationError) and self._endpoint == "public":
            # It takes no keys, so this came from something in between, a firewall or a proxy.
            return TransportError(
                f"the public endpoint {self._url} answered HTTP {status}: look for a firewall in between"
            )
        return error

    def _token(self) -> str:
        try:
            return str(ask(self._jwt, TokenWanted(), TOKEN_TIMEOUT).reveal())
        except (pykka.ActorDeadError, pykka.Timeout) as exc:
            raise TransportError(f"no token for the {self._endpoint} endpoint: its maker is being restarted") from exc

    def _carry(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        """Read until the connection ends; what ends it is raised as Ended or as the socket's own error."""
        sock = _socket(ws)
        is_tls = isinstance(sock, ssl.SSLSocket)
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        inbound = Inbound()
        while True:
            try:
                count = sock.recv_into(buffer)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                count = -1
            if count > 0:
                now_ns = time.time_ns()
                messages = decoder.receive(view[:count])
                if not messages or self._forward(inbound, messages, now_ns):
                    self._last_bytes_ns = now_ns
                if decoder.controls:
                    self._answer(ws, decoder)
            elif count == 0:
                raise Ended(
                    TransportError(f"{self._endpoint} connection lost: the exchange hung up without a close frame")
                )
            if not self._commands.empty():
                self._obey(ws, decoder)
            # A TLS record may lie decrypted in the SSL object where poll cannot see it: read until it has none.
            if count < 0 or not is_tls:
                for fd, _ in poll.poll():
                    if fd == self._woken.fileno():
                        self._woken.recv(64)

    def _forward(self, inbound: Inbound, messages: list[bytes], now_ns: int) -> bool:
        """Hand on what came; False if it was thrown away, because the connection is about to be ended."""
        streams, payloads, notices = inbound.sort(messages)
        if streams:
            if not self.credits.get():
                return False  # the command says why
            if not tell(self._router, Batch(self._endpoint, self._line, self._epoch, now_ns, streams, payloads)):
                return False  # it failed, and this connection will be replaced with it
            self._last_data_ns = now_ns
        for notice in notices:
            tell(self._owner, WireSaid(self._epoch, notice))
        return True

    def _answer(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        controls, decoder.controls = decoder.controls, []
        for control in controls:
            match control:
                case Ping(payload):
                    self._write(ws, websocket.ABNF.OPCODE_PONG, payload)
                case Pong():
                    tell(self._owner, WirePonged(self._epoch))
                case Closed(code, reason):
                    self._write_close(ws, 1000 if code == 1005 else code)
                    raise Ended(
                        TransportError(f"the exchange closed the {self._endpoint} connection: {code} {reason}".rstrip())
                    )
                case Violation(close_code, reason):
                    self._write_close(ws, close_code)
                    text = f"bad frame on the {self._endpoint} connection: {reason}"
                    raise Ended(RemoteProtocolError(text, close_code=close_code))

    def _obey(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        while not self._commands.empty():
            match self._commands.get():
                case Text(text):
                    self._write_text(ws, text.encode())
                case SendPing():
                    self._write(ws, websocket.ABNF.OPCODE_PING, b"")
                case Close(error):
                    self._write_close(ws, 1000)
                    if error is None:
                        self._await_close(ws, decoder)
                    raise Ended(error or TransportError(f"{self._endpoint} connection closed: nobody wants it"))

    def _await_close(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        """Read on, throwing data away, until the peer's close frame or the end of patience."""
        sock, deadline = _socket(ws), time.monotonic() + CLOSE_WAIT
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
        sock = _socket(ws)
        sock.settimeout(SEND_TIMEOUT)
        try:
            ws.send_frame(websocket.ABNF(fin=1, rsv1=int(is_deflated), opcode=opcode, data=payload))
        finally:
            sock.setblocking(False)


def _socket(ws: websocket.WebSocket) -> socket.socket:
    if ws.sock is None:
        raise websocket.WebSocketConnectionClosedException("the socket is closed")
    return ws.sock


def _shutdown(ws: websocket.WebSocket) -> None:
    ws.shutdown()  # type: ignore[no-untyped-call]


def _bare(error: WebSocketV6Error) -> WebSocketV6Error:
    """Return the error without its traceback: the frames there hold the request's headers, and with them a token."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
