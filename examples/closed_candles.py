"""Closed candles, each once, and the moving average over the last twenty of each code.

The exchange never says that a candle is closed; the engine does, two seconds after its end by the exchange's own clock.
The average has no hole: twenty candles come over REST before the first live one, and so do those that a gap swallows.

    python examples/closed_candles.py 1m KRW-BTC KRW-ETH
"""

import contextlib
import os
import sys
from collections import defaultdict, deque
from decimal import Decimal

from websocket_v6 import ConnectionEvent, WebSocketClientProxy

LENGTH = 20


def on_connection(event: ConnectionEvent) -> None:
    """Say what an average lacks, if anything could not be had."""
    for missing in event.unrecovered:
        print("missing:", missing.symbol, missing.type, missing.reason, flush=True)


def main() -> None:
    os.environ.setdefault("WEBSOCKET_V6_BACKFILL", "1")  # what the history and gaps are fetched with
    interval, codes = sys.argv[1], sys.argv[2:]
    closes: defaultdict[str, deque[Decimal]] = defaultdict(lambda: deque(maxlen=LENGTH))
    with WebSocketClientProxy("closed_candles") as proxy:
        proxy.on_connection(on_connection)
        for candle in proxy.subscribe_candle(codes, interval=interval, closed=True, history=LENGTH):
            own = closes[candle.symbol]
            own.append(candle.trade_price)
            if candle.backfilled and candle.stream_type == "SNAPSHOT":
                continue  # from before the program was there: it counts, and is no news
            prices = (candle.opening_price, candle.high_price, candle.low_price, candle.trade_price)
            average = sum(own) / len(own)
            print(candle.candle_date_time_utc, candle.symbol, *prices, f"average {average:.8g}", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
