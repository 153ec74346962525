"""The door of a host: a thread that takes in guests. What becomes of them is for others to say."""

import contextlib
import os
import threading
import weakref
from multiprocessing.connection import Client, Connection, Listener
from typing import NamedTuple

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref

__all__ = ["Gateway", "GuestCame"]

BACKLOG = 64
PAUSE = 0.1  # seconds after an attempt that failed for want of descriptors
JOIN_TIMEOUT = 2.0


class GuestCame(NamedTuple):
    """Another process has connected; it has not proven anything yet (live)."""

    connection: "Connection[bytes, bytes]"


class Gateway(threading.Thread):
    """Listens at `address` from the moment it is made until `close`, and tells `owner` of whoever connects.

    Raises:
        OSError: if it cannot listen there.
    """

    def __init__(self, address: str, owner: Ref) -> None:
        super().__init__(name="gateway", daemon=True)
        self._address = address
        self._owner = owner
        self._listener = Listener(address, backlog=BACKLOG)
        self._closing = threading.Event()
        _gateways.add(self)

    def run(self) -> None:
        """Take in guests."""
        while not self._closing.is_set():
            try:
                connection = self._listener.accept()
            except OSError:  # it hung up at once, or this process has no descriptor left for it
                self._closing.wait(PAUSE)
                continue
            if self._closing.is_set() or not tell(self._owner, GuestCame(connection)):
                connection.close()
                break
        self._listener.close()

    def close(self) -> None:
        """Stop listening, and wait until the address is free."""
        self._closing.set()
        # Nothing else ends the waiting of `accept` on every system.
        with contextlib.suppress(OSError):
            Client(self._address).close()
        self.join(JOIN_TIMEOUT)

    def abandon(self) -> None:
        """Close a forked child's copy of the socket: guests that connect to it would wait for ever."""
        self._listener.close()


_gateways: "weakref.WeakSet[Gateway]" = weakref.WeakSet()


def _abandon_in_child() -> None:
    for gateway in list(_gateways):
        gateway.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_in_child)
