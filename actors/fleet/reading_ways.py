"""Where a reader reads the log: at the server that is written to, or at one of its replicas, to spare it.

A replica may be behind, cut off, or be the master by tomorrow. Ids make that harmless, but it may bring nothing at all;
then the reader goes elsewhere, at the end to the server that is written to, and comes back after a while.
"""

import contextlib
import random
import time
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from websocket_v6.protocol.dialing.servers import ReadFrom, Servers
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error

from .lines import Line, answers, check_client, connect, nodes, open_line, outside

__all__ = ["ReadingWays"]

AVOID: Final = 30.0  # seconds for which a replica is left alone that was of no use, and for which the master is read

_Place: TypeAlias = tuple[str, int]


class ReadingWays:
    """Of one reader, to the servers that have `key`. Belongs to its thread."""

    def __init__(self, servers: Servers, key: str, read_from: ReadFrom) -> None:
        self._servers = servers
        self._key = key
        self._read_from = read_from
        self._known: list[_Place] = []  # replicas
        self._avoided: dict[_Place, float] = {}
        self._at: _Place | None = None
        self._since = 0.0

    def open(self) -> Line:
        """Connect to a replica if that is wanted and there is a good one, else to who is written to.

        Raises:
            WebSocketV6Error: if that cannot be reached either, as `open_line` does.
        """
        check_client()
        self._at, self._since = None, time.monotonic()
        if self._read_from is None:
            return open_line(self._servers, self._key)
        servers, places = self._replicas()
        for place in random.sample(places, len(places)):
            if self._avoided.get(place, 0.0) > self._since:
                continue
            self._at = place
            with contextlib.suppress(WebSocketV6Error), outside(servers.shown, servers.username):
                return connect(servers, place, reads_only=True)
            self.failed()
        self._at = None
        return open_line(self._servers, self._key)

    def failed(self) -> None:
        """Leave the replica alone that was opened last, if it was one: it is of no use."""
        if self._at is not None:
            self._avoided[self._at] = time.monotonic() + AVOID

    def should_return(self) -> bool:
        """Whether it is time to look for a replica again, where none was good."""
        return self._read_from is not None and self._at is None and time.monotonic() - self._since > AVOID

    def _replicas(self) -> tuple[Servers, Sequence[_Place]]:
        servers = self._servers
        if isinstance(self._read_from, Servers):
            return self._read_from, self._read_from.places or (("", 0),)
        found: list[_Place] = []
        match servers.kind:
            case "sentinel":
                found = _of_sentinels(servers)
            case "cluster":
                found = nodes(servers, self._key, are_replicas=True)
            case _:
                servers = msgspec.structs.replace(servers, kind="single")
                with contextlib.suppress(WebSocketV6Error):
                    found = _of_master(self._servers, self._key)
        self._known = found or self._known  # who cannot be asked now has them all the same
        return servers, self._known


def _of_sentinels(servers: Servers) -> list[_Place]:
    found: list[_Place] = []
    for reply in answers(servers, ("SENTINEL", "REPLICAS", servers.master)):
        for row in reply if isinstance(reply, list) else ():
            about = dict(zip(row[::2], row[1::2], strict=True))
            flags = about.get(b"flags", b"").split(b",")
            if about.get(b"master-link-status") == b"ok" and not {b"s_down", b"o_down", b"disconnected"} & set(flags):
                found.append((about[b"ip"].decode(), int(about[b"port"])))
    return list(dict.fromkeys(found))


def _of_master(servers: Servers, key: str) -> list[_Place]:
    """Ask the server that is written to; it names them as they said themselves."""
    line = open_line(servers, key)
    try:
        (role,) = line.call(("ROLE",))
    finally:
        line.close()
    if not isinstance(role, list):
        raise TransportError(f"{servers.shown} does not say who its replicas are")
    return [(host.decode(), int(port)) for host, port, _ in role[2]]
