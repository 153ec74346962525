"""What a URL says of where to connect.

Source: RFC 6455, section 3 (ws and wss URLs); RFC 9110, sections 4.2.1 and 4.2.2 (http and https), 7.2 (Host).
"""

from urllib.parse import urlsplit

from websocket_v6.protocol.message import Message

__all__ = ["Place", "place_of"]

_PORTS = {"ws": 80, "wss": 443, "http": 80, "https": 443}
_TLS = ("wss", "https")


class Place(Message):
    """A server: where it is, and whether TLS is spoken there. `host` is a name or an address, without brackets."""

    host: str
    port: int
    is_tls: bool
    path: str  # of the URL, "/" if it has none

    @property
    def authority(self) -> str:
        """What the header Host says: without the port where that is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place_of(url: str) -> Place:
    """Return where `url` leads.

    Raises:
        ValueError: if it is no URL of a server's.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"no URL of a server: {url!r:.80}")
    return Place(parts.hostname, parts.port or _PORTS[parts.scheme], parts.scheme in _TLS, parts.path or "/")
