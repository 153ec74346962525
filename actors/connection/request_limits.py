"""How large a request of this process may be, for each host that it connects to."""

from urllib.parse import urlsplit

from websocket_v6.protocol.connection.request_sizes import RequestLimit

__all__ = ["request_limit_of"]

# By host, as paces are: what one connection has learned is true of the next, whoever starts it. Nothing here is locked:
# two threads at once may lose what one of them has learned, and it is learned again.
_limits: dict[str, RequestLimit] = {}


def request_limit_of(url: str) -> RequestLimit:
    """Return what is known of requests to the host of `url`."""
    return _limits.setdefault(urlsplit(url).netloc, RequestLimit())
