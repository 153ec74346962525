"""What this machine says of itself at the server: what it wants, that it is there, how far it has read.

Not an actor: the fleet owns one, and has its commands called.
"""

import time
from collections.abc import Sequence
from typing import Final

import msgspec

from websocket_v6.protocol.fleet.ids import Keys
from websocket_v6.protocol.fleet.sealing import Seal
from websocket_v6.protocol.fleet.wants import Machine, MachineWants, encode

from .lines import Command

__all__ = ["LIFE", "RENEW", "Presence"]

LIFE: Final = 15.0  # seconds for which what is wanted lives without a word of its machine
RENEW: Final = 5.0  # seconds between two words
HEAD: Final = 24  # bytes by which one version of what is wanted is told from another
CONTROLS: Final = 10_000  # entries of the control stream, about


class Presence:
    """Of one machine. What it wants is encrypted with `seal`, if there is one.

    With a resume name it stays as it is when its process ends, for `retention` seconds, as long as the log reaches.
    """

    def __init__(
        self, keys: Keys, machine: str, about: Machine, seal: Seal | None = None, retention: float = 0.0
    ) -> None:
        self._keys = keys
        self._machine = machine
        self._about = about
        self._seal = seal
        self._life = int(1000 * (max(LIFE, retention) if about.resume else LIFE))
        self._requests: dict[str, bytes] = {}
        self._head = b""  # of what is wanted as it was written last: its version, or a nonce

    @property
    def wants_something(self) -> bool:
        """Whether there is anything to renew."""
        return bool(self._requests)

    def wants(self, endpoint: str) -> bool:
        """Whether anything is wanted of an endpoint."""
        return endpoint in self._requests

    def place(self, endpoint: str) -> str:
        """Return up to where a log was read at least; "" if it is not, or not yet."""
        return self._about.places.get(endpoint, "") if endpoint in self._requests else ""

    def want(self, endpoint: str, request: bytes) -> bool:
        """Want just this of an endpoint; return whether that is news."""
        before = dict(self._requests)
        self._requests.pop(endpoint, None)
        if request:
            self._requests[endpoint] = request
        else:  # who reads it again begins elsewhere
            places = {other: place for other, place in self._about.places.items() if other != endpoint}
            self._about = msgspec.structs.replace(self._about, places=places)
        return self._requests != before

    def read(self, endpoint: str, id_: str, lag_us: int) -> None:
        """Note how far a log was read."""
        places, lags = {**self._about.places, endpoint: id_}, {**self._about.lag_us, endpoint: lag_us}
        self._about = msgspec.structs.replace(self._about, places=places, lag_us=lags)

    def publish(self, *, is_news: bool = True) -> list[Command]:
        """Write down what is wanted, and tell the leader."""
        if is_news:
            self._about = msgspec.structs.replace(self._about, version=self._about.version + 1)
        key = self._keys.want(self._machine)
        if self._requests:
            body = encode(MachineWants(self._about.version, self._requests))
            if self._seal is not None:
                body = self._seal.close_value(body)
            self._head = body[:HEAD]
            write: Command = ("SET", key, body, "PX", self._life)
        else:
            write = ("DEL", key)
        return [("MULTI",), write, self._describe(), self.control("want"), ("EXEC",)]

    def renew(self) -> list[Command]:
        """Say that it is there, and that what it wants lives on."""
        key = self._keys.want(self._machine)
        return [("PEXPIRE", key, self._life), ("GETRANGE", key, 0, HEAD - 1), self._describe()]

    def is_known(self, replies: Sequence[object]) -> bool:
        """Whether the server has what is wanted, by its replies to `renew`; else it must be written down again.

        A replica that was behind may have an older version of it.
        """
        return not self._requests or (replies[0] == 1 and replies[1] == self._head)

    def leave(self) -> list[Command]:
        """Be there no more; with a resume name, be away."""
        key = self._keys.want(self._machine)
        if self._about.resume:
            return [("PEXPIRE", key, self._life), self._describe()]
        return [("DEL", key), ("HDEL", self._keys.machines, self._machine), self.control("gone")]

    def control(self, kind: str, *more: str) -> Command:
        """Tell the leader something."""
        return (
            *("XADD", self._keys.control, "MAXLEN", "~", CONTROLS, "*"),
            *("kind", kind, "machine", self._machine, "version", str(self._about.version), *more),
        )

    def _describe(self) -> Command:
        self._about = msgspec.structs.replace(self._about, renewed=time.time())
        return ("HSET", self._keys.machines, self._machine, encode(self._about))
