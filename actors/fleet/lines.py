"""Connections to the fleet's server: opened, checked and called by one thread each. redis-py connects and speaks.

Its retries are off, for they send again what may have been carried out. The connection is a raw one: what is sent is
never sent again, and answers come in their order. Everything that goes wrong is one of our errors, without a password.
"""

import contextlib
import importlib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from websocket_v6.actors.forks import in_child
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.errors import AuthenticationError, ConfigError, TransportError
from websocket_v6.protocol.outside_text import outside_text

__all__ = ["Command", "Line", "answers", "check_client", "connect", "nodes", "open_line", "outside", "packer"]

CONNECT_TIMEOUT: Final = 1.0
ANSWER_TIMEOUT: Final = 3.0  # longer than any reader blocks
# Errors of redis-py that say that another server is to be asked, or this one later: it is looked for again then.
ELSEWHERE: Final = frozenset(
    {"AskError", "ClusterDownError", "MasterDownError", "MovedError", "ReadOnlyError", "TryAgainError"}
)
DENIED: Final = "NoPermissionError"  # and one that says that this user may not do what a fleet does
LEAST_VERSION: Final = (7, 0)

Command: TypeAlias = Sequence[str | bytes | int]


def _library(name: str) -> Any:
    """Return a module of an extra, None if that is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


redis = _library("redis")


def check_client() -> None:
    """Check that a server can be spoken to.

    Raises:
        ConfigError: if the client is not installed.
    """
    if redis is None or _library("hiredis") is None:
        raise ConfigError("a fleet needs a client of Valkey: pip install 'websocket-v6[fleet]'")


def packer() -> Callable[[Sequence[str | bytes | int]], bytes]:
    """Return what makes bytes of a command."""
    pack = _library("hiredis").pack_command
    return lambda command: bytes(pack(tuple(command)))


class Line:
    """One connection to a server. Its owner's thread calls and closes it; only `abort` is for others."""

    def __init__(self, connection: Any, shown: str, username: str = "") -> None:
        self._connection = connection
        self.shown = shown
        self.is_replica = False
        self._username = username
        self._pack = packer()
        in_child(self)

    @property
    def socket(self) -> socket.socket:
        """The socket, for who reads and writes it himself."""
        sock: socket.socket = self._connection._sock
        return sock

    @property
    def is_tls(self) -> bool:
        """Whether one thread alone may touch the socket."""
        return isinstance(self.socket, ssl.SSLSocket)

    def call(self, *commands: Command) -> list[object]:
        """Send commands, and return the replies; one that is an error is returned as that.

        Raises:
            AuthenticationError: if this user may not do that.
            TransportError: if the server does not answer all of them, or has not what they are about.
        """
        with outside(self.shown, self._username):
            data = b"".join(map(self._pack, commands))  # in C, which redis-py's own packing is not
            self._connection.send_packed_command([data], check_health=False)
            return [self._reply() for _ in commands]

    def _reply(self) -> object:
        try:
            return self._connection.read_response(disable_decoding=True)
        except redis.ResponseError as exc:
            if type(exc).__name__ in {*ELSEWHERE, DENIED}:
                raise
            return exc

    def abort(self) -> None:
        """Have whoever waits for a reply wait no more."""
        sock = self._connection._sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _after_fork(self) -> None:
        sock = self._connection._sock
        if sock is not None:
            sock.close()  # the descriptor alone: the connection is the parent's

    def close(self) -> None:
        """Close the connection."""
        self._connection.disconnect()


def open_line(servers: Servers, key: str) -> Line:
    """Connect to the server that has `key`, and can write it.

    Raises:
        AuthenticationError: if it does not know the user, or the password is another.
        ConfigError: if its version is too old, or a file of certificates is none.
        TransportError: if it cannot be reached, or is a replica.
    """
    check_client()
    with outside(servers.shown, servers.username):
        return _first(servers, _places(servers, key))


def _places(servers: Servers, key: str) -> Sequence[tuple[str, int]]:
    match servers.kind:
        case "sentinel":
            return _masters(servers)
        case "cluster":
            return nodes(servers, key)
        case _:
            return servers.places or (("", 0),)


def _first(servers: Servers, places: Sequence[tuple[str, int]]) -> Line:
    for place in places[:-1]:
        with contextlib.suppress(redis.ConnectionError, redis.TimeoutError, OSError):
            return connect(servers, place)
    if not places:
        raise TransportError(f"nobody of {servers.shown} knows a server that can be written to")
    return connect(servers, places[-1])


def connect(servers: Servers, place: tuple[str, int], *, reads_only: bool = False) -> Line:
    """Connect to one server, and check its version and its role; a replica will do for who `reads_only`.

    Raises what redis-py does, beside what `open_line` raises.
    """
    line = Line(_connected(servers, place), servers.shown, servers.username)
    try:
        info, role = line.call(("INFO", "server"), ("ROLE",))
        for reply in (info, role):
            if isinstance(reply, Exception):
                raise reply
        _check_version(info if isinstance(info, bytes) else b"", servers.shown)
        line.is_replica = not isinstance(role, list) or role[0] != b"master"
        if line.is_replica and not reads_only:
            raise TransportError(f"{servers.shown} is a replica: it cannot be written to")
        if line.is_replica and (not isinstance(role, list) or role[3] != b"connected"):
            raise TransportError(f"a replica of {servers.shown} has no connection to it")
        if line.is_replica and servers.kind == "cluster":
            line.call(("READONLY",))
    except BaseException:
        line.close()
        raise
    return line


