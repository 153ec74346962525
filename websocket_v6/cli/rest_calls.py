"""REST calls of `doctor`: few, one after the other, on one connection, by the same way as the engine's own."""

import contextlib
import http.client
import time
from collections.abc import Mapping
from typing import NamedTuple, Self

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.dialing.place import place_of
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.limits import HANDSHAKE_BYTES, REST_BYTES
from websocket_v6.protocol.secret import HiddenText, Secret

from ..actors.dialing.attempt import Attempt
from ..actors.dialing.boundary import outside
from ..actors.dialing.bounded_socket import BoundedSocket
from ..actors.dialing.dial import dial

__all__ = ["Reply", "RestCalls"]

_USER_AGENT = "websocket_v6"


class Reply(NamedTuple):
    """What was answered. Header names are in small letters; `seconds` from asking to the head of the answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    at: float  # Unix seconds of this machine's clock, in the middle between asking and being answered


class RestCalls:
    """Asks the exchange's REST side; a context manager."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._place = place_of(config.rest_base)
        self._sock: BoundedSocket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def get(self, path: str, token: Secret | None = None) -> Reply:
        """Ask for `path`; with a `token`, as its owner.

        Raises:
            TransportError: if it is not answered.
        """
        secrets = [] if token is None else [HiddenText(token.reveal())]
        try:
            with outside(f"GET {path}", secrets):
                return self._get(path, token)
        except BaseException:
            self._hang_up()
            raise

    def _get(self, path: str, token: Secret | None) -> Reply:
        config, place, room = self._config, self._place, REST_BYTES + HANDSHAKE_BYTES
        attempt = Attempt(config.connect_timeout)
        if self._sock is None:
            self._sock = dial(place, attempt, proxy=config.proxy_url, ca_file=config.ca_file)
        self._sock.begin(attempt, room)
        attempt.doing = "waiting for the answer"
        connection = http.client.HTTPConnection(place.host, place.port)
        connection.sock = self._sock
        headers = {"Host": place.authority, "User-Agent": _USER_AGENT, "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = HiddenText(f"Bearer {token.reveal()}")
        began, began_at = time.monotonic(), time.time()
        connection.request("GET", f"{place.path.rstrip('/')}{path}", headers=headers)
        with contextlib.closing(connection.getresponse()) as response:
            seconds = time.monotonic() - began
            found = {name.lower(): value for name, value in response.headers.items()}
            body = response.read(REST_BYTES + 1)
            if len(body) > REST_BYTES or response.length:
                raise RemoteProtocolError("a body that is too long, or cut short")
        if connection.sock is None:  # the exchange does not keep it
            self._sock = None
        return Reply(response.status, found, body, seconds, began_at + seconds / 2)

    def _hang_up(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()
