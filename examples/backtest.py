"""A backtest on a recording: the same bot that runs live, fed with what was.

It buys when the last trade lies well below the mean of the last hundred, and sells when it is back. What it pays and
gets are the best prices of the book as it stood at that trade. Without a recording it runs live, and only says what it
would do.

    websocket-v6 record day.wsr KRW-BTC --type trade --type orderbook
    python examples/backtest.py KRW-BTC day.wsr
    python examples/backtest.py KRW-BTC
"""

import sys
from collections import deque
from decimal import Decimal

from websocket_v6 import Config, TradeEvent, WebSocketClientProxy

SHARE = Decimal("0.001")  # below the mean
FEE = Decimal("0.0005")
MEAN_OF = 100


class Bot:
    """Holds one unit or none."""

    def __init__(self, proxy: WebSocketClientProxy) -> None:
        self.profit = Decimal(0)
        self.deals = 0
        self._proxy = proxy
        self._prices: deque[Decimal] = deque(maxlen=MEAN_OF)
        self._paid: Decimal | None = None

    def on_trade(self, trade: TradeEvent) -> None:
        self._prices.append(trade.trade_price)
        book = self._proxy.book(trade.symbol)
        if book is None or not book.orderbook_units or len(self._prices) < MEAN_OF:
            return
        best = book.orderbook_units[0]
        mean = sum(self._prices, Decimal(0)) / len(self._prices)
        if self._paid is None and best.ask_price is not None and best.ask_price < mean * (1 - SHARE):
            self._paid = best.ask_price * (1 + FEE)
            print(trade.timestamp, "buys at", best.ask_price, flush=True)
        elif self._paid is not None and best.bid_price is not None and best.bid_price >= mean:
            self.profit += best.bid_price * (1 - FEE) - self._paid
            self.deals += 1
            self._paid = None
            print(trade.timestamp, "sells at", best.bid_price, flush=True)


def main() -> int:
    code, recording = sys.argv[1], sys.argv[2:]
    config = Config.replay(recording[0]) if recording else None
    with WebSocketClientProxy("backtest", config=config) as proxy:
        bot = Bot(proxy)
        trades = proxy.subscribe_trade(code, bot.on_trade)
        proxy.subscribe_orderbook(code, lambda _: None)
        status = proxy.run()
        print(f"{trades.stats.delivered} trades, {bot.deals} deals, profit {bot.profit:f}")
    return status


if __name__ == "__main__":
    sys.exit(main())