def _check_version(info: bytes, shown: str) -> None:
    fields = dict(line.partition(b":")[::2] for line in info.split(b"\r\n") if b":" in line)
    name = b"valkey_version" if b"valkey_version" in fields else b"redis_version"
    text = fields.get(name, b"").decode("ascii", "replace")
    with contextlib.suppress(ValueError):
        if tuple(map(int, text.split(".")[:2])) >= LEAST_VERSION:
            return
    raise ConfigError(f"{shown} is version {text or 'unknown'}: a fleet needs Valkey, or Redis from 7.0 on")


def _connected(servers: Servers, place: tuple[str, int], *, is_sentinel: bool = False) -> Any:
    options: dict[str, Any] = {
        "socket_timeout": ANSWER_TIMEOUT,
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
        "protocol": 2,
        "db": 0 if is_sentinel else servers.db,
    }
    if servers.password is not None and not is_sentinel:
        options |= {"username": servers.username or None, "password": servers.password.reveal()}
    if servers.kind == "unix":
        connection: Any = redis.UnixDomainSocketConnection(path=servers.path, **options)
    else:
        options |= {"host": place[0], "port": place[1], "socket_keepalive": True}
        if servers.is_tls and not is_sentinel:
            _check_files(servers)
            files = {"ssl_ca_certs": servers.ca, "ssl_certfile": servers.cert, "ssl_keyfile": servers.key}
            options |= {name: value or None for name, value in files.items()}
            connection = redis.SSLConnection(**options)
        else:
            connection = redis.Connection(**options)
    connection.connect()
    return connection


def _check_files(servers: Servers) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if servers.ca:
            context.load_verify_locations(servers.ca)
    except OSError as exc:
        raise ConfigError(f"{servers.shown}: ?ca={servers.ca} cannot be used: {outside_text(exc)}") from None
    try:
        if servers.cert or servers.key:
            context.load_cert_chain(servers.cert or servers.key, servers.key or None)
    except OSError as exc:
        files = f"?cert={servers.cert}&key={servers.key}"
        raise ConfigError(f"{servers.shown}: {files} cannot be used: {outside_text(exc)}") from None


def _masters(servers: Servers) -> list[tuple[str, int]]:
    """Ask the sentinels, each time anew: an old master comes back, and takes what is written before it is demoted."""
    found: list[tuple[str, int]] = []
    for reply in answers(servers, ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", servers.master)):
        if isinstance(reply, list) and len(reply) == 2:
            found.append((reply[0].decode(), int(reply[1])))
    return list(dict.fromkeys(found))


def nodes(servers: Servers, key: str, *, are_replicas: bool = False) -> list[tuple[str, int]]:
    """Ask the nodes of a cluster who has the key's slot, or who are replicas of that one."""
    slot = redis.crc.key_slot(key.encode())
    found: list[tuple[str, int]] = []
    for place, reply in zip(servers.places, answers(servers, ("CLUSTER", "SLOTS")), strict=False):
        for first, last, master, *replicas in reply if isinstance(reply, list) else ():
            if first <= slot <= last:
                those = replicas if are_replicas else [master]
                found += [(node[0].decode() or place[0], int(node[1])) for node in those]
    return list(dict.fromkeys(found))


def answers(servers: Servers, command: Command) -> Iterator[object]:
    """Yield what each of those that know says; None for one that says nothing."""
    is_sentinel = servers.kind == "sentinel"
    for place in servers.places:
        try:
            line = Line(_connected(servers, place, is_sentinel=is_sentinel), servers.shown)
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            yield None
            continue
        try:
            yield line.call(command)[0]
        except TransportError:
            yield None
        finally:
            line.close()


@contextlib.contextmanager
def outside(shown: str, username: str = "") -> Iterator[None]:
    """Turn what the client raises into our errors."""
    try:
        yield
    except redis.AuthenticationError as exc:
        raise AuthenticationError(f"{shown} does not let {_named(username)} in: {_words(exc)}") from None
    except redis.ResponseError as exc:
        if type(exc).__name__ == DENIED:
            raise AuthenticationError(f"{shown} denies {_named(username)} a right: {_words(exc)}") from None
        if str(exc).startswith(("NOAUTH", "WRONGPASS")):
            raise AuthenticationError(f"{shown} does not let {_named(username)} in: {_words(exc)}") from None
        raise TransportError(f"the fleet's server {shown} refuses: {_words(exc)}") from None
    except (redis.RedisError, OSError, ValueError) as exc:
        raise TransportError(f"the fleet's server {shown} {_trouble(exc)}") from None


def _named(username: str) -> str:
    return f"user {username!r}" if username else "the default user"


def _trouble(exc: BaseException) -> str:
    """Say what a connection's end was; with TLS that lies deeper than what the client says of it."""
    below: BaseException | None = exc
    while below is not None and not isinstance(below, ssl.SSLError):
        below = below.__cause__ or below.__context__
    if isinstance(below, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted (?ca= names a file of who vouches for it): {_words(below)}"
    if below is not None:
        return f"ended the handshake of TLS (does it want a client's certificate, ?cert= and ?key=?): {_words(below)}"
    return f"does not answer: {_words(exc)}"


def _words(exc: BaseException) -> str:
    return outside_text(exc) or type(exc).__name__
