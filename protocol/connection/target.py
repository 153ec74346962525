"""Where a connection leads, and what differs there: the one place that knows exchange from door."""

from typing import TYPE_CHECKING

from websocket_v6.protocol.message import Message

if TYPE_CHECKING:
    from .door import Door


__all__ = ["DOOR_PATHS", "Target", "door_target", "remote_target"]

# Where a door serves which endpoint: at the exchange's own paths, and one that the exchange has not.
DOOR_PATHS = {
    "public": "/websocket/v1",
    "private": "/websocket/v1/private",
    "info": "/websocket/v1/info",
    "markets": "/websocket/v1/markets",
}


class Target(Message):
    """What a connection connects to. No `if is_door` elsewhere: what behaves differently reads its field here."""

    url: str  # of a door, for people alone
    is_paced: bool = True  # the exchange's limits on connects hold
    stalls: bool = True  # a silence that is too long is a fault
    ages: bool = True  # it is renewed at `Config.max_age`
    compresses: bool = True  # permessage-deflate is offered, if the configuration allows it
    splits: bool = False  # what one request cannot hold is divided among several sockets
    needs_keys: bool = False  # a token goes with the handshake
    door: "Door | None" = None  # of another process of this machine
    is_remote: bool = False  # it is the door of a host of another machine

    @property
    def is_door(self) -> bool:
        """Whether the peer says in words of its own how the connection behind it stands."""
        return self.door is not None or self.is_remote


def remote_target(url: str, *, needs_keys: bool) -> Target:
    """Return what leads to the host of another machine."""
    return Target(url, is_paced=False, stalls=False, ages=False, needs_keys=needs_keys, is_remote=True)


def door_target(door: "Door") -> Target:
    """Return what leads to another process of this machine: quick, unlimited, and quiet for as long as it likes."""
    return Target(
        f"the host, process {door.pid}", is_paced=False, stalls=False, ages=False, compresses=False, door=door
    )
