"""What the supervisor is told."""

from typing import Any, Literal

import pykka

from websocket_v6.protocol.message import Message

from .common import Ref
from .registry import Unsubscribe

__all__ = [
    "AwaitPlace",
    "DoorFailed",
    "DoorOpened",
    "Failed",
    "FleetPlaced",
    "GetChildren",
    "Join",
    "LeaveFleet",
    "Need",
    "OpenNetwork",
    "Quit",
    "Renew",
    "ShowState",
    "SourceServes",
    "TakeBack",
    "UseSettings",
]


class GetChildren(Message):
    """Who are the engine's actors now? Asked."""


class Join(Message):
    """A component uses the engine, and hears of it at `component` (live)."""

    component_id: str
    component: Ref


class Quit(Message):
    """A component no longer uses the engine, or will not after so many seconds."""

    component_id: str
    wait: float = 0.0


class AwaitPlace(Message):
    """Has this process found its place among the others? Answered through the future, once it has (live)."""

    place: "pykka.Future[Any]"  # actors.membership.place.Placed


class Failed(Message):
    """A bug ended the child called `name` (error: live); `inheritance` is what its successor begins with (live)."""

    name: str
    ref: Ref
    error: BaseException
    inheritance: Any = None


class Renew(Message):
    """A connection (live) is to be replaced by a new one, which must serve before this one ends.

    Told again and again until one does. Keys: the old ones are not to be used, so it ends also if the new are refused.
    Parts: what is wanted needs more sockets than it has, or fewer.
    """

    ref: Ref
    why: Literal["age", "keys", "parts"]


class SourceServes(Message):
    """This source has all that is wanted, or never will: one that it is to replace may end.

    `is_refused`: never, for its keys are refused.
    """

    source: int
    is_refused: bool = False


class UseSettings(Message):
    """Run so many connections for each endpoint, none for longer than `max_age` seconds: the most anybody wants."""

    redundancy: int
    max_age: float | None


class OpenNetwork(Message):
    """Serve the network as `opening`, an Opening of the server's room, says (live).

    Answered through the future (live), with the address that is listened at.

    Raises:
        OSError: if it cannot be listened there.
    """

    opening: Any
    address: "pykka.Future[str]"


class Need(Message):
    """This child, or the source of this endpoint, is not there in every engine, and needed from now on."""

    name: str


class TakeBack(Message):
    """The registry, or the next one if there is none now, is to hear this."""

    message: Unsubscribe


# --- of a door: to its owner, the supervisor or the membership


class DoorOpened(Message):
    """The server (live) listens at `address`."""

    server: Ref
    address: str


class DoorFailed(Message):
    """The server (live) cannot listen, or is no more, and why. Its last word.

    `error` (live): a bug, or what this machine has run out of, and not an answer.
    """

    server: Ref
    reason: str
    error: BaseException | None = None


# --- to the door to the network


class ShowState(Message):
    """What is to be shown to whoever looks: to the page, as JSON; to Prometheus, if it can be; and to /readyz."""

    state: bytes
    metrics: bytes | None = None
    unready: str = ""  # why not, in lines


# --- of fleets


class FleetPlaced(Message):
    """This machine leads for these endpoints, or reads their log, as `fleet` (live) has it.

    `is_next`: it is to lead next, and has connections of its own beside the log. `messages`, of who leads or will, is
    the exchange's format that the log has.
    """

    fleet: Ref
    endpoints: tuple[str, ...]
    leads: bool
    is_next: bool = False
    messages: str = ""


class LeaveFleet(Message):
    """This process is about to end: have another machine lead the fleet called `name`.

    Answered through the future (live) when it may go: whether whoever follows misses nothing.
    """

    name: str
    done: "pykka.Future[bool]"
