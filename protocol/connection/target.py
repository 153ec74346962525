"""Where a connection leads, and what differs there: the one place that knows exchange from door."""

from typing import NamedTuple

from .door import Door

__all__ = ["DOOR_PATHS", "Target", "door_target"]

# Where a door serves which endpoint: at the exchange's own paths.
DOOR_PATHS = {
    "public": "/websocket/v1",
    "private": "/websocket/v1/private",
    "info": "/websocket/v1/info",
}


class Target(NamedTuple):
    """What a connection connects to. No `if is_door` elsewhere: what behaves differently reads its field here."""

    url: str  # of a door, for people alone
    is_paced: bool = True  # the exchange's limits on connects hold
    stalls: bool = True  # a silence that is too long is a fault
    ages: bool = True  # it is renewed at `Config.max_age`
    compresses: bool = True  # permessage-deflate is offered, if the configuration allows it
    needs_keys: bool = False  # a token goes with the handshake
    # It leads to another process, which says in its own words how its connections stand.
    door: Door | None = None


def door_target(door: Door) -> Target:
    """Return what leads to another process of this machine: quick, unlimited, and quiet for as long as it likes."""
    return Target(
        f"the host, process {door.pid}", is_paced=False, stalls=False, ages=False, compresses=False, door=door
    )
