"""Through a proxy: an HTTP one is asked here, for SOCKS the library `python-socks` does the talking.

No text has the name or the password that the proxy is told.
"""

import base64
from typing import Any

from websocket_v6.actors.forks import no_fork
from websocket_v6.protocol.dialing.place import Place
from websocket_v6.protocol.dialing.proxies import Proxy
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.websocket.client_handshake import encode_connect

from .attempt import Attempt
from .bounded_socket import BoundedSocket
from .first_words import ask_for
from .names import look_up

__all__ = ["pass_through"]

_REMEDIES = {
    403: "it does not let this program reach that place: ask who runs it",
    407: "give user and password in the proxy's URL",
}


def pass_through(sock: BoundedSocket, proxy: Proxy, place: Place, attempt: Attempt) -> None:
    """Have `proxy`, to which `sock` is connected, connect on to `place`.

    Raises:
        TransportError: if it does not, or what is needed for that is not installed.
        OSError, GivenUp: see BoundedSocket.
    """
    if proxy.scheme == "http":
        attempt.doing = f"waiting for the proxy {proxy}"
        _ask_http(sock, proxy, place)
        return
    host = place.host
    if proxy.scheme == "socks5":
        host = look_up(place.host, place.port, attempt)[0].address[0]
    attempt.doing = f"waiting for the proxy {proxy}"
    _ask_socks(sock, proxy, host, place.port, attempt)


def _ask_http(sock: BoundedSocket, proxy: Proxy, place: Place) -> None:
    login = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode() if proxy.user else ""
    answer = ask_for(sock, encode_connect(str(place), {"Proxy-Authorization": f"Basic {login}"} if login else {}))
    if not 200 <= answer.status < 300:
        why = _REMEDIES.get(answer.status, "ask who runs it")
        raise TransportError(f"the proxy {proxy} refused to connect to {place}: HTTP {answer.status}; {why}")


class _Connected:
    """As far as python-socks goes, a proxy before the proxy: it leads there by the connection that there is."""

    def __init__(self, sock: BoundedSocket) -> None:
        self._sock = sock

    def connect(self, **_: Any) -> BoundedSocket:
        return self._sock


def _ask_socks(sock: BoundedSocket, proxy: Proxy, host: str, port: int, attempt: Attempt) -> None:
    try:
        with no_fork():
            from python_socks import ProxyError, ProxyType
            from python_socks.sync import Proxy as SocksProxy
    except ImportError:
        text = f"the proxy {proxy} needs an extra: pip install 'websocket-v6[proxy]'"
        raise TransportError(text) from None
    before: Any = _Connected(sock)
    socks = SocksProxy(
        ProxyType.SOCKS5, proxy.host, proxy.port, proxy.user or None, proxy.password or None, rdns=True, forward=before
    )
    try:
        socks.connect(host, port)
    except TimeoutError:
        attempt.remaining()  # raises in better words: the library has a timeout of its own
        raise
    except ProxyError as exc:
        why = outside_text(exc) or "it hung up"
        raise TransportError(f"the proxy {proxy} refused to connect to {host}:{port}: {why}") from None
