"""Mailbox policies: what happens when events come faster than their component takes them."""

from typing import Literal

import msgspec

from websocket_v6.protocol.errors import LocalProtocolError

__all__ = ["DEFAULT_POLICIES", "Mailbox", "default_policy"]

Kind = Literal["latest", "drop_oldest", "throttle", "lossless", "block"]

# Kind -> what its limit counts.
_COUNTED = {"drop_oldest": "events", "lossless": "bytes", "block": "events"}


class Mailbox(msgspec.Struct, frozen=True):
    """A mailbox policy. Make one with the class methods; equal policies are equal values.

    What is dropped is counted in `stats` and told to `on_overflow`; with `notify=True` it is told by an OverflowEvent
    in the stream instead, in the place of what is missing.

    Raises:
        LocalProtocolError: if it makes no sense.
    """

    kind: Kind
    limit: float = 0  # events, bytes or seconds, as the kind has it; 0 where it has none
    notify: bool = False  # whether an OverflowEvent in the stream tells what was dropped

    def __post_init__(self) -> None:
        """Refuse nonsense, whichever way it was made."""
        limit, is_whole = self.limit, type(self.limit) is int
        match self.kind:
            case "latest":
                problem = None if limit == 0 else "it takes no limit"
            case "throttle":
                is_number = is_whole or type(limit) is float
                problem = None if is_number and 0 < limit < float("inf") else "give seconds above 0"
            case "drop_oldest" | "lossless" | "block":
                problem = None if is_whole and limit >= 1 else f"give at least 1, in whole {_COUNTED[self.kind]}"
            case _:
                problem = "there are latest, drop_oldest, throttle, lossless and block"
        if problem is None and type(self.notify) is not bool:
            problem = "notify is True or False"
        if problem:
            raise LocalProtocolError(f"Mailbox.{self.kind}({limit!r:.60}) makes no sense: {problem}")

    @classmethod
    def latest(cls, *, notify: bool = False) -> "Mailbox":
        """Keep the newest event of each code. What that drops is told at most once a second."""
        return cls("latest", notify=notify)

    @classmethod
    def drop_oldest(cls, n: int, *, notify: bool = False) -> "Mailbox":
        """Keep the newest `n` events. What that drops is told before the next event, and logged."""
        return cls("drop_oldest", n, notify)

    @classmethod
    def throttle(cls, seconds: float, *, notify: bool = False) -> "Mailbox":
        """Deliver the newest event of each code, at most one every `seconds`: the first at once, the last for sure.

        What that drops is told at most once a second.
        """
        return cls("throttle", seconds, notify)

    @classmethod
    def lossless(cls, max_bytes: int, *, notify: bool = False) -> "Mailbox":
        """Drop nothing. Once messages of more than `max_bytes` wait, the subscription ends with MailboxFullError."""
        return cls("lossless", max_bytes, notify)

    @classmethod
    def block(cls, n: int) -> "Mailbox":
        """Make its endpoint's sources wait while `n` events or more wait here, and all who take of them: for replay."""
        return cls("block", n)

    def __repr__(self) -> str:
        limit = "" if self.kind == "latest" else repr(self.limit)
        told = "notify=True" if self.notify else ""
        return f"Mailbox.{self.kind}({', '.join(filter(None, (limit, told)))})"


# Each message of an order book is the whole book: an old one is worth nothing, and skipping it loses nothing. A ticker,
# a trade and a candle may each hold what no later one repeats. What concerns the account is never thinned out.
_LOSSLESS = Mailbox.lossless(64 * 1024 * 1024)
DEFAULT_POLICIES = {
    "ticker": Mailbox.drop_oldest(4096),
    "trade": Mailbox.drop_oldest(16_384),
    "candle": Mailbox.drop_oldest(4096),
    "orderbook": Mailbox.latest(),
    "myOrder": _LOSSLESS,
    "myAsset": _LOSSLESS,
    "announcement": _LOSSLESS,
    "indicator": _LOSSLESS,
    "indicator_signal": _LOSSLESS,
}


def default_policy(type_: str) -> Mailbox:
    """Return the policy of a subscription of `type_`, such as `candle.1m`, that asked for none."""
    return DEFAULT_POLICIES[type_.partition(".")[0]]
