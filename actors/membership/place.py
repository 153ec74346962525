"""What a process is among the others, as it is told to the rest of it."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

import pykka

from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.errors import WebSocketV6Error

__all__ = ["HandOver", "MembershipHealth", "Placed", "Released", "Role"]


class Role(Enum):
    """What a process is among the others."""

    LOOKING = "looking"  # for the host
    HOST = "host"  # it owns the connections
    GUEST = "guest"  # it uses the host's
    EMBEDDED = "embedded"  # it owns connections and shares none


class Placed(NamedTuple):
    """This process is `role` from now on. Told to the owner, which has its sources lead there (live).

    A guest has from `link` what `shared` has a source for, and connections of its own for the other endpoints.
    """

    role: Role
    link: Ref | None = None
    shared: Mapping[str, int] = MappingProxyType({})
    error: WebSocketV6Error | None = None  # why it is embedded although it was to share
    seat: Ref | None = None  # who says so


class Released(NamedTuple):
    """Nothing comes from this link (live) any more: it can be closed."""

    link: Ref


class HandOver(NamedTuple):
    """This process is about to leave: hand over to a guest, if there is any. Answered through the future (live)."""

    done: "pykka.Future[bool]"


class MembershipHealth(NamedTuple):
    """The place of this process. `guests` are the processes that it serves."""

    role: str
    guests: int
