"""Best bid and ask of many markets, or of all, to CSV.

A row for each market whose book has changed, at most one a second: `throttle` keeps the newest book of each code, so a
slow disk costs rows and never memory. Only the best level is decoded.

    python examples/best_prices_to_csv.py best.csv KRW-BTC KRW-ETH KRW-XRP
    python examples/best_prices_to_csv.py best.csv 'KRW-*'

With KRW-* it has all KRW markets, those that are listed tomorrow as well, and says which come and go.
"""

import argparse
import contextlib
import csv
from datetime import UTC, datetime
from pathlib import Path

from websocket_v6 import Mailbox, MarketsEvent, OrderbookEvent, WebSocketClientProxy

COLUMNS = ("time", "code", "bid", "bid_size", "ask", "ask_size")


def row(book: OrderbookEvent) -> tuple[str, ...] | None:
    """Return the values of COLUMNS, `None` where a side of the book is empty."""
    best = book.best()
    if best is None or best.bid_price is None or best.ask_price is None:
        return None
    time = datetime.fromtimestamp(book.timestamp / 1000, UTC).isoformat(timespec="milliseconds")
    return (time, book.symbol, *map(str, (best.bid_price, best.bid_size, best.ask_price, best.ask_size)))


def tell(news: MarketsEvent) -> None:
    """Say which markets have come or gone."""
    for code in news.removed:
        print(f"{code} is gone", flush=True)
    listed = ", ".join(news.added) if len(news.added) < len(news.markets) else f"all {len(news.markets)} markets"
    if news.added:
        print(f"{listed}: from now on", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the best bid and ask of markets to a CSV file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("codes", nargs="+", help="such as KRW-BTC, or KRW-* for all of KRW")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two rows of a code")
    arguments = parser.parse_args()
    is_new = not arguments.file.exists()
    # Buffered by lines: whoever reads the file meanwhile sees whole rows.
    with (
        arguments.file.open("a", newline="", encoding="utf-8", buffering=1) as file,
        WebSocketClientProxy("best_prices") as proxy,
    ):
        writer = csv.writer(file)
        if is_new:
            writer.writerow(COLUMNS)
        proxy.on_markets(tell)
        for book in proxy.subscribe_orderbook(arguments.codes, depth=1, mailbox=Mailbox.throttle(arguments.every)):
            if values := row(book):
                writer.writerow(values)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
