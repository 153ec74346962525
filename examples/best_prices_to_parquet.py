"""Best bid and ask of many markets, or of all of a quote currency, to Parquet.

A row for each market whose book has changed, at most one a second: `throttle` keeps the newest book of each code, so a
slow disk costs rows and never memory. Only the best level is decoded. Numbers are exact decimals.

    pip install 'websocket-v6[parquet]'
    python examples/best_prices_to_parquet.py best 'KRW-*'

A Parquet file can be read once its end is written, so there is one for each minute, under its own name only when it is
whole: whoever reads `best/*.parquet` meanwhile (pandas, polars, DuckDB) sees whole files, and `kill -9` costs a minute
at most. With KRW-* it has all KRW markets, those that are listed tomorrow as well, and says which come and go.
"""

import argparse
import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet

from websocket_v6 import Mailbox, MarketsEvent, OrderbookEvent, WebSocketClientProxy

NUMBER = arrow.decimal128(38, 18)
SCHEMA = arrow.schema(
    [
        ("time", arrow.timestamp("ms", tz="UTC")),
        ("received", arrow.timestamp("us", tz="UTC")),
        ("code", arrow.string()),
        *((name, NUMBER) for name in ("bid", "bid_size", "ask", "ask_size")),
    ]
)


class Files:
    """Rows in files of `seconds` each, in `folder`."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder = folder
        self.seconds = seconds
        self.rows: list[dict[str, Any]] = []
        self.ends_at = 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, row: dict[str, Any]) -> None:
        """Have a row in the file of this time."""
        if not self.rows:
            self.ends_at = time.monotonic() + self.seconds
        self.rows.append(row)

    def look(self) -> None:
        """Write the file whose time is over."""
        if self.rows and time.monotonic() >= self.ends_at:
            self.close()

    def close(self) -> None:
        """Write what there is; another file begins with the next row."""
        if self.rows:
            file = self.folder / f"{self.rows[0]['received']:%Y-%m-%dT%H%M%S.%f}.parquet"
            part = file.with_suffix(".part")
            parquet.write_table(arrow.Table.from_pylist(self.rows, SCHEMA), part, compression="zstd")
            part.rename(file)
            self.rows = []  # not before that: Ctrl-C may come at any moment, and the rest is written then
            print(f"{file.name} is whole", flush=True)


def row(book: OrderbookEvent) -> dict[str, Any] | None:
    """Return a row of SCHEMA, `None` where a side of the book is empty."""
    best = book.best()
    if best is None or best.bid_price is None or best.ask_price is None:
        return None
    received = datetime.fromtimestamp(book.received_at / 1e9, UTC)
    values = (book.timestamp, received, book.symbol, best.bid_price, best.bid_size, best.ask_price, best.ask_size)
    return dict(zip(SCHEMA.names, values, strict=True))


def tell(news: MarketsEvent) -> None:
    """Say which markets have come or gone."""
    for code in news.removed:
        print(f"{code} is gone", flush=True)
    listed = ", ".join(news.added) if len(news.added) < len(news.markets) else f"all {len(news.markets)} markets"
    if news.added:
        print(f"{listed}: from now on", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the best bid and ask of markets to Parquet files.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("codes", nargs="+", help="such as KRW-BTC, or KRW-* for all of KRW")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two rows of a code")
    parser.add_argument("--file", type=float, default=60.0, help="seconds of one file")
    arguments = parser.parse_args()
    with (
        contextlib.closing(Files(arguments.folder, arguments.file)) as files,
        WebSocketClientProxy("best_prices") as proxy,
    ):
        proxy.on_markets(tell)
        books = proxy.subscribe_orderbook(arguments.codes, depth=1, mailbox=Mailbox.throttle(arguments.every))
        while True:
            with contextlib.suppress(TimeoutError):  # nothing has changed
                for book in books.get_many(1000, timeout=1.0):
                    if values := row(book):
                        files.add(values)
            files.look()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
