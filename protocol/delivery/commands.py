"""What the endpoint's machine has the router do, in the order in which it must happen.

They are made in `protocol/demand/endpoint.py`, told to the router as they are, and lie in its inbox in one order with
the data and whatever changes the data's meaning. An *attachment* is one life of one source; its number is never used
again, so that what comes too late from one that has ended cannot be taken for another's.
"""

from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.message import Message

__all__ = [
    "Admit",
    "End",
    "Expect",
    "Fenced",
    "Forget",
    "HoldTrades",
    "Join",
    "Mark",
    "Merge",
    "Missed",
    "Retire",
    "Skip",
    "Turn",
]


class Admit(Message):
    """Let this attachment bring data: what it brings is of `epoch`, and waits for Join if `is_held`.

    Its credits are given out here, not before: so nothing of it can come under an epoch that is not its own.
    """

    attachment: int
    epoch: int
    is_held: bool


class Join(Message):
    """Deliver what this attachment brings, and what was held of it."""

    attachment: int


class Turn(Message):
    """What comes from `endpoint` from here on is of `epoch`: something may be missing before it."""

    endpoint: str
    epoch: int


class End(Message):
    """Take nothing more from this attachment; answered with SourceEnded, unless its own came first."""

    attachment: int
    reason: str = ""


class Merge(Message):
    """`endpoint` has more than one source from here on, and each message counts once; or no more than one."""

    endpoint: str
    is_on: bool


class Mark(Message):
    """Say Marked once all that lies before this is delivered: a verdict of silence waits for it."""

    endpoint: str
    number: int


class Expect(Message):
    """From here on `streams` come at a greater depth: their last value is too short for a newcomer who wants it."""

    streams: tuple[Stream, ...]


class Skip(Message):
    """This attachment was asked to leave `streams` out: what it still brings of them counts for nothing.

    That ends with the next snapshot of each, with which it begins anew; or it is over, not `is_on`, for none has come.
    """

    attachment: int
    streams: tuple[Stream, ...]
    is_on: bool = True


class Retire(Message):
    """No source serves `streams` any more: forget their last values."""

    streams: tuple[Stream, ...]


class Forget(Message):
    """The last source of `endpoint` is gone: last values are no longer current."""

    endpoint: str


class HoldTrades(Message):
    """The public endpoint is back: hold its trades until those between the two times are fetched, if they can be."""

    epoch: int
    started_ns: int
    ended_ns: int
    patience: float  # seconds that they may be held


class Missed(Message):
    """The private endpoint is back: own orders and balances may have changed unseen since `started_ns`, None if not.

    `is_guest`: it is a host that brings its data, and asks the exchange what has happened.
    """

    epoch: int
    started_ns: int | None
    patience: float  # seconds that messages may be held
    is_guest: bool


class Fenced(Message):
    """All that is to be reconciled is in force: what REST says of the account from here on proves something."""

    epoch: int
