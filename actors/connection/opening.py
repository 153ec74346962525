"""The way to an open connection: a socket to the target, token, handshake, what was agreed; all of it in one time.

All that libraries raise on this way becomes an error of ours here, in `Opening._ask`. websocket-client is handed what
is open, and sends on it. What is different at a door is `door_opening.py`'s.
"""

import base64
import contextlib
import os
import socket
from collections.abc import Iterable

import pykka
import websocket

from websocket_v6.actors.base import ask
from websocket_v6.actors.dialing.attempt import Attempt
from websocket_v6.actors.dialing.boundary import outside
from websocket_v6.actors.dialing.bounded_socket import BoundedSocket
from websocket_v6.actors.dialing.dial import dial
from websocket_v6.actors.dialing.first_words import ask_for, read_refusal
from websocket_v6.actors.jwt import TokenWanted
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.dialing.place import place_of
from websocket_v6.protocol.errors import AuthenticationError, TransportError, WebSocketV6Error
from websocket_v6.protocol.secret import HiddenText
from websocket_v6.protocol.websocket import deflate, handshake
from websocket_v6.protocol.websocket.client_handshake import Answer, encode_request

__all__ = ["Opening", "bare", "socket_of"]

TOKEN_TIMEOUT = 5.0
USER_AGENT = "websocket_v6"


class Opening:
    """One attempt to connect `endpoint` to `target`. `abort` and `give_up` may be called from another thread.

    Its time begins when it is made. `ws` is the connection, once `open` has returned.
    """

    subprotocols: tuple[str, ...] = ()  # that may be agreed on

    def __init__(self, endpoint: str, target: Target, config: Config, jwt: Ref) -> None:
        self.ws = websocket.WebSocket(enable_multithread=False)
        self.keys = 0
        self.is_aborted = False
        self.date: int | None = None  # what the answer said the time is, Unix milliseconds
        self._endpoint = endpoint
        self._target = target
        self._config = config
        self._jwt = jwt
        self._attempt = Attempt(config.connect_timeout)
        self._sock: BoundedSocket | None = None  # until it is open

    def give_up(self) -> None:
        """Have `open` fail soon, if it has not come to an answer yet."""
        self._attempt.abort()

    def abort(self) -> None:
        """Have `open` fail soon, or the connection end, without another word to the peer."""
        self.is_aborted = True
        self._attempt.abort()
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
        try:
            return self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> deflate.Agreement | None:
        key = base64.b64encode(os.urandom(16)).decode("ascii")
        return self._open(self._ask(self._headers(key)), key)

    def close(self) -> None:
        """Close the socket."""
        self._hang_up()
        self.ws.shutdown()  # type: ignore[no-untyped-call]

    def _hang_up(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def _headers(self, key: str) -> dict[str, str]:
        # No Origin: the exchange counts any request with one in a bucket of one each 10 s.
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            "User-Agent": USER_AGENT,
        }
        if self._is_compressed:
            headers["Sec-WebSocket-Extensions"] = deflate.OFFER
        return headers | self._credentials()

    def _credentials(self) -> dict[str, str]:
        return {"Authorization": HiddenText(f"Bearer {self._token()}")} if self._target.needs_keys else {}

    @property
    def _is_compressed(self) -> bool:
        return self._config.compression and self._target.compresses

    def _ask(self, headers: dict[str, str]) -> Answer:
        """Connect and ask for a WebSocket; return the answer that there is one."""
        what = f"cannot connect to the {self._endpoint} endpoint {self._target.url}"
        body, secrets = b"", [HiddenText(word) for word in headers.get("Authorization", "").split()[1:]]
        with outside(what, secrets):
            place = place_of(self._target.url)
            request = encode_request(place.path, {"Host": place.authority} | headers)
            config = self._config
            self._sock = dial(place, self._attempt, proxy=config.proxy_url, ca_file=config.ca_file)
            self._attempt.doing = "waiting for the answer to the handshake"
            answer = ask_for(self._sock, request)
            if answer.status != 101:
                body = read_refusal(self._sock, answer)
        answer, body = _without(secrets, answer, body)
        return answer if answer.status == 101 else self._refused(headers, answer, body)

    def _refused(self, headers: dict[str, str], answer: Answer, body: bytes) -> Answer:  # noqa: ARG002 - of the request
        """Return the answer to another attempt, if there is to be one."""
        raise self._refusal(answer, body)

    def _check_abort(self) -> None:
        if self.is_aborted:
            raise TransportError(f"the attempt to connect to {self._target.url} was given up")

    def _open(self, answer: Answer, key: str) -> deflate.Agreement | None:
        handshake.check_response(answer.headers, key=key, subprotocols=self.subprotocols)
        self.date = handshake.date_ms(answer.headers)
        agreed = deflate.negotiate(answer.headers.get("sec-websocket-extensions"), offered=self._is_compressed)
        assert self._sock is not None
        self._sock.hand_over(self.ws)
        self._check_abort()
        return agreed

    def _refusal(self, answer: Answer, body: bytes) -> WebSocketV6Error:
        status, headers = answer.status, answer.headers
        error = handshake.refusal(status, headers, body)
        if isinstance(error, AuthenticationError) and not self._target.needs_keys:
            # It takes no keys, so this came from something in between, a firewall or a proxy.
            where = f"the {self._endpoint} endpoint {self._target.url}"
            why = "look for a firewall in between, or, if it is the door of another machine's host, give its token"
            return TransportError(f"{where} answered HTTP {status}: {why}")
        return error

    def _token(self) -> str:
        try:
            grant = ask(self._jwt, TokenWanted(), min(TOKEN_TIMEOUT, self._config.connect_timeout))
        except (pykka.ActorDeadError, pykka.Timeout) as exc:
            raise TransportError(f"no token for the {self._endpoint} endpoint: its maker is being restarted") from exc
        self.keys = grant.generation
        return str(grant.token.reveal())


def _without(secrets: Iterable[str], answer: Answer, body: bytes) -> tuple[Answer, bytes]:
    """Cut the secrets out of what was answered: some echo all that they were asked, and their words are told."""
    headers = dict(answer.headers)
    for secret in secrets:
        headers = {name: value.replace(secret, "<cut>") for name, value in headers.items()}
        body = body.replace(secret.encode(), b"<cut>")
    return Answer(answer.status, headers), body


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
