"""A component with callbacks that do not return, in a process of its own: what a hostile server makes it hold.

    python -m tests.engine.hostile URL FOLDER

Prints its peak memory in bytes once it is served, and again once it has had the last message.
"""

import resource
import sys
import threading
from pathlib import Path
from typing import Any

from websocket_v6 import Config, WebSocketClientProxy

CODES = tuple(f"KRW-{number}" for number in range(40))
LAST = "KRW-LAST"


def main() -> None:
    """Do as the command line says."""
    url, folder = sys.argv[1:]
    config = Config(url=url, access_key="key", secret_key="secret" * 8, runtime_dir=Path(folder), backoff_initial=0.01)
    release, served, over = threading.Event(), threading.Event(), threading.Event()

    def stuck(_event: Any) -> None:
        release.wait()

    def last(event: Any) -> None:
        (over if event.trade_price else served).set()

    with WebSocketClientProxy("stuck", config=config) as bad, WebSocketClientProxy("good", config=config) as good:
        bad.subscribe_ticker(CODES, stuck)
        bad.subscribe_trade(CODES, stuck)
        bad.subscribe_orderbook(CODES, stuck)
        bad.subscribe_my_order(stuck)
        good.subscribe_ticker([LAST], last)
        served.wait()
        _tell_peak()
        over.wait()
        _tell_peak()
        release.set()


def _tell_peak() -> None:
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
