"""Two strategies in two processes.

Each is a process with a proxy of its own, and they share one connection to the exchange without knowing each other: one
of them is the host, the other its guest. Stop either, and the other goes on.

    python examples/two_strategies.py KRW-BTC
"""

import contextlib
import multiprocessing
import sys
from decimal import Decimal
from multiprocessing.synchronize import Event

from websocket_v6 import Mailbox, WebSocketClientProxy

PATIENCE = 0.5  # seconds after which a strategy looks whether it is to end


def pressure(code: str, is_over: Event) -> None:
    """Say which side trades more, every ten trades."""
    with WebSocketClientProxy("pressure") as proxy:
        trades = proxy.subscribe_trade(code)
        volume = {"ASK": Decimal(0), "BID": Decimal(0)}
        count = 0
        while not is_over.is_set():
            with contextlib.suppress(TimeoutError):
                trade = trades.get(timeout=PATIENCE)
                volume[trade.ask_bid] += trade.trade_volume
                count += 1
                if count % 10 == 0:
                    print(f"pressure ({proxy.health().role}): bought {volume['BID']}, sold {volume['ASK']}", flush=True)


def spread(code: str, is_over: Event) -> None:
    """Say how far the best prices are apart, at most once a second."""
    with WebSocketClientProxy("spread") as proxy:
        books = proxy.subscribe_orderbook(code, depth=1, mailbox=Mailbox.throttle(1.0))
        while not is_over.is_set():
            with contextlib.suppress(TimeoutError):
                best = books.get(timeout=PATIENCE).best()
                if best is not None and best.ask_price is not None and best.bid_price is not None:
                    print(f"spread ({proxy.health().role}): {best.ask_price - best.bid_price}", flush=True)


def main() -> None:
    code = sys.argv[1] if len(sys.argv) > 1 else "KRW-BTC"
    context = multiprocessing.get_context("spawn")  # the same on every system
    is_over = context.Event()
    processes = [context.Process(target=strategy, args=(code, is_over)) for strategy in (pressure, spread)]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join()
    finally:
        is_over.set()  # Ctrl-C in a terminal reaches them as well; a signal to this process alone does not
        for process in processes:
            process.join()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
