"""Mailbox policies: what happens when events come faster than their component takes them."""

from typing import Literal

import msgspec

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.limits import MAILBOX_BYTES, MAILBOX_EVENT_BYTES

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

    >>> calm = proxy.subscribe_ticker("KRW-BTC", mailbox=Mailbox.throttle(0.5))
    >>> Mailbox.drop_oldest(100, notify=True).kind
    'drop_oldest'
    """

    kind: Kind
    limit: float = 0  # events, bytes or seconds, as the kind has it; 0 where it has none
    notify: bool = False  # whether an OverflowEvent in the stream tells what was dropped
    max_bytes: int | None = None  # what may wait, 256 bytes for each event included; None: enough for any real traffic

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
        if problem is None and self.max_bytes is not None:
            if self.kind == "lossless":
                problem = "its limit is in bytes already"
            elif type(self.max_bytes) is not int or self.max_bytes < 1:
                problem = f"max_bytes={self.max_bytes!r:.60}: give at least 1"
        if problem:
            raise LocalProtocolError(f"Mailbox.{self.kind}({limit!r:.60}) makes no sense: {problem}")

    @property
    def budget(self) -> int:
        """How many bytes may wait, each event counted with 256 bytes beside its message (`weigh`)."""
        if self.kind == "lossless":
            return int(self.limit)
        if self.max_bytes is not None:
            return self.max_bytes
        return max(MAILBOX_BYTES, int(self.limit) * MAILBOX_EVENT_BYTES) if self.kind in _COUNTED else MAILBOX_BYTES

    @classmethod
    def latest(cls, *, notify: bool = False, max_bytes: int | None = None) -> "Mailbox":
        """Keep the newest event of each code. What that drops is told at most once a second.

        Beyond `max_bytes` (32 MiB if not given) the codes that have waited longest are dropped, and told.
        """
        return cls("latest", notify=notify, max_bytes=max_bytes)

    @classmethod
    def drop_oldest(cls, n: int, *, notify: bool = False, max_bytes: int | None = None) -> "Mailbox":
        """Keep the newest `n` events within `max_bytes`. What that drops is told before the next event, and logged.

        `max_bytes` is 8 KiB for each of `n` if not given, and 32 MiB at least: only what no real event has is too much.
        """
        return cls("drop_oldest", n, notify, max_bytes)

    @classmethod
    def throttle(cls, seconds: float, *, notify: bool = False, max_bytes: int | None = None) -> "Mailbox":
        """Deliver the newest event of each code, at most one every `seconds`: the first at once, the last for sure.

        What that drops is told at most once a second. `max_bytes` is as for `latest`.
        """
        return cls("throttle", seconds, notify, max_bytes)

    @classmethod
    def lossless(cls, max_bytes: int, *, notify: bool = False) -> "Mailbox":
        """Drop nothing. Once events of more than `max_bytes` wait, the subscription ends with MailboxFullError.

        What counts is memory: each message's bytes and 256 for its event.
        """
        return cls("lossless", max_bytes, notify)

    @classmethod
    def block(cls, n: int, *, max_bytes: int | None = None) -> "Mailbox":
        """Make its endpoint's sources wait while `n` events or more wait here, and all who take of them: for replay.

        Or while `max_bytes` or more wait, which is as for `drop_oldest` if not given.
        """
        return cls("block", n, max_bytes=max_bytes)

    def __repr__(self) -> str:
        limit = "" if self.kind == "latest" else repr(self.limit)
        told = "notify=True" if self.notify else ""
        budget = "" if self.max_bytes is None else f"max_bytes={self.max_bytes}"
        return f"Mailbox.{self.kind}({', '.join(filter(None, (limit, told, budget)))})"


_MIB = 1024 * 1024
# Each message of an order book is the whole book: an old one is worth nothing, and skipping it loses nothing. A ticker,
# a trade and a candle may each hold what no later one repeats; as many real ones hold less than these bytes. What
# concerns the account is never thinned out.
_LOSSLESS = Mailbox.lossless(64 * _MIB)
DEFAULT_POLICIES = {
    "ticker": Mailbox.drop_oldest(4096, max_bytes=16 * _MIB),
    "trade": Mailbox.drop_oldest(16_384, max_bytes=24 * _MIB),
    "candle": Mailbox.drop_oldest(4096, max_bytes=16 * _MIB),
    "orderbook": Mailbox.latest(),
    "myOrder": _LOSSLESS,
    "myAsset": _LOSSLESS,
    "announcement": _LOSSLESS,
    "indicator": _LOSSLESS,
    "indicator_signal": _LOSSLESS,
}


def default_policy(type_: str, *, closed: bool = False) -> Mailbox:
    """Return the policy of a subscription of `type_`, such as `candle.1m`, that asked for none.

    Candles that are `closed` are few, and each is told once: none is left out.
    """
    return _LOSSLESS if closed else DEFAULT_POLICIES[type_.partition(".")[0]]
