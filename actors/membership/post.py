"""The post of the host, which one process holds: where it listens, how it is found, and who has the same keys."""

import contextlib
from pathlib import Path

import pykka

from websocket_v6.actors.base import ask
from websocket_v6.actors.jwt import GetFingerprint
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.errors import ConfigError

from .gateway import Gateway
from .rendezvous import HostEntry, Rendezvous

__all__ = ["Post"]

ASK_TIMEOUT = 5.0


class Post:
    """For the exchange `url`, in `folder`. `owner` is told of whoever comes while it is held."""

    def __init__(self, folder: Path, url: str, jwt: Ref, owner: Ref) -> None:
        self.entry: HostEntry | None = None  # while this process holds it
        self._folder = folder
        self._url = url
        self._jwt = jwt
        self._owner = owner
        self._rendezvous: Rendezvous | None = None
        self._gateway: Gateway | None = None

    @property
    def rendezvous(self) -> Rendezvous:
        """The files.

        Raises:
            ConfigError: if the folder cannot be used.
        """
        if self._rendezvous is None:
            self._rendezvous = Rendezvous(self._folder, self._url)
        return self._rendezvous

    def take(self) -> HostEntry:
        """Listen, and say so.

        Raises:
            OSError: if that cannot be.
            ConfigError: if the folder cannot be used.
        """
        rendezvous = self.rendezvous
        entry = rendezvous.new_entry()
        self._gateway = Gateway(entry.address, self._owner)
        self._gateway.start()
        rendezvous.announce(entry)
        self.entry = entry
        with contextlib.suppress(OSError, ConfigError):  # a kindness, no more
            rendezvous.sweep_dead()
        return entry

    def leave(self) -> None:
        """Let nobody in any more, and let go of the lock: another process may be the host."""
        self.close()
        self.unlock()

    def close(self) -> None:
        """Let nobody in any more."""
        gateway, self._gateway = self._gateway, None
        entry, self.entry = self.entry, None
        if gateway is not None:
            gateway.close()
        if entry is not None:
            self.rendezvous.withdraw(entry)

    def unlock(self) -> None:
        """Let go of the lock, if it is held."""
        if self._rendezvous is not None:
            self._rendezvous.unlock()

    # --- who has the same keys

    def own_keys(self) -> bytes:
        """Return the fingerprint of the keys here for who comes to this host; empty without any."""
        return b"" if self.entry is None else self.fingerprint(self.entry.key)

    def fingerprint(self, pipe_key: bytes) -> bytes:
        """Return what tells the host with this key for its pipe what keys are here; empty without any."""
        try:
            return bytes(ask(self._jwt, GetFingerprint(pipe_key), ASK_TIMEOUT))
        except (pykka.ActorDeadError, pykka.Timeout):
            return b""  # it is being replaced, and who asks with it
