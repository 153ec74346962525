"""Connecting to a server: its name, its addresses, a proxy, TLS. For WebSocket and REST there is this one way."""

import os
from pathlib import Path

from websocket_v6.actors.forks import no_fork
from websocket_v6.protocol.dialing.place import Place
from websocket_v6.protocol.dialing.proxies import proxy_for
from websocket_v6.protocol.limits import HANDSHAKE_BYTES

from .attempt import Attempt
from .bounded_socket import BoundedSocket
from .names import look_up
from .race import connect

__all__ = ["dial"]


def dial(
    place: Place, attempt: Attempt, *, proxy: str | None = None, ca_file: Path | str | None = None
) -> BoundedSocket:
    """Return a connection to `place`, of which no more than 64 KiB are read until more is allowed.

    `proxy` is a URL, "direct", or nothing: then the environment decides (HTTPS_PROXY, ALL_PROXY, NO_PROXY).

    Raises:
        TransportError: if a proxy refuses, or the attempt is aborted (GivenUp).
        OSError and whatever else the libraries raise (see `outside`); nothing of it is left open then.
    """
    way = proxy_for(place, proxy, os.environ)
    if way is not None:
        with no_fork():
            from .tunnel import pass_through
    first = way or place
    addresses = look_up(first.host, first.port, attempt)
    attempt.doing = f"connecting to the proxy {way}" if way else f"connecting to {place}"
    try:
        sock = BoundedSocket(connect(addresses, attempt), attempt, HANDSHAKE_BYTES)
    except OSError as exc:
        if way is None or isinstance(exc, TimeoutError):
            raise
        raise OSError(exc.errno, f"the proxy {way} cannot be reached: {exc.strerror or exc}") from None
    try:
        if way is not None:
            pass_through(sock, way, place, attempt)
        if place.is_tls:
            sock.secure(place.host, ca_file)
    except BaseException:
        sock.close()
        raise
    return sock
