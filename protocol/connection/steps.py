"""What a connection's machine is told (events) and what it wants done (actions).

All times are monotonic seconds.
"""

from typing import Literal, TypeAlias

from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.message import Message

from .target import Target

__all__ = [
    "AbandonTransport",
    "AbortTransport",
    "Action",
    "Answered",
    "BlockPace",
    "Due",
    "Ended",
    "Event",
    "Failed",
    "Finish",
    "FinishTransport",
    "NewKeys",
    "OpenTransport",
    "Opened",
    "PartLost",
    "Renew",
    "Said",
    "Sample",
    "SendPing",
    "SendQuestion",
    "Suspected",
    "TakeTurn",
    "Tell",
    "TurnGiven",
    "Unwanted",
    "Wanted",
]


class Sample(Message):
    """A transport at one moment, for whoever judges its silence."""

    reading_since: float | None  # None: it has no credit, so that nothing can be heard
    bytes_at: float  # when the last bytes were read, the opening if none were yet
    data_at: float  # when the last data was, which pongs and answers are not


# --- events


class Wanted(Message):
    """Someone wants the endpoint."""


class Unwanted(Message):
    """Nobody wants the endpoint any more; what is open stays so for `linger` seconds."""

    linger: float = 0.0


class TurnGiven(Message):
    """The answer to TakeTurn: connect at `at`, unless connects are blocked for longer than `blocked_until` by then."""

    at: float
    blocked_until: float = float("-inf")


class Opened(Message):
    """The transport is open, with keys of this generation; 0 where none are needed."""

    keys: int = 0


class Failed(Message):
    """The transport could not open. It is gone."""

    error: WebSocketV6Error
    keys: int = 0


class Ended(Message):
    """The transport that was open is gone, by itself or because it was told to."""

    error: WebSocketV6Error


class PartLost(Message):
    """One of the sockets that the transport is made of could not open, or is gone; the others are not gone yet."""

    error: WebSocketV6Error


class Answered(Message):
    """The exchange listed what it serves, as it was asked with this ticket."""

    ticket: str


class Said(Message):
    """The exchange sent an error object."""

    name: str
    text: str


class Suspected(Message):
    """What it was asked for has not come, whatever else it answers: for this reason it is to be made anew."""

    reason: str


class NewKeys(Message):
    """The account's keys are of this generation now."""

    generation: int


class Finish(Message):
    """Come to an end: another takes over, or nobody will."""


class Due(Message):
    """The time of `next_due` has come. What was told before it is handled before it."""

    sample: Sample | None = None  # of the transport, at this moment
    slept: float = 0.0  # seconds that this machine was suspended since the last Due
    blocked_until: float = float("-inf")  # no connects of this process before
    stuck: int = 0  # transports that were abandoned and whose threads still run


Event: TypeAlias = (
    Wanted
    | Unwanted
    | TurnGiven
    | Opened
    | Failed
    | PartLost
    | Ended
    | Answered
    | Said
    | Suspected
    | NewKeys
    | Finish
    | Due
)


# --- actions, in the order in which they must be done


class OpenTransport(Message):
    """Say "connecting", and start a transport; it answers with Opened or Failed."""

    target: Target


class FinishTransport(Message):
    """Have the transport close: for this error or, without one, because nobody wants it. It answers with Ended.

    `is_stalled`: it answers and brings nothing, so that only its data shows up to when nothing was missed.
    """

    error: WebSocketV6Error | None
    is_stalled: bool = False


class AbortTransport(Message):
    """Have the transport give up its attempt at once. It answers with Failed, or with Ended if it was just open."""


class AbandonTransport(Message):
    """The transport does not end: write it off, and end its attachment in its place."""

    reason: str


class SendPing(Message):
    """Send a ping; any byte after it is an answer."""


class SendQuestion(Message):
    """Have the exchange list what it serves, as a question that is answered at once if anybody is there."""

    ticket: str


class TakeTurn(Message):
    """Take a turn among all that connect to this host, and say TurnGiven."""


class BlockPace(Message):
    """Let nothing in this process connect to this host before `until`."""

    until: float


class Renew(Message):
    """Have an heir started, which takes over before this one ends. Repeated until this one is told to end."""

    why: Literal["age", "keys"]


class Tell(Message):
    """Say how it stands, to whoever wants the endpoint. What ends an open transport says so itself."""

    state: Literal["lost", "refused", "closed"]
    error: WebSocketV6Error | None = None


Action: TypeAlias = (
    OpenTransport
    | FinishTransport
    | AbortTransport
    | AbandonTransport
    | SendPing
    | SendQuestion
    | TakeTurn
    | BlockPace
    | Renew
    | Tell
)
