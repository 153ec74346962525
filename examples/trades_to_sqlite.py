"""Every trade into SQLite, none twice and none lost without a word.

Trades that were missed in a gap are fetched over REST (`backfill`). Nothing waits without bound: `lossless` ends the
program with an error rather than leave a hole. Rows are written together, when no more is waiting: a commit for each
trade would be too slow for a busy market.

    python examples/trades_to_sqlite.py trades.db KRW-BTC KRW-ETH
"""

import contextlib
import os
import sqlite3
import sys
from dataclasses import dataclass, field

from websocket_v6 import Config, ConnectionEvent, Mailbox, TradeEvent, WebSocketClientProxy

TABLE = """
CREATE TABLE IF NOT EXISTS trades (
    code TEXT, id INTEGER, time INTEGER, price TEXT, volume TEXT, side TEXT, PRIMARY KEY (code, id)
)
"""
MOST = 1000  # rows of one transaction


@dataclass
class Tape:
    """The table, and the rows that wait for it."""

    database: sqlite3.Connection
    rows: list[tuple[str, int, int, str, str, str]] = field(default_factory=list)

    def add(self, trade: TradeEvent) -> None:
        # Numbers as text: they are exact, as they came.
        price, volume = str(trade.trade_price), str(trade.trade_volume)
        self.rows.append((trade.symbol, trade.sequential_id, trade.trade_timestamp, price, volume, trade.ask_bid))

    def write(self) -> None:
        with self.database:  # one transaction
            # The first trade after the start may be there from the last run.
            self.database.executemany("INSERT OR IGNORE INTO trades VALUES (?, ?, ?, ?, ?, ?)", self.rows)
        self.rows.clear()


def tell(event: ConnectionEvent) -> None:
    for hole in event.unrecovered:
        print(f"a hole in {hole.symbol}, {hole.started_at} to {hole.ended_at}: {hole.reason}", file=sys.stderr)


def main() -> None:
    file, codes = sys.argv[1], sys.argv[2:]
    environment = {"WEBSOCKET_V6_BACKFILL": "on", **os.environ}
    with (
        contextlib.closing(sqlite3.connect(file)) as database,
        WebSocketClientProxy("trades_to_sqlite", config=Config.from_env(environment)) as proxy,
    ):
        database.execute(TABLE)
        tape = Tape(database)
        proxy.on_connection(tell)
        trades = proxy.subscribe_trade(codes, mailbox=Mailbox.lossless(256 * 1024 * 1024))
        try:
            for trade in trades:
                tape.add(trade)
                if trades.stats.queued == 0 or len(tape.rows) >= MOST:
                    tape.write()
        finally:
            tape.write()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
