"""What the fleet is told, by the sources that read its log, by its threads and by the supervisor; and what it tells."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from websocket_v6.actors.ways import Way
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.message import Message

from .common import Ref

if TYPE_CHECKING:
    from websocket_v6.protocol.fleet.entries import State

__all__ = [
    "AskLog",
    "CallFailed",
    "Called",
    "FleetHealth",
    "GotValues",
    "JoinLog",
    "Listen",
    "LogBegins",
    "LogFollowed",
    "LogHeard",
    "LogOwes",
    "LogRead",
    "LogServes",
    "LogWanted",
    "Look",
    "OwnServes",
    "Participate",
    "Renew",
    "ResumeFrom",
    "ResumeLog",
    "Retry",
    "Tick",
    "UseFleet",
    "ValuesTaken",
    "WriterEnded",
    "WriterOpened",
    "WriterSaid",
]


# --- the answer to GetHealth


class FleetHealth(NamedTuple):
    """This machine's place in its fleet. `leader` is the name of the machine that leads, as it was seen last."""

    endpoints: tuple[str, ...]
    leads: bool
    leader: str
    term: int
    machines: int  # that this one serves, if it leads
    reachable: bool  # the server
    error: str
    scope: str
    resume: str = ""  # the name of this process, if it has one
    undone: float = 0.0  # how old the oldest message is that it is not done with, in seconds

    def __str__(self) -> str:
        what = f"fleet of {' and '.join(self.endpoints)}: "
        if self.error:
            return what + self.error
        if self.leads:
            return what + f"leads, for {self.machines} other machines that want something"
        return what + (f"reads what {self.leader} writes" if self.leader else "nobody leads")


# --- supervisor to the fleet


class Participate(Message):
    """This process takes part: it has connections of its own, or would have without a fleet; or not any more."""

    is_on: bool


class OwnServes(Message):
    """A connection of this machine's own, which is to lead next, misses nothing of an endpoint."""

    endpoint: str


# --- sources to the fleet


class LogHeard(Message):
    """The log of an endpoint is read, and its leader's connection is open; or not any more."""

    endpoint: str
    is_open: bool


class LogWanted(Message):
    """This machine wants just this of an endpoint: a request as the exchange would get it, empty for nothing."""

    endpoint: str
    request: bytes


class JoinLog(Message):
    """A reader needs a checkpoint of an endpoint."""

    endpoint: str


class AskLog(Message):
    """What does the exchange say that it serves on `endpoint`? Answered in the log, under this ticket."""

    endpoint: str
    ticket: str


class LogBegins(Message):
    """The log of an endpoint is read from now on: what is wanted of it is to be known."""

    endpoint: str


class LogFollowed(Message):
    """A reader of an endpoint has begun; how far it has come is in `progress` (live)."""

    endpoint: str
    progress: Any  # actors.fleet.progress.Progress


class ResumeLog(Message):
    """Where does `source` (live) of an endpoint begin, whose process has a resume name? Told by ResumeFrom."""

    endpoint: str
    source: Ref


class LogRead(Message):
    """How far the log of an endpoint is read; `lag_us` is how old that was then."""

    endpoint: str
    id: str
    lag_us: int


# --- supervisor to sources, and a source's thread to it


class UseFleet(Message):
    """Tell this fleet (live) what is wanted."""

    fleet: Ref


class LogServes(Message):
    """The log is read, and its leader's connection is in this state; `serves` is the attachment, or 0."""

    serves: int
    state: str
    error: WebSocketV6Error | None = None


class ResumeFrom(Message):
    """The name is this process's, as `claimed` says, and `resumption` what is owed (live), None for a newcomer.

    With an error instead it is another process's.
    """

    claimed: Any  # actors.fleet.progress.Claimed
    resumption: Any = None  # protocol.fleet.resume.Resumption, or None
    error: WebSocketV6Error | None = None


# --- threads to the fleet


class Called(Message):
    """The server's replies to a call; one that is an error is an exception. Times are monotonic seconds."""

    tag: str
    replies: Sequence[object]
    asked_at: float
    at: float


class CallFailed(Message):
    """The server did not answer a call, and why (error: live)."""

    tag: str
    error: WebSocketV6Error


class WriterOpened(Message):
    """There is a connection to write the log through (live)."""

    number: int


class WriterSaid(Message):
    """The server refused what was written: the value of a `standing.Answer`, and its words."""

    number: int
    answer: str
    text: str


class WriterEnded(Message):
    """That connection is over, and why. The last word."""

    number: int
    error: WebSocketV6Error


# --- the log's mouth to the fleet


class ValuesTaken(Message):
    """The last values of a log as of one entry (events: live)."""

    way: Way
    term: int
    sequence: int
    state: "State | None"
    covers: tuple[str, ...]
    events: tuple[Event, ...]


class LogOwes(Message):
    """Trades that were promised in the log are yet to come; or not any more."""

    is_on: bool


# --- the fleet to itself


class Look(Message):
    """Time for a look, or a beat."""


class Renew(Message):
    """Time to say that this machine is there."""


class Tick(Message):
    """Another second."""


class Retry(Message):
    """Time to connect a writer again."""


class Listen(Message):
    """Time to hear again what machines say."""


class GotValues(Message):
    """Where the router's last values are (live)."""

    values: Any
