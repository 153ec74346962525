"""Who may open a socket at a door that is on the network, even if only on loopback, where every web page can knock.

A page is let in by the name of its origin alone, unless it is the door's own, and a name that leads here by a trick of
DNS is not ours. Beyond loopback a client shows the door's token: as `Authorization: Bearer TOKEN`, or as
`?token=TOKEN`, for browsers, which cannot set a header, and for whoever needs that header for the exchange's own token.
An address may connect as often as at the exchange.

Source: RFC 6454 (origins), RFC 9110, 7.4 (421); Upbit WebSocket reference, "Endpoints", "Rate limits", "HTTP-level
refusals of the handshake".
"""

import hmac
import ipaddress
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from websocket_v6.protocol.connection.target import DOOR_PATHS
from websocket_v6.protocol.exchange.wants import ENDPOINTS
from websocket_v6.protocol.secret import Secret

from .bearer import Refusal, error_body
from .quota import Quota

__all__ = ["LOOPBACK_NAMES", "Doorkeeper", "Refusal", "Rules", "Visit", "endpoint_at", "is_own_page"]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
CONNECTS = 5  # a second from one address, as at the exchange
LOOKS = 20  # a second at the page and its state: several may be open, and they take nothing from those who connect
_MAX_ADDRESSES = 1_000  # that are counted each by itself; the others together
PAGE_PATHS = ("/", "/state.json", "/metrics", "/healthz", "/readyz")
_HOSTS_PATHS = {path: endpoint for endpoint, path in DOOR_PATHS.items()}
_PATHS = {path: endpoint for path, endpoint in _HOSTS_PATHS.items() if endpoint in ENDPOINTS}


class Rules(NamedTuple):
    """How a door was opened. No `token`: none is asked for, which is for loopback alone."""

    names: frozenset[str] = LOOPBACK_NAMES  # that lead here: host names or addresses, in any case, without brackets
    origins: frozenset[str] = frozenset()  # of pages that may come: "https://example.com"
    token: Secret = Secret("")
    is_secure: bool = False  # it speaks TLS
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
    is_look: bool = False  # no upgrade: a look at the page, or at its state
    is_host: bool = False  # it offers the words in which hosts speak


def is_own_page(rules: Rules, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from the door's own page. That the host it names is the door's was seen to before."""
    own = f"{'https' if rules.is_secure else 'http'}://{headers.get('host', '')}"
    return headers.get("origin", "").lower() == own.lower()


def endpoint_at(path: str, *, is_host: bool = False) -> str | None:
    """Return which endpoint is at a path: for a plain client one of the exchange's, for a host one more."""
    return (_HOSTS_PATHS if is_host else _PATHS).get(path)


class Doorkeeper:
    """Decides by the two tables below, and remembers how often each address came. Times are monotonic seconds."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._rates: dict[str, Quota] = {}
        self._looks: dict[str, Quota] = {}

    def refusal(self, visit: Visit, now: float) -> Refusal | None:
        """Return how to refuse a visit, `None` if it may come in."""
        # Strangers do not count, or a page could lock out whoever works here; whoever guesses at the token does.
        refusal = broken(STRANGERS, self._rules, visit)
        rates, most = (self._looks, LOOKS) if visit.is_look else (self._rates, CONNECTS)
        if refusal is None and not _is_within_rate(rates, most, visit.address, now):
            return _refusal(429, "Too Many Requests")
        return refusal or broken(LOOKERS if visit.is_look else CLIENTS, self._rules, visit)


def _is_within_rate(rates: dict[str, Quota], most: int, address: str, now: float) -> bool:
    if len(rates) >= _MAX_ADDRESSES:
        for known in [known for known, rate in rates.items() if rate.is_idle(now)]:
            del rates[known]
    if len(rates) >= _MAX_ADDRESSES and address not in rates:
        address = ""
    return rates.setdefault(address, Quota(most, 1.0)).take(now)


def _has_no_host(rules: Rules, visit: Visit) -> bool:  # noqa: ARG001
    return not visit.headers.get("host")


def _is_misled(rules: Rules, visit: Visit) -> bool:
    # Of whichever port: a tunnel, a container or a proxy in front may have another than this door.
    return _host(visit.headers["host"]) not in {*map(_plain, rules.names), _plain(visit.reached)}


def _is_foreign_page(rules: Rules, visit: Visit) -> bool:
    origin = visit.headers.get("origin")
    if origin is None or is_own_page(rules, visit.headers):
        return False
    return origin.lower() not in {one.lower().rstrip("/") for one in rules.origins}


def _is_lost(rules: Rules, visit: Visit) -> bool:  # noqa: ARG001
    return visit.path not in PAGE_PATHS if visit.is_look else endpoint_at(visit.path, is_host=visit.is_host) is None


def _has_no_token(rules: Rules, visit: Visit) -> bool:
    # In no variable: tracebacks are sometimes printed with all of them.
    return bool(rules.token) and not any(
        hmac.compare_digest(rules.token.reveal().encode(), one) for one in _tokens(visit)
    )


def _is_full(rules: Rules, visit: Visit) -> bool:
    return visit.clients >= rules.most_clients


def _has_many(rules: Rules, visit: Visit) -> bool:
    return visit.clients_there >= rules.most_of_one_address


_Table = tuple[tuple[Callable[[Rules, Visit], bool], int, str], ...]
# The first rule that is broken answers. Who only looks is let in also when the door is full: why, is what it is to see.
STRANGERS: _Table = (
    (_has_no_host, 400, "the request names no host"),
    (_is_misled, 421, "the host that the request names is not this one"),
    (_is_foreign_page, 403, "pages of this origin are not allowed here"),
    (_is_lost, 404, "there is no such endpoint"),
)
LOOKERS: _Table = ((_has_no_token, 401, "the door's token is missing or wrong"),)
CLIENTS: _Table = (
    *LOOKERS,
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


def _host(text: str) -> str:
    """Return the name in a Host header: `localhost:8080`, `[::1]:8080`, `example.com`; "" of what is none of these."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or text.strip().endswith("]"):
        return _plain(text)
    return _plain(host) if port.isascii() and port.isdigit() and len(port) <= 5 else ""


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
