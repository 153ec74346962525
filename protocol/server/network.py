"""How a door is opened to the network: what may be asked for, and what the door is then.

On loopback nothing more is needed. Whoever may come from elsewhere is served over TLS alone, and shows a token: else
everybody on the way reads along, and everybody on the network is served.
"""

import ipaddress
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.loopback import is_loopback
from websocket_v6.protocol.secret import Secret

from .door_rules import LOOPBACK_NAMES, Rules

__all__ = ["Network", "address_of", "check", "read_token_file", "rules_of", "web_url"]

LEAST_TOKEN, MOST_TOKEN = 32, 1024  # characters
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - told apart, not listened at

_PRINTABLE = re.compile(r"[!-~]+")
_NAME = re.compile(r"[0-9a-z](?:[0-9a-z.-]*[0-9a-z])?", re.IGNORECASE)


class Network(NamedTuple):
    """What is asked for: the options of `websocket-v6 serve`. Nothing here is checked or read yet."""

    port: int
    bind: str = "127.0.0.1"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    token_file: Path | None = None
    origins: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def check(network: Network) -> None:
    """Check that a door may be opened so.

    Raises:
        ConfigError: if not; it says what to do.
    """
    if not 0 <= network.port <= 65535:
        raise ConfigError(f"--port {network.port} is none: give 1 to 65535, or 0 for any that is free")
    if _ip(network.bind) is None:
        raise ConfigError(
            f"--bind {network.bind!r:.60} is no address of this machine: give one such as 127.0.0.1, ::1 or 0.0.0.0"
        )
    if (network.tls_cert is None) != (network.tls_key is None):
        raise ConfigError("TLS takes both, --tls-cert and --tls-key")
    if not is_loopback(network.bind):
        missing = [
            option
            for option, value in (
                ("--tls-cert and --tls-key", network.tls_cert),
                ("--token-file", network.token_file),
            )
            if value is None
        ]
        if missing:
            raise ConfigError(
                f"--bind {network.bind} lets in other machines, which takes TLS and a token: give "
                f"{' and '.join(missing)} as well, or leave --bind out to serve this machine alone"
            )
    for origin in network.origins:
        if not _is_origin(origin):
            raise ConfigError(f"--allow-origin {origin!r:.80} is no origin: give one such as https://example.com")
    for name in network.names:
        if not _NAME.fullmatch(name) and _ip(name.strip("[]")) is None:
            raise ConfigError(f"--host {name!r:.80} is no name: give one such as feeds.example.com, without a port")


def address_of(network: Network) -> str:
    """Return where to listen, as "127.0.0.1:8080" or "[::1]:8080"."""
    bind = "127.0.0.1" if network.bind == "localhost" else network.bind
    return f"[{bind}]:{network.port}" if ":" in bind else f"{bind}:{network.port}"


def rules_of(network: Network, token: Secret) -> Rules:
    """Return whom the door lets in."""
    return Rules(
        names=LOOPBACK_NAMES | frozenset(network.names),
        origins=frozenset(network.origins),
        token=token,
        is_secure=network.tls_cert is not None,
    )


def read_token_file(data: bytes) -> Secret:
    """Return the token that a file holds; a newline at its end is not part of it.

    Raises:
        ConfigError: if it holds none that is good enough. What it holds is not said.
    """
    token = Secret(data.decode("ascii", "replace").rstrip("\r\n"))
    del data  # tracebacks are sometimes printed with all local variables
    length = len(token.reveal())
    if length < LEAST_TOKEN:
        raise ConfigError(f"holds {length} characters: a token has at least {LEAST_TOKEN}")
    if length > MOST_TOKEN or not _PRINTABLE.fullmatch(token.reveal()):
        raise ConfigError(
            f"holds no token: give one line of {LEAST_TOKEN} to {MOST_TOKEN} letters, digits and signs, without spaces"
        )
    return token


def web_url(scheme: str, address: str, names: tuple[str, ...] = (), path: str = "") -> str:
    """Return the URL of an `address` that is listened at; for one that stands for all, of the first of `names`."""
    host, _, port = address.rpartition(":")
    if host.strip("[]") in WILDCARDS:
        host = names[0] if names else "ADDRESS"
    return f"{scheme}://{host}:{port}{path}"


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address("127.0.0.1" if text == "localhost" else text)
    except ValueError:
        return None


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises if it is no number
    except ValueError:
        return False
    rest = (parts.path.rstrip("/"), parts.query, parts.fragment, parts.username, parts.password)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not any(rest) and "*" not in text
