"""What a process is among the others, as it is told to the rest of it."""

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import pykka

from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.wants import without_account
from websocket_v6.protocol.message import Message

if TYPE_CHECKING:
    from websocket_v6.protocol.connection.door import Door

__all__ = ["HandOver", "MembershipHealth", "Placed", "Released", "Role", "Survey", "no_survey"]


class Survey(Protocol):
    """Looks at the engine of this process for somebody, without making the caller wait."""

    def __call__(self, is_whole: bool, done: Callable[[Any], object]) -> object:
        """Have `done` called in another thread: with the state of a host as JSON, else with `words.Components`."""


def no_survey(is_whole: bool, done: Callable[[Any], object]) -> object:
    """Nobody looks."""


class Role(Enum):
    """What a process is among the others."""

    LOOKING = "looking"  # for the host
    HOST = "host"  # it owns the connections
    GUEST = "guest"  # it uses the host's
    EMBEDDED = "embedded"  # it owns connections and shares none


class Placed(Message):
    """This process is `role` from now on. Told to the owner, which has its sources lead there (live).

    A guest has the endpoints `shared` through `door`, and connections of its own for the others.
    """

    role: Role
    door: "Door | None" = None
    shared: tuple[str, ...] = ()
    # Why it is embedded although it was to share; or why it looks for a host, when the one it had is proven to hang.
    error: WebSocketV6Error | None = None
    membership: Ref | None = None  # who says so
    generation: int = 0  # of the keys for which the host shares these

    def with_keys(self, generation: int) -> "Placed":
        """Return what holds with keys of this generation: a host's word on older ones is none on these."""
        return (
            self
            if self.generation >= generation
            else msgspec.structs.replace(self, shared=without_account(self.shared))
        )


class Released(Message):
    """Nothing comes through this door any more: the member socket there can be closed."""

    door: "Door"


class HandOver(Message):
    """This process is about to leave: hand over to a guest, if there is any. Answered through the future (live)."""

    done: "pykka.Future[bool]"


class MembershipHealth(Message):
    """The place of this process. `guests` are the processes that it serves, through its `door` (live)."""

    role: str
    guests: int
    door: Ref | None = None
