"""Price alert.

Says once when a price goes above or below a bound, and again only after it has come back: no flood of messages while it
trembles around the bound.

    python examples/price_alert.py KRW-BTC --above 150000000 --below 140000000
"""

import argparse
import contextlib
from collections.abc import Iterable, Iterator
from decimal import Decimal

from websocket_v6 import TickerEvent, WebSocketClientProxy


def alerts(tickers: Iterable[TickerEvent], above: Decimal | None = None, below: Decimal | None = None) -> Iterator[str]:
    """Yield a line each time the price passes a bound."""
    place = ""
    for ticker in tickers:
        price, before = ticker.trade_price, place
        if above is not None and price > above:
            place = f"above {above:,}"
        elif below is not None and price < below:
            place = f"below {below:,}"
        else:
            place = ""
        if place and place != before:
            yield f"{ticker.symbol} is {place}: {price:,}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Say when a price passes a bound.")
    parser.add_argument("code", help="such as KRW-BTC")
    parser.add_argument("--above", type=Decimal)
    parser.add_argument("--below", type=Decimal)
    arguments = parser.parse_args()
    with WebSocketClientProxy("price_alert") as proxy:
        tickers = proxy.subscribe_ticker(arguments.code)
        for line in alerts(tickers, arguments.above, arguments.below):
            print(line, flush=True)  # or send it where you read it


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
