"""What a component's thread is told by its proxy; they never leave the process."""

from collections.abc import Callable
from typing import NamedTuple

from websocket_v6.protocol.events import MarketsEvent, OverflowEvent

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


class Attach(NamedTuple):
    """A new subscription of this component (live: callbacks never leave the process)."""

    edge: Edge


class Detach(NamedTuple):
    """The subscription is closed."""

    subscription_id: int


class OnConnection(NamedTuple):
    """Call this with what happens to connections (live), for as long as there is any."""

    calls: Callable[[], Calls | None]


class OnOverflow(NamedTuple):
    """Call this with what mailboxes drop (live), for as long as there is any."""

    calls: Callable[[], Calls | None]


class OnMarkets(NamedTuple):
    """Call this with which markets come and go (live), for as long as there is any."""

    calls: Callable[[], Calls | None]


class MarketsFound(NamedTuple):
    """Who pulls has come to a change of markets."""

    subscription_id: int
    event: MarketsEvent


class Overflowed(NamedTuple):
    """Who pulls has found that its mailbox dropped something."""

    subscription_id: int
    event: OverflowEvent


class Leave(NamedTuple):
    """The component ends: do what is left to do in `last` (live), then stop."""

    last: Callable[[], object]
