"""What `doctor` learns of the WebSocket: the way there, TLS, the handshake, how long a ping and the first data take.

Two connections at most: the public endpoint, with one request for one code, and with keys the private one, with none.

Source: RFC 6455, sections 4 and 5.5; Upbit WebSocket reference, "Endpoints", "Request format".
"""

import base64
import os
import ssl
import time
from collections.abc import Iterator, Sequence
from gettext import gettext as _
from typing import NamedTuple
from uuid import uuid4

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.dialing.place import Place, place_of
from websocket_v6.protocol.dialing.proxies import Proxy, ProxyError, proxy_for
from websocket_v6.protocol.errors import AuthenticationError, RemoteProtocolError, WebSocketV6Error
from websocket_v6.protocol.exchange.requests import encode_request
from websocket_v6.protocol.exchange.tokens import Keys, make_token
from websocket_v6.protocol.limits import HANDSHAKE_BYTES, MESSAGE_BYTES
from websocket_v6.protocol.outside_text import excerpt
from websocket_v6.protocol.secret import HiddenText, Secret
from websocket_v6.protocol.websocket.client_handshake import encode_request as encode_get
from websocket_v6.protocol.websocket.controls import Pong
from websocket_v6.protocol.websocket.frames import FrameDecoder
from websocket_v6.protocol.websocket.handshake import check_response, refusal
from websocket_v6.protocol.websocket.outgoing import masked_frame

from ..actors.connection.remote_handshake import remedy
from ..actors.dialing.attempt import Attempt
from ..actors.dialing.boundary import outside, words_of
from ..actors.dialing.bounded_socket import BoundedSocket
from ..actors.dialing.dial import dial
from ..actors.dialing.first_words import ask_for, read_refusal
from ..actors.dialing.names import look_up
from .check_rest import left
from .finding import Finding, failed, ok, skipped, warning

__all__ = ["StreamChecks"]

_TEXT, _CLOSE, _PING = 0x1, 0x8, 0x9
_SHOWN = 3  # addresses
_SLOW = 1.0  # seconds there and back: no way of the world is that long
_BUSY = ("KRW-BTC", "SGD-BTC", "IDR-BTC", "THB-BTC")


class _Way(NamedTuple):
    """What carried a WebSocket."""

    sock: BoundedSocket
    connected: float  # seconds until it was
    shaken: float  # seconds from the request to its answer


