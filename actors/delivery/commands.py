"""What a component's thread is told by its proxy; they never leave the process."""

from collections.abc import Callable

from websocket_v6.protocol.events import MarketsEvent, OverflowEvent
from websocket_v6.protocol.message import Message

from .edge import Calls, Edge

__all__ = [
    "Attach",
    "Detach",
    "Leave",
    "MarketsFound",
    "OnConnection",
    "OnMarkets",
    "OnOverflow",
    "Overflowed",
]


class Attach(Message):
    """A new subscription of this component (live: callbacks never leave the process)."""

    edge: Edge


class Detach(Message):
    """The subscription is closed."""

    subscription_id: int


class OnConnection(Message):
    """Call this with what happens to connections (live), for as long as there is any."""

    calls: Callable[[], Calls | None]


class OnOverflow(Message):
    """Call this with what mailboxes drop (live), for as long as there is any."""

    calls: Callable[[], Calls | None]


class OnMarkets(Message):
    """Call this with which markets come and go (live), for as long as there is any."""

    calls: Callable[[], Calls | None]


class MarketsFound(Message):
    """Who pulls has come to a change of markets."""

    subscription_id: int
    event: MarketsEvent


class Overflowed(Message):
    """Who pulls has found that its mailbox dropped something."""

    subscription_id: int
    event: OverflowEvent


class Leave(Message):
    """The component ends: do what is left to do in `last` (live), then stop."""

    last: Callable[[], object]
