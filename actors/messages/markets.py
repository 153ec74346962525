"""What the source of the list of markets is told beside what all sources are, and what it says of itself."""

from typing import TYPE_CHECKING

from websocket_v6.protocol.message import Message

if TYPE_CHECKING:
    from websocket_v6.protocol.exchange.market_list import Listing

__all__ = ["MarketsHealth", "Recall", "SilentCodes"]


class Recall(Message):
    """What this process knows already, from another source: there is no need to ask for it at once."""

    listings: "tuple[Listing, ...]"


class SilentCodes(Message):
    """Nothing comes of these, though they were asked for: the list may have changed."""

    codes: tuple[str, ...]


class MarketsHealth(Message):
    """`listed_ns` is when the last list came that is believed, 0 if none has; `problem` is that of the last call."""

    listed_ns: int
    problem: str
