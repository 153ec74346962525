"""The thread that makes REST calls, one after the other, and tells its owner how each was answered.

It connects as a Transport does (`actors/dialing/`), so names, proxies and certificates are the same for both. Each call
has one deadline and one bound; redirects are not followed. All that the libraries raise ends here, in `_make`.
"""

import contextlib
import http.client
import queue
import threading
import zlib
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

from websocket_v6.actors.base import ask, tell
from websocket_v6.actors.dialing.attempt import Attempt
from websocket_v6.actors.dialing.boundary import outside, words_of
from websocket_v6.actors.dialing.bounded_socket import BoundedSocket
from websocket_v6.actors.dialing.dial import dial
from websocket_v6.actors.jwt import SignQuery
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.dialing.place import place_of
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.gaps.fill import Query
from websocket_v6.protocol.gaps.inquiry_calls import AccountCall
from websocket_v6.protocol.limits import HANDSHAKE_BYTES, REST_BYTES, REST_SECONDS
from websocket_v6.protocol.secret import HiddenText

__all__ = ["Answered", "Ask", "Call", "RestReader", "Unanswered"]

TIMEOUT = REST_SECONDS
USER_AGENT = "websocket_v6"
_PATH = "/v1/trades/ticks"
_PIECE = 16 * 1024  # bytes that are read and inflated at a time
_GZIP = zlib.MAX_WBITS | 16


class Call(NamedTuple):
    """Ask for one page of trades."""

    epoch: int
    stream: Stream
    query: Query

    @property
    def target(self) -> tuple[str, str]:
        """The path, and the query as it is before it is encoded."""
        return _PATH, "&".join(f"{name}={value}" for name, value in self.query.parameters().items())


class Ask(NamedTuple):
    """Ask about the account, as its owner: in the inquiry with this number about this data type."""

    type: str
    number: int
    call: AccountCall

    @property
    def target(self) -> tuple[str, str]:
        """The path, and the query as it is before it is encoded, which the token signs."""
        return self.call.path, self.call.query


AnyCall: TypeAlias = Call | Ask


class Answered(NamedTuple):
    """The exchange answered the call. The headers' names are in small letters."""

    call: AnyCall
    status: int
    headers: Mapping[str, str]
    body: bytes


class Unanswered(NamedTuple):
    """The exchange did not answer the call, and why."""

    call: AnyCall
    reason: str


class RestReader(threading.Thread):
    """Makes calls until it is told to finish, which also ends the one under way. `ask` and `finish`: its owner's.

    `jwt` makes the tokens of calls about the account, one for each try.
    """

    def __init__(self, config: Config, owner: Ref, jwt: Ref | None = None) -> None:
        super().__init__(name="rest", daemon=True)
        self._config = config
        self._owner = owner
        self._jwt = jwt
        self._calls: queue.SimpleQueue[AnyCall | None] = queue.SimpleQueue()
        self._is_finished = False
        self._attempt: Attempt | None = None
        self._sock: BoundedSocket | None = None  # if the exchange keeps the connection
        self._problem = ""

    def start(self) -> None:
        """Begin; where no thread is left for it, each call is told to be unanswered."""
        try:
            super().start()
        except RuntimeError as exc:
            self._problem = words_of(exc)

    def ask(self, call: AnyCall) -> None:
        """Make `call` once those before it are answered."""
        if self._problem:
            tell(self._owner, Unanswered(call, self._problem))
        else:
            self._calls.put(call)

    def finish(self) -> None:
        """End the thread; a call under way is given up, and nothing more is told."""
        self._is_finished = True
        self._calls.put(None)
        attempt = self._attempt
        if attempt is not None:
            attempt.abort()

    def run(self) -> None:
        """Make the calls."""
        try:
            while (call := self._calls.get()) is not None:
                answer = self._make(call)
                if self._is_finished or not tell(self._owner, answer):
                    return
        finally:
            self._hang_up()

    def _make(self, call: AnyCall) -> Answered | Unanswered:
        self._attempt = attempt = Attempt(TIMEOUT)
        if self._is_finished:  # before there was anything to abort
            attempt.abort()
        try:
            secrets = [] if isinstance(call, Call) else [self._token(call)]
            with outside(f"GET {call.target[0]}", secrets):
                return self._get(call, attempt, secrets)
        except WebSocketV6Error as exc:
            self._hang_up()
            return Unanswered(call, str(exc))

    def _token(self, call: Ask) -> HiddenText:
        if self._jwt is None:
            raise LookupError("who asks about an account has keys")
        self._config.check_rest_secrecy()
        try:
            grant = ask(self._jwt, SignQuery(call.call.query), TIMEOUT)
        except WebSocketV6Error:
            raise
        except Exception as exc:  # also a bug of its maker's, which is seen to where it is
            raise TransportError("no token for a REST call: its maker is being restarted") from exc
        return HiddenText(grant.token.reveal())

    def _get(self, call: AnyCall, attempt: Attempt, secrets: list[HiddenText]) -> Answered:
        place = place_of(self._config.rest_base)
        room = REST_BYTES + HANDSHAKE_BYTES
        if self._sock is None:
            self._sock = dial(place, attempt, proxy=self._config.proxy_url, ca_file=self._config.ca_file)
        self._sock.begin(attempt, room)
        attempt.doing = "waiting for the answer"
        connection = http.client.HTTPConnection(place.host, place.port)
        connection.sock = self._sock
        path, query = call.target
        path = f"{place.path.rstrip('/')}{path}" + (f"?{quote(query, safe='=&')}" if query else "")
        headers = {"Host": place.authority, "User-Agent": USER_AGENT, "Accept": "application/json"}
        for secret in secrets:
            headers["Authorization"] = HiddenText(f"Bearer {secret}")
        connection.request("GET", path, headers=headers | {"Accept-Encoding": "gzip"})
        with contextlib.closing(connection.getresponse()) as response:
            body = _read(response)
            found = {name.lower(): value for name, value in response.headers.items()}
            for secret in secrets:  # some echo all that they were asked, and their words are told
                body = body.replace(secret.encode(), b"<cut>")
                found = {name: value.replace(secret, "<cut>") for name, value in found.items()}
            answer = Answered(call, response.status, found, body)
        if connection.sock is None:  # the exchange does not keep it
            self._sock = None
        return answer

    def _hang_up(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()


def _read(response: http.client.HTTPResponse) -> bytes:
    """Return the body, inflated piece by piece: a few bytes on the wire may be a thousand times as many.

    Raises:
        RemoteProtocolError: if it is too long, cut short, or coded in a way that was not asked for.
    """
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("gzip", "identity"):
        raise RemoteProtocolError(f"a body coded as {coding:.40}, never asked for")
    inflater = zlib.decompressobj(_GZIP) if coding == "gzip" else None
    body = bytearray()
    while piece := response.read(_PIECE):
        # One byte beyond the bound shows that there is more.
        body += piece if inflater is None else inflater.decompress(piece, REST_BYTES + 1 - len(body))
        if len(body) > REST_BYTES:
            raise RemoteProtocolError(f"a body of more than {REST_BYTES} bytes")
    if response.length or (inflater is not None and not inflater.eof):
        raise RemoteProtocolError("a body that is cut short")
    return bytes(body)
