"""The way to an open connection: token, handshake, what was agreed; websocket-client makes the connection."""

import base64
import contextlib
import os
import socket

import pykka
import websocket

from websocket_v6.actors.base import ask
from websocket_v6.actors.jwt import TokenWanted
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import SUBPROTOCOLS, Door
from websocket_v6.protocol.connection.target import DOOR_PATHS, Target
from websocket_v6.protocol.errors import AuthenticationError, TransportError, WebSocketV6Error
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.secret import HiddenText
from websocket_v6.protocol.websocket import deflate, handshake

from .door_handshake import open_door
from .library_trace import hide_headers
from .remote_handshake import challenge_of, remedy, remote_headers

__all__ = ["Opening", "bare", "socket_of"]

TOKEN_TIMEOUT = 5.0
DOOR_TIMEOUT = 5.0  # seconds for another process of this machine to let this one in
USER_AGENT = "websocket_v6"

hide_headers()


class Opening:
    """One attempt to connect `endpoint` to `target`. `abort` may be called from another thread; the rest is one's own.

    `ws` is the connection, once `open` has returned.
    """

    def __init__(self, endpoint: str, target: Target, config: Config, jwt: Ref) -> None:
        self.ws = websocket.WebSocket(
            sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
            enable_multithread=False,
        )
        self.keys = 0
        self._endpoint = endpoint
        self._target = target
        self._config = config
        self._jwt = jwt
        self.is_aborted = False

    def abort(self) -> None:
        """Have `open` fail soon, or the connection end, without another word to the peer."""
        self.is_aborted = True
        sock = self.ws.sock
        if sock is not None:
            # The descriptor stays its thread's to close; a blocked read there ends.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def open(self) -> deflate.Agreement | None:
        """Connect and shake hands; return what was agreed on compression.

        Raises:
            WebSocketV6Error: why there is no connection; nothing of it is left open.
        """
        # Our own key, since websocket-client checks the answer to its own without regard to case.
        key = base64.b64encode(os.urandom(16)).decode("ascii")
        try:
            if self._target.door is not None:
                self._enter(self._target.door)
                return None
            self._connect(self._headers(key))
            return self._check(key)
        except BaseException:
            self.close()
            raise

    def _enter(self, door: Door) -> None:
        timeout = min(DOOR_TIMEOUT, self._config.connect_timeout)
        open_door(self.ws, door, DOOR_PATHS[self._endpoint], timeout=timeout)
        self._check_abort()

    def close(self) -> None:
        """Close the socket."""
        self.ws.shutdown()  # type: ignore[no-untyped-call]

    def _headers(self, key: str) -> dict[str, str]:
        headers = {"User-Agent": USER_AGENT, "Sec-WebSocket-Key": key}
        if self._is_compressed:
            headers["Sec-WebSocket-Extensions"] = deflate.OFFER
        if self._target.is_remote:
            headers |= remote_headers(self._jwt).headers
        elif self._target.needs_keys:
            headers["Authorization"] = HiddenText(f"Bearer {self._token()}")
        return headers

    @property
    def _is_compressed(self) -> bool:
        return self._config.compression and self._target.compresses

    def _connect(self, headers: dict[str, str], *, may_be_challenged: bool = True) -> None:
        ws = self.ws
        ws.settimeout(self._config.connect_timeout)
        try:
            # The exchange counts any request with an Origin in a bucket of one each 10 s.
            ws.connect(  # type: ignore[no-untyped-call]
                self._target.url, header=headers, suppress_origin=True, redirect_limit=0
            )
        except websocket.WebSocketBadStatusException as exc:
            is_asked = self._target.is_remote and self._target.needs_keys and may_be_challenged
            challenge = challenge_of(exc) if is_asked else ""
            if not challenge:
                raise self._refusal(exc.status_code, exc.resp_headers, exc.resp_body) from None
            ws.shutdown()  # type: ignore[no-untyped-call]
            answering = remote_headers(self._jwt, challenge)
            self.keys = answering.keys
            self._connect(headers | answering.headers, may_be_challenged=False)
        except (OSError, websocket.WebSocketException, ValueError, LookupError) as exc:
            raise TransportError(
                f"cannot connect to the {self._endpoint} endpoint {self._target.url}: {outside_text(exc)}"
            ) from None
        self._check_abort()

    def _check_abort(self) -> None:
        if self.is_aborted:
            raise TransportError(f"the attempt to connect to {self._target.url} was given up")

    def _check(self, key: str) -> deflate.Agreement | None:
        ws = self.ws
        if ws.getstatus() != 101:  # before 1.9.2 websocket-client takes a redirect for a connection
            raise self._refusal(ws.getstatus(), ws.getheaders(), None)
        response = ws.getheaders() or {}
        subprotocols = SUBPROTOCOLS if self._target.is_remote else ()
        handshake.check_response(response, key=key, subprotocols=subprotocols)
        if self._target.is_remote and not response.get("sec-websocket-protocol"):
            where = self._target.url
            raise TransportError(f"{where} is no door of a host that this one understands: look at its version and url")
        agreed = deflate.negotiate(response.get("sec-websocket-extensions"), offered=self._is_compressed)
        socket_of(ws).setblocking(False)
        return agreed

    def _refusal(self, status: int | None, headers: dict[str, str] | None, body: bytes | None) -> WebSocketV6Error:
        error = handshake.refusal(status or 0, headers or {}, body or b"")
        if self._target.is_remote:
            why = remedy(status or 0, headers or {}) or error
            return TransportError(f"the door {self._target.url} answered HTTP {status}: {why}")
        if isinstance(error, AuthenticationError) and not self._target.needs_keys:
            # It takes no keys, so this came from something in between, a firewall or a proxy.
            where = f"the {self._endpoint} endpoint {self._target.url}"
            why = "look for a firewall in between, or, if it is the door of another machine's host, give its token"
            return TransportError(f"{where} answered HTTP {status}: {why}")
        return error

    def _token(self) -> str:
        try:
            grant = ask(self._jwt, TokenWanted(), TOKEN_TIMEOUT)
        except (pykka.ActorDeadError, pykka.Timeout) as exc:
            raise TransportError(f"no token for the {self._endpoint} endpoint: its maker is being restarted") from exc
        self.keys = grant.generation
        return str(grant.token.reveal())


def socket_of(ws: websocket.WebSocket) -> socket.socket:
    """Return the socket of a connection that is open.

    Raises:
        websocket.WebSocketConnectionClosedException: if it is closed.
    """
    if ws.sock is None:
        raise websocket.WebSocketConnectionClosedException("the socket is closed")
    return ws.sock


def bare(error: WebSocketV6Error) -> WebSocketV6Error:
    """Return the error without its traceback: the frames there hold the request's headers, and with them a token."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
