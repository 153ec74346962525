"""How far an order has come: what brings the messages and REST answers about one order in order.

Neither has a version, and their times are whole seconds. But what they count only grows: whether the order has ended,
its trades, what was executed of it, what self-match prevention took out; and `wait` comes after `watch`.
Source: Upbit WebSocket reference, "myOrder".
"""

from decimal import Decimal
from typing import NamedTuple

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import Event, MyOrderEvent

__all__ = ["ENDED", "Found", "FoundTrade", "Progress", "Said", "said_of"]

ENDED = ("done", "cancel")
TEXT = 64  # characters of an id that are looked at: a UUID has 36


class Progress(NamedTuple):
    """Compared as the tuple that it is: what is greater came later."""

    has_ended: bool = False
    trades: int = 0
    executed: Decimal = Decimal(0)
    prevented: Decimal = Decimal(0)
    is_triggered: bool = True  # it waits for nothing but other orders: its state is not `watch`


class Said(NamedTuple):
    """What one message of the stream says of an order. `trade` is the execution's id, empty if it is of none."""

    uuid: str
    code: str
    state: str
    trade: str
    progress: Progress


class FoundTrade(NamedTuple):
    """One execution as REST has it: its id, and the message that the stream would have sent."""

    uuid: str
    payload: bytes


class Found(NamedTuple):
    """One order as REST has it.

    `payload` is it as a message of its state, `prevented` the same as a message of that state, where self-match
    prevention took something out. `trades`, oldest first, are None where they were not asked for. `made_ms` is when
    it was made, by the exchange's clock.
    """

    uuid: str
    code: str
    progress: Progress
    made_ms: int
    payload: bytes
    prevented: bytes = b""
    trades: tuple[FoundTrade, ...] | None = None


def said_of(event: Event) -> Said | None:
    """Return what `event` says of an order; None if it is about none, or malformed, which the edge will say."""
    if not isinstance(event, MyOrderEvent):
        return None
    try:
        uuid, state, trade = event.uuid, event.state, event.trade_uuid
        progress = Progress(
            state in ENDED,
            event.trades_count or 0,
            event.executed_volume or Decimal(0),
            event.prevented_volume or Decimal(0),
            state != "watch",
        )
    except RemoteProtocolError:
        return None
    if not uuid or not state or len(uuid) > TEXT or len(trade or "") > TEXT:
        return None
    return Said(uuid, event.symbol, state, (trade or "") if state == "trade" else "", progress)
