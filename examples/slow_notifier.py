"""A notifier over a slow network.

Posts large trades to a web hook. The callback only puts them into a queue, and a thread of its own sends them: a slow
or broken web hook costs messages (told as a number) and never the stream.

    python examples/slow_notifier.py https://hooks.example.com/mine 100000000 KRW-BTC KRW-ETH
"""

import contextlib
import json
import queue
import sys
import threading
import urllib.request
from decimal import Decimal

from websocket_v6 import TradeEvent, WebSocketClientProxy

WAITING = 100  # messages
TIMEOUT = 10.0  # seconds for one


class Notifier:
    """Sends texts, one after the other, and forgets what does not fit."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.forgotten = 0
        self._waiting: queue.Queue[str] = queue.Queue(WAITING)
        threading.Thread(target=self._run, name="notifier", daemon=True).start()

    def put(self, text: str) -> None:
        """Take a text; never waits."""
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            self.forgotten += 1

    def _run(self) -> None:
        told = 0
        while True:
            text = self._waiting.get()
            missing = self.forgotten - told  # one thread counts and the other reads: no lock
            if missing:
                text, told = f"{text} ({missing} others were left out)", told + missing
            request = urllib.request.Request(  # noqa: S310 - the address is the user's own
                self.url, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"}
            )
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
                    pass
            except OSError as error:
                print(f"not sent: {error}", file=sys.stderr, flush=True)


def main() -> None:
    url, least, codes = sys.argv[1], Decimal(sys.argv[2]), sys.argv[3:]
    notifier = Notifier(url)

    def on_trade(trade: TradeEvent) -> None:
        worth = trade.trade_price * trade.trade_volume
        if worth >= least:
            side = "bought" if trade.ask_bid == "BID" else "sold"
            notifier.put(f"{trade.symbol}: {trade.trade_volume} {side} at {trade.trade_price:,}")

    with WebSocketClientProxy("slow_notifier") as proxy:
        proxy.subscribe_trade(codes, on_trade, snapshot=False)
        proxy.run()  # until Ctrl-C or SIGTERM


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
