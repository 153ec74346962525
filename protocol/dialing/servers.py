"""Where a fleet's server is: what its URL says.

    valkey://[user:password@]host[:port][/db]         also redis://; rediss:// and valkeys:// with TLS
    valkey+unix:///path/of/the.sock[?db=1]
    valkey+sentinel://[user:password@]host:port,host:port/master[/db]
    valkey+cluster://[user:password@]host:port,host:port

With TLS ?ca=, ?cert= and ?key= name PEM files: who is trusted to vouch for the server, and what this machine shows.
"""

from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from websocket_v6.protocol.message import Message
from websocket_v6.protocol.secret import Secret

__all__ = ["SERVERS_FORM", "ReadFrom", "Servers", "parse_servers"]

SERVERS_FORM: Final = (
    "a server such as valkey://[user:password@]host:6379/0, redis:// or rediss://; valkey+unix:///path, "
    "valkey+sentinel://host:26379,host:26379/master or valkey+cluster://host:6379,host:6379"
)
_SCHEMES: Final = {"valkey": False, "redis": False, "valkeys": True, "rediss": True}
_PORTS: Final = {"": 6379, "sentinel": 26379, "cluster": 6379}
_FILES: Final = ("ca", "cert", "key")

Kind = Literal["single", "unix", "sentinel", "cluster"]


class Servers(Message):
    """Where the server is, or those that know where it is, and how one comes in. `shown` is for people."""

    kind: Kind
    places: tuple[tuple[str, int], ...]
    shown: str
    path: str = ""
    master: str = ""
    db: int = 0
    username: str = ""
    password: Secret | None = None
    is_tls: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""


ReadFrom: TypeAlias = Literal["replica"] | Servers | None  # any replica, that of a URL, or the server itself


def parse_servers(url: str) -> Servers | None:
    """Read a URL; None if it is none of a server."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        return None
    base, _, kind = parts.scheme.partition("+")
    allowed = {"db"} if kind == "unix" else set(_FILES) if _SCHEMES.get(base) else set()
    if base not in _SCHEMES or not url.isprintable() or " " in url or set(options) - allowed or parts.fragment:
        return None
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    place = _unix(parts.path, hosts, options) if kind == "unix" else _places(kind, hosts, parts.path)
    if place is None:
        return None
    return msgspec.structs.replace(
        place,
        shown=f"{parts.scheme}://{hosts}{parts.path}",
        username=unquote(username),
        password=Secret(unquote(password)) if password else None,
        is_tls=_SCHEMES[base],
        ca=options.get("ca", ""),
        cert=options.get("cert", ""),
        key=options.get("key", ""),
    )


def _unix(path: str, hosts: str, options: dict[str, str]) -> Servers | None:
    db = options.get("db", "0")
    if hosts or not path.startswith("/") or not db.isdecimal():
        return None
    return Servers("unix", (), "", path=unquote(path), db=int(db))


def _places(kind: str, hosts: str, path: str) -> Servers | None:
    if kind not in _PORTS:
        return None
    places = [_place(one, _PORTS[kind]) for one in hosts.split(",")]
    rest = path.strip("/").split("/") if path.strip("/") else []
    master = rest.pop(0) if kind == "sentinel" and rest else ""
    db = rest.pop(0) if rest and kind != "cluster" else "0"
    found = tuple(one for one in places if one is not None)
    is_sound = len(found) == len(places) and not rest and db.isdecimal() and bool(master) == (kind == "sentinel")
    if not is_sound or (not kind and len(found) > 1):
        return None
    name: Kind = "sentinel" if kind == "sentinel" else "cluster" if kind == "cluster" else "single"
    return Servers(name, found, "", master=master, db=int(db))


def _place(text: str, port: int) -> tuple[str, int] | None:
    try:
        parts = urlsplit(f"//{text}")
        given = parts.port
    except ValueError:
        return None
    return (parts.hostname, port if given is None else given) if parts.hostname else None
