"""What happens to who asks for the list of markets, and what it is to do.

Times are monotonic seconds where they are not named otherwise.
"""

from collections.abc import Mapping
from typing import TypeAlias

from websocket_v6.protocol.exchange.market_list import Listing, MarketList
from websocket_v6.protocol.message import Message

__all__ = [
    "Action",
    "Answered",
    "Ask",
    "Complain",
    "Due",
    "Event",
    "Failed",
    "Open",
    "Recall",
    "Refuse",
    "Relieve",
    "Requested",
    "Say",
    "Sign",
    "Unwanted",
    "Wait",
    "Wanted",
]


# --- events


class Wanted(Message):
    """Somebody needs the list."""


class Unwanted(Message):
    """Nobody needs it any more."""


class Requested(Message):
    """These quote currencies are to be told, now and whenever there is news of them."""

    quotes: tuple[str, ...]


class Recall(Message):
    """What was known before, in another life; `now_ns` is the time of the wall clock that `listed_ns` is of."""

    listings: tuple[Listing, ...]
    now_ns: int


class Answered(Message):
    """The exchange has answered. `heard`: when something last came of the codes that were known and are not in it."""

    listed: MarketList
    listed_ns: int
    heard: Mapping[str, float] = {}


class Failed(Message):
    """There was no answer, or one that is no list. `retry_after`: how long the exchange wants to be left alone."""

    reason: str
    retry_after: float | None = None


class Sign(Message):
    """Something suggests that the list is about to change, or has changed."""

    reason: str


class Due(Message):
    """It is `next_due`."""


Event: TypeAlias = Wanted | Unwanted | Requested | Recall | Answered | Failed | Sign | Due


# --- actions


class Ask(Message):
    """Ask the exchange; exactly one Answered or Failed follows."""


class Open(Message):
    """There is a list: say that quote currencies may be requested."""


class Wait(Message):
    """There is no list yet, for this reason; the next attempt is in `retry_in` seconds."""

    reason: str
    retry_in: float


class Say(Message):
    """Tell the list of one quote currency."""

    listing: Listing


class Refuse(Message):
    """The exchange has no such quote currency; it has these."""

    quote: str
    quotes: tuple[str, ...]


class Complain(Message):
    """For so many seconds there has been no list that can be believed, and why."""

    seconds: float
    reason: str


class Relieve(Message):
    """There is one again, after so many seconds."""

    seconds: float


Action: TypeAlias = Ask | Open | Wait | Say | Refuse | Complain | Relieve
