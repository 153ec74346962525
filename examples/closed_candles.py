"""Closed candles, each once.

The exchange sends a candle whenever it changes and never says that it is closed. It is, once one with a later start
arrives. In a quiet market that may be minutes later, and minutes without a trade have no candle at all.

    python examples/closed_candles.py 1m KRW-BTC KRW-ETH
"""

import contextlib
import sys
from collections.abc import Iterable, Iterator

from websocket_v6 import CandleEvent, WebSocketClientProxy


def closed(candles: Iterable[CandleEvent]) -> Iterator[CandleEvent]:
    """Yield the last state of each candle when the next one of its code begins.

    The first one of a code is left out: it may have begun before the program did. A late change to one that was already
    given is ignored.
    """
    current: dict[str, CandleEvent] = {}
    first: dict[str, str] = {}
    for candle in candles:
        before = current.get(candle.symbol)
        start = candle.candle_date_time_utc  # as text it sorts as time does
        first.setdefault(candle.symbol, start)
        if before is not None and start < before.candle_date_time_utc:
            continue
        current[candle.symbol] = candle
        if before is not None and start > before.candle_date_time_utc > first[candle.symbol]:
            yield before


def main() -> None:
    interval, codes = sys.argv[1], sys.argv[2:]
    with WebSocketClientProxy("closed_candles") as proxy:
        for candle in closed(proxy.subscribe_candle(codes, interval=interval)):
            prices = (candle.opening_price, candle.high_price, candle.low_price, candle.trade_price)
            print(candle.candle_date_time_utc, candle.symbol, *prices, candle.candle_acc_trade_volume, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
