"""One GET after the other to the exchange's REST side, for whoever has a thread for it.

It connects as a Transport does (`dial.py`), so names, proxies and certificates are the same for both. Each call has one
deadline and one bound; redirects are not followed. What the libraries raise is for the caller (`boundary.py`).
"""

import contextlib
import http.client
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.dialing.place import place_of
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.limits import HANDSHAKE_BYTES, REST_BYTES

from .attempt import Attempt
from .bounded_socket import BoundedSocket
from .dial import dial

__all__ = ["USER_AGENT", "Response", "RestClient"]

USER_AGENT = "websocket_v6"
_PIECE = 16 * 1024  # bytes that are read and inflated at a time
_GZIP = zlib.MAX_WBITS | 16


class Response(NamedTuple):
    """What the exchange answered. The headers' names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class RestClient:
    """Makes calls in its owner's thread; keeps the connection as long as the exchange does, or until `hang_up`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._sock: BoundedSocket | None = None  # if the exchange keeps the connection

    def get(self, path: str, query: str, attempt: Attempt, headers: Mapping[str, str] | None = None) -> Response:
        """Make one call within `attempt`. `query` is as it is sent, without "?"; `headers` go with those of all calls.

        Raises:
            RemoteProtocolError: if the body is too long, cut short, or coded in a way that was not asked for.
            OSError and whatever else the libraries raise (see `outside`); `hang_up` then.
        """
        place = place_of(self._config.rest_base)
        if self._sock is None:
            self._sock = dial(place, attempt, proxy=self._config.proxy_url, ca_file=self._config.ca_file)
        self._sock.begin(attempt, REST_BYTES + HANDSHAKE_BYTES)
        attempt.doing = "waiting for the answer"
        connection = http.client.HTTPConnection(place.host, place.port)
        connection.sock = self._sock
        target = f"{place.path.rstrip('/')}{path}" + (f"?{query}" if query else "")
        usual = {"Host": place.authority, "User-Agent": USER_AGENT, "Accept": "application/json"}
        connection.request("GET", target, headers={**usual, "Accept-Encoding": "gzip", **(headers or {})})
        with contextlib.closing(connection.getresponse()) as response:
            body = _read(response)
            found = {name.lower(): value for name, value in response.headers.items()}
            answer = Response(response.status, found, body)
        if connection.sock is None:  # the exchange does not keep it
            self._sock = None
        return answer

    def hang_up(self) -> None:
        """Close the connection, if there is one."""
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
