"""A union with the one attachment that serves it, and wants to be drawn."""

from typing import Any

from hypothesis import strategies as st

from websocket_v6.protocol.demand.coverage import Coverage, Plan
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Want, candle_want, orderbook_want, ticker_want, trade_want

CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "BTC-ETH"]
RSI = {"type": "rsi", "params": {"period": 14}}
public_wants = st.one_of(
    st.builds(
        lambda codes, snap: ticker_want(codes, snapshot=snap),
        st.lists(st.sampled_from(CODES), min_size=1),
        st.booleans(),
    ),
    st.builds(lambda codes: trade_want(codes), st.lists(st.sampled_from(CODES), min_size=1)),
    st.builds(lambda codes: candle_want(codes, interval="1s"), st.lists(st.sampled_from(CODES), min_size=1)),
    st.builds(
        lambda codes, depth: orderbook_want(codes, depth=depth),
        st.lists(st.sampled_from(CODES), min_size=1),
        st.sampled_from([1, 5, 15, 30]),
    ),
)


class One:
    """A union and the one attachment that serves it."""

    def __init__(self) -> None:
        self.union, self.served = Union(), Coverage()
        self.add = self.union.add
        self.saw, self.sent = self.served.saw, self.served.sent

    def begin_again(self) -> None:
        self.served = Coverage()
        self.saw, self.sent = self.served.saw, self.served.sent

    def plan(self) -> Plan | None:
        return self.served.plan(self.union)

    def remove(self, want: Want) -> list[Stream]:
        gone = self.union.remove(want)
        self.served.forget(gone)
        return gone


def types(one: One) -> list[dict[str, Any]]:
    """Return what the next request would ask, and note it as sent."""
    plan = one.plan()
    assert plan is not None
    one.sent(plan)
    return plan.types
