"""Who may open a socket at a door that is on the network, even if only on loopback, where every web page can knock.

A page is let in by the name of its origin alone, and a name that leads here by a trick of DNS is not ours. Beyond
loopback a client shows the door's token: as `Authorization: Bearer TOKEN`, or as `?token=TOKEN`, for browsers, which
cannot set a header, and for whoever needs that header for the exchange's own token. An address may connect as often as
at the exchange.

Source: RFC 6454 (origins), RFC 9110, 7.4 (421); Upbit WebSocket reference, "Endpoints", "Rate limits", "HTTP-level
refusals of the handshake".
"""

import hmac
import ipaddress
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from .bearer import Refusal, error_body
from .quota import Quota

__all__ = ["LOOPBACK_NAMES", "Doorkeeper", "Refusal", "Rules", "Visit", "endpoint_at"]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
CONNECTS = 5  # a second from one address, as at the exchange
_MAX_ADDRESSES = 1_000  # that are counted each by itself; the others together
_PATHS = {"/websocket/v1": "public", "/websocket/v1/private": "private", "/websocket/v1/info": "info"}


class Rules(NamedTuple):
    """How a door was opened. No `token`: none is asked for, which is for loopback alone."""

    port: int
    names: frozenset[str] = LOOPBACK_NAMES  # that lead here: host names or addresses, in any case, without brackets
    origins: frozenset[str] = frozenset()  # of pages that may come: "https://example.com"
    token: str = ""
    most_clients: int = 200
    most_of_one_address: int = 100


class Visit(NamedTuple):
    """One upgrade request. Header names are in lower case, repeated ones joined with ", "."""

    path: str
    query: str
    headers: Mapping[str, str]
    address: str  # whence it came
    reached: str  # the address of this machine that it came to
    clients: int  # who are served already
    clients_there: int  # those of them from the same address


def endpoint_at(path: str) -> str | None:
    """Return which of the exchange's endpoints is at a path."""
    return _PATHS.get(path)


class Doorkeeper:
    """Decides by the two tables below, and remembers how often each address came. Times are monotonic seconds."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._rates: dict[str, Quota] = {}

    def refusal(self, visit: Visit, now: float) -> Refusal | None:
        """Return how to refuse a visit, `None` if it may come in."""
        # Strangers do not count, or a page could lock out whoever works here; whoever guesses at the token does.
        refusal = broken(STRANGERS, self._rules, visit)
        if refusal is None and not self._is_within_rate(visit.address, now):
            return _refusal(429, "Too Many Requests")
        return refusal or broken(CLIENTS, self._rules, visit)

    def _is_within_rate(self, address: str, now: float) -> bool:
        rates = self._rates
        if len(rates) >= _MAX_ADDRESSES:
            self._rates = rates = {known: rate for known, rate in rates.items() if not rate.is_idle(now)}
        if len(rates) >= _MAX_ADDRESSES and address not in rates:
            address = ""
        return rates.setdefault(address, Quota(CONNECTS, 1.0)).take(now)


def _has_no_host(rules: Rules, visit: Visit) -> bool:  # noqa: ARG001
    return not visit.headers.get("host")


def _is_misled(rules: Rules, visit: Visit) -> bool:
    host, port = _host_and_port(visit.headers["host"])
    names = {*map(_plain, rules.names), _plain(visit.reached)}
    # Without a port it is 80 or 443: of a proxy in front, or this one's.
    return host not in names or port not in (None, rules.port)


def _is_foreign_page(rules: Rules, visit: Visit) -> bool:
    origin = visit.headers.get("origin")
    return origin is not None and origin.lower() not in {one.lower().rstrip("/") for one in rules.origins}


def _is_lost(rules: Rules, visit: Visit) -> bool:  # noqa: ARG001
    return endpoint_at(visit.path) is None


def _has_no_token(rules: Rules, visit: Visit) -> bool:
    wanted = rules.token.encode()
    return bool(wanted) and not any(hmac.compare_digest(wanted, one) for one in _tokens(visit))


def _is_full(rules: Rules, visit: Visit) -> bool:
    return visit.clients >= rules.most_clients


def _has_many(rules: Rules, visit: Visit) -> bool:
    return visit.clients_there >= rules.most_of_one_address


_Table = tuple[tuple[Callable[[Rules, Visit], bool], int, str], ...]
# The first rule that is broken answers.
STRANGERS: _Table = (
    (_has_no_host, 400, "the request names no host"),
    (_is_misled, 421, "the host that the request names is not this one"),
    (_is_foreign_page, 403, "pages of this origin are not allowed here"),
    (_is_lost, 404, "there is no such endpoint"),
)
CLIENTS: _Table = (
    (_has_no_token, 401, "the door's token is missing or wrong"),
    (_is_full, 503, "there are too many clients"),
    (_has_many, 503, "there are too many clients of this address"),
)


def broken(table: _Table, rules: Rules, visit: Visit) -> Refusal | None:
    """Return the refusal for the first rule of a table that a visit breaks."""
    return next((_refusal(status, text) for is_broken, status, text in table if is_broken(rules, visit)), None)


def _refusal(status: int, text: str) -> Refusal:
    return Refusal(status, error_body(status, text))


def _tokens(visit: Visit) -> list[bytes]:
    """Return what may be the token: of the header, and of the query."""
    scheme, _, text = visit.headers.get("authorization", "").strip().partition(" ")
    found = [text.strip()] if scheme.lower() == "bearer" else []
    try:
        found += [value for name, value in parse_qsl(visit.query, max_num_fields=16) if name == "token"]
    except ValueError:
        return []
    return [one.encode("utf-8", "surrogatepass") for one in found]


def _host_and_port(text: str) -> tuple[str, int | None]:
    """Split a Host header: `localhost:8080`, `[::1]:8080`, `example.com`; what is none of these is nobody's name."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or text.strip().endswith("]"):
        return _plain(text), None
    if not (port.isascii() and port.isdigit() and len(port) <= 5):
        return "", None
    return _plain(host), int(port)


def _plain(name: str) -> str:
    """Return a name in the one spelling: lower case, addresses as `ipaddress` writes them."""
    name = name.strip().lower().removesuffix(".")
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return name
    # A socket of both families calls an IPv4 address ::ffff:127.0.0.1.
    return str(getattr(address, "ipv4_mapped", None) or address)
