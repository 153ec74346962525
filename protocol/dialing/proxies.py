"""Proxies: what their URLs say, and which one a connection goes through.

A proxy's URL may hold a name and a password. They are for the proxy alone: whatever shows a proxy shows neither.

Source: curl's manual, "Environment" (HTTPS_PROXY, ALL_PROXY, NO_PROXY; the names in small letters come first); RFC 1928
(SOCKS 5); RFC 9110, section 9.3.6 (CONNECT).
"""

import ipaddress
from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote, urlsplit

from websocket_v6.protocol.loopback import is_loopback
from websocket_v6.protocol.message import Message

from .place import Place

__all__ = ["DIRECT", "PROXY_FORM", "Proxy", "ProxyError", "parse_proxy", "proxy_for", "without_password"]

DIRECT = "direct"  # in a proxy's place: none, whatever the environment says
PROXY_FORM = "the URL of a proxy, http://, socks5:// or socks5h://[user:password@]host:port, or direct for none"
_Scheme = Literal["http", "socks5", "socks5h"]
_PORTS: dict[str, int] = {"http": 80, "socks5": 1080, "socks5h": 1080}


class ProxyError(ValueError):
    """What should name a proxy does not. The text names the variable, never the value, which may hold a password."""


class Proxy(Message):
    """A proxy. With "socks5" names are looked up here, with the others by the proxy."""

    scheme: _Scheme
    host: str
    port: int
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Proxy({self})"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse_proxy(url: str) -> Proxy | None:
    """Return what `url` says, without a scheme http; `None` if it is none of a proxy that can be used."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme
    has_more = parts.path not in ("", "/") or parts.query or parts.fragment
    if scheme not in ("http", "socks5", "socks5h") or not parts.hostname or has_more or port == 0:
        return None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(scheme, parts.hostname, port or _PORTS[scheme], user, password)  # type: ignore[arg-type]


def without_password(url: str) -> str:
    """Return the URL of a proxy as it may be shown."""
    proxy = parse_proxy(url)
    if proxy is None or not (proxy.user or proxy.password):
        return url if "@" not in url else "set"
    return str(proxy).replace("://", "://***@", 1)


def proxy_for(place: Place, configured: str | None, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy by which to go to `place`; `None` if the way is direct, as it always is within this machine.

    `configured` comes before the environment; what NO_PROXY lists is reached directly in any case.

    Raises:
        ProxyError: if a variable names none.
    """
    if configured == DIRECT or is_loopback(place.host) or _is_excepted(place, _variable("no_proxy", environ)[1]):
        return None
    names = ("https_proxy" if place.is_tls else "http_proxy", "all_proxy")
    found = [("proxy", configured)] if configured else [_variable(name, environ) for name in names]
    for name, url in found:
        if url:
            proxy = parse_proxy(url)
            if proxy is None:
                raise ProxyError(f"{name} names no proxy that can be used: give {PROXY_FORM}")
            return proxy
    return None


def _variable(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    for one in (name, name.upper()):
        if value := environ.get(one, "").strip():
            return one, value
    return name.upper(), ""


def _is_excepted(place: Place, no_proxy: str) -> bool:
    host = place.host.rstrip(".").lower()
    entries = [one.strip().lower() for one in no_proxy.split(",")]
    return any(entry == "*" or _is_meant(entry, host, place.port) for entry in entries if entry)


def _is_meant(entry: str, host: str, port: int) -> bool:
    try:
        network = ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        network = None
    if network is not None:
        try:
            return ipaddress.ip_address(host) in network
        except ValueError:
            return False
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit():
        if int(number) != port:
            return False
        entry = name.strip("[]")
    entry = entry.removeprefix("*").strip(".")
    # Of a domain all names are meant, and itself.
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))