class StreamChecks:
    """The questions; each may be the last. `left` is what they used up, `is_reached` whether the exchange answered."""

    def __init__(self, config: Config) -> None:
        self.left: dict[str, int] = {}
        self.is_reached = False
        self._config = config
        self._place = place_of(config.url)

    def way(self) -> Iterator[Finding]:
        """Look at proxy and names; `is_reached` says whether there is more to look at."""
        try:
            proxy = proxy_for(self._place, self._config.proxy_url, os.environ)
        except ProxyError as error:
            yield failed("proxy", str(error), _("set it right, or say WEBSOCKET_V6_PROXY=direct for none"))
            return
        yield ok("proxy", _("by {proxy}").format(proxy=proxy) if proxy else _("none: the way is direct"))
        finding = self._names(proxy)
        self.is_reached = finding.level != "failed"
        yield finding

    def _names(self, proxy: Proxy | None) -> Finding:
        target: Place | Proxy = proxy or self._place
        began = time.monotonic()
        try:
            with outside(_("{host} has no address").format(host=target.host)):
                found = look_up(target.host, target.port, Attempt(self._config.connect_timeout))
        except WebSocketV6Error as error:
            todo = _("look at this machine's resolver (getent hosts {host}), and at the URL").format(host=target.host)
            return failed("names", str(error), todo)
        addresses = list(dict.fromkeys(str(one.address[0]) for one in found))
        more = _(" and {addresses} more").format(addresses=len(addresses) - _SHOWN) if len(addresses) > _SHOWN else ""
        took = (time.monotonic() - began) * 1e3
        return ok(
            "names",
            _("{host} is {addresses}{more} ({took:.0f} ms)").format(
                host=target.host, addresses=", ".join(addresses[:_SHOWN]), more=more, took=took
            ),
        )

    def public(self, codes: Sequence[str]) -> Iterator[Finding]:
        """Connect to the public endpoint, ping, and ask for one code's data."""
        try:
            way = self._open(self._config.url, self._door_token())
        except WebSocketV6Error as error:
            self.is_reached = False
            yield failed(
                "websocket", str(error), _("see proxy and names above; if both are right, a firewall is between")
            )
            return
        try:
            yield ok("websocket", _("open in {connected:.0f} ms").format(connected=(way.connected + way.shaken) * 1e3))
            yield from self._data(way, codes)
            yield self._security(way)
        finally:
            way.sock.close()

    def private(self) -> Finding:
        """Connect to the private endpoint, and ask for nothing there."""
        config = self._config
        if config.token:
            return skipped("private", _("the door's host is asked for private data, with its own keys"))
        if not isinstance(config.access_key, Secret) or not isinstance(config.secret_key, Secret):
            return skipped("private", _("there are no keys"))
        keys = Keys(config.access_key.reveal(), config.secret_key.reveal())
        token = make_token(keys, str(uuid4()), config.jwt_algorithm)
        try:
            self._open(config.private_url, token).sock.close()
        except AuthenticationError as error:
            return failed("private", str(error), _("see the line on keys"))
        except WebSocketV6Error as error:
            return failed("private", str(error), _("run it again a little later"))
        return ok("private", _("the private endpoint takes the keys"))

    def _door_token(self) -> Secret | None:
        return self._config.token if isinstance(self._config.token, Secret) else None

    def _open(self, url: str, token: Secret | None) -> _Way:
        """Return a connection that has been upgraded.

        Raises:
            WebSocketV6Error: if there is none.
        """
        config, place = self._config, place_of(url)
        key = base64.b64encode(os.urandom(16)).decode("ascii")
        headers = {
            "Host": place.authority,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            "User-Agent": "websocket_v6",
        }
        secrets = []
        if token is not None:
            headers["Authorization"] = HiddenText(f"Bearer {token.reveal()}")
            secrets = [HiddenText(token.reveal())]
        sock = None
        try:
            with outside(_("cannot connect to {url}").format(url=url), secrets):
                began = time.monotonic()
                attempt = Attempt(config.connect_timeout)
                sock = dial(place, attempt, proxy=config.proxy_url, ca_file=config.ca_file)
                connected = time.monotonic()
                attempt.doing = _("waiting for the answer to the handshake")
                answer = ask_for(sock, encode_get(place.path, headers))
                shaken = time.monotonic()
                body = b"" if answer.status == 101 else read_refusal(sock, answer)
            for secret in secrets:
                body = body.replace(secret.encode(), b"<cut>")
            if answer.status != 101:
                error = refusal(answer.status, answer.headers, body)
                why = remedy(answer.status, answer.headers) if config.token else None
                raise (
                    error
                    if why is None
                    else RemoteProtocolError(
                        _("the door answered HTTP {status}: {why}").format(status=answer.status, why=why)
                    )
                )
            check_response(answer.headers, key=key)
        except BaseException:
            if sock is not None:
                sock.close()
            raise
        if (found := left(answer.headers)) is not None:
            self.left[found[0]] = found[1]
        return _Way(sock, connected - began, shaken - connected)

    def _data(self, way: _Way, codes: Sequence[str]) -> Iterator[Finding]:
        code = next((one for one in _BUSY if one in codes), codes[0] if codes else _BUSY[0])
        attempt = Attempt(self._config.connect_timeout)
        way.sock.begin(attempt, MESSAGE_BYTES + HANDSHAKE_BYTES)
        decoder = FrameDecoder()
        try:
            with outside(_("the open connection")):
                attempt.doing = _("waiting for the answer to a ping")
                began = time.monotonic()
                way.sock.sendall(masked_frame(_PING, b"doctor", os.urandom(4)))
                while not any(isinstance(one, Pong) for one in decoder.controls):
                    _read(way.sock, decoder)
                there_and_back = time.monotonic() - began
            yield _delay(there_and_back)
            with outside(_("the ticker of {code}").format(code=code)):
                attempt.doing = _("waiting for the ticker of {code}").format(code=code)
                began = time.monotonic()
                request = encode_request(str(uuid4()), [{"type": "ticker", "codes": [code]}], "DEFAULT")
                way.sock.sendall(masked_frame(_TEXT, request.encode(), os.urandom(4)))
                while not (messages := _read(way.sock, decoder)):
                    pass
                took = time.monotonic() - began
                way.sock.sendall(masked_frame(_CLOSE, (1000).to_bytes(2, "big"), os.urandom(4)))
        except WebSocketV6Error as error:
            yield failed("data", str(error), _("run it again; if it stays so, something in between holds data back"))
            return
        if b'"error"' in messages[0][:20]:
            yield failed(
                "data",
                _("the exchange answered {messages}").format(messages=excerpt(messages[0])),
                _("look at the URL, and at the version"),
            )
        else:
            yield ok("data", _("the first ticker of {code} after {took:.0f} ms").format(code=code, took=took * 1e3))

    def _security(self, way: _Way) -> Finding:
        sock = way.sock.release()
        try:
            if not isinstance(sock, ssl.SSLSocket):
                return skipped("tls", _("{place} speaks none (ws://)").format(place=self._place))
            certificate = sock.getpeercert() or {}
            until = str(certificate.get("notAfter", "?"))
            return ok(
                "tls",
                _("{version}, the certificate is trusted, until {until}").format(version=sock.version(), until=until),
            )
        except (OSError, ValueError) as error:
            return skipped("tls", words_of(error))
        finally:
            sock.close()


def _read(sock: BoundedSocket, decoder: FrameDecoder) -> list[bytes]:
    data = sock.recv(64 * 1024)
    if not data:
        raise RemoteProtocolError(_("the exchange hung up"))
    return decoder.receive(data)


def _delay(seconds: float) -> Finding:
    text = _("{seconds:.0f} ms there and back").format(seconds=seconds * 1e3)
    if seconds > _SLOW:
        return warning("delay", text, _("look for a slow proxy, a VPN or a line that is full"))
    return ok("delay", text)
