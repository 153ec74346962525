"""A program of five components under a hostile server; it says each second how it fares, as a line of JSON.

It has what users have: a quick callback, a slow one, one that raises at each event, a loop that pulls, private data,
and a component that comes and goes. It ends, with a last line, when its input does.
"""

import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from websocket_v6 import Config, Mailbox, WebSocketClientProxy, WebSocketV6Error
from websocket_v6.protocol.connection import backoff
from websocket_v6.protocol.limits import RETRY_AFTER

CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]
SLOW = 0.002  # seconds of a slow callback
CHURN = 0.3  # seconds between two changes


class Program:
    """The components and when each had its last event."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.last: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.told: list[str] = []
        self.end = threading.Event()
        self.names = ("quick", "slow", "raising", "pulled", "private", "churn")
        self.proxies = {name: WebSocketClientProxy(name, config=config) for name in self.names}

    def saw(self, name: str) -> None:
        self.last[name] = time.monotonic()
        self.counts[name] = self.counts.get(name, 0) + 1

    def slow(self, _: Any) -> None:
        self.saw("slow")
        self.end.wait(SLOW)

    def raising(self, _: Any) -> None:
        self.saw("raising")
        raise ZeroDivisionError("a mistake of the user's")

    def begin(self) -> list[threading.Thread]:
        for name, proxy in self.proxies.items():
            proxy.on_connection(lambda event, name=name: self.hear(name, event))  # type: ignore[misc]
        proxies = self.proxies
        proxies["quick"].subscribe_ticker(CODES, callback=lambda _: self.saw("quick"), error_handler=self.fails)
        proxies["slow"].subscribe_trade(CODES, callback=self.slow, error_handler=self.fails)
        proxies["raising"].subscribe_orderbook(CODES, callback=self.raising)
        proxies["private"].subscribe_my_order(callback=lambda _: self.saw("private"), error_handler=self.fails)
        threads = [threading.Thread(target=self.pull), threading.Thread(target=self.churn)]
        for thread in threads:
            thread.start()
        return threads

    def hear(self, name: str, event: Any) -> None:
        self.told.append(f"{name} {event}")
        del self.told[:-1000]

    def fails(self, error: Exception) -> None:
        self.told.append(repr(error))

    def pull(self) -> None:
        subscription = self.proxies["pulled"].subscribe_ticker(CODES[:2], mailbox=Mailbox.latest())
        while not self.end.is_set():
            try:
                subscription.get(timeout=0.5)
                self.saw("pulled")
            except TimeoutError:
                pass
            except WebSocketV6Error as exc:
                self.told.append(repr(exc))
                self.end.wait(0.5)

    def churn(self) -> None:
        while not self.end.wait(CHURN):
            try:
                with self.proxies["churn"].subscribe_trade(["KRW-BTC"], snapshot=True) as subscription:
                    subscription.get(timeout=CHURN)
                    self.saw("churn")
            except TimeoutError:
                pass
            except WebSocketV6Error as exc:
                self.told.append(repr(exc))

    def wait_for_end(self) -> None:
        os.read(0, 1)
        self.end.set()

    def report(self) -> dict[str, Any]:
        now, process = time.monotonic(), psutil.Process()
        return {
            "ages": {name: now - self.last[name] if name in self.last else None for name in self.names},
            "counts": self.counts,
            "rss": process.memory_info().rss,
            "threads": process.num_threads(),
            "descriptors": process.num_fds(),
            "cpu": sum(process.cpu_times()[:2]),
        }

    def tell(self) -> None:
        """Say what was told, and how the engine sees itself, where only the judge looks for secrets."""
        try:
            text = str(self.proxies["quick"].health())
        except WebSocketV6Error as exc:
            text = repr(exc)
        print(json.dumps({"told": [*self.told, text]}), flush=True)  # noqa: T201


def main() -> None:
    """Run until the input ends."""
    settings = json.loads(sys.argv[1])
    logging.basicConfig(filename=settings.pop("log"), level=1, format="%(levelname)s %(name)s %(message)s")
    runtime_dir = Path(settings.pop("runtime_dir"))
    # A wait that a hostile server asks for is believed up to ten minutes; a soak has no time for that.
    believed = settings.pop("retry_after")
    for module in [one for one in sys.modules.values() if getattr(one, "RETRY_AFTER", None) == RETRY_AFTER]:
        vars(module)["RETRY_AFTER"] = believed
    vars(backoff)["AFTER_418"] = believed  # that of a refusal whose words did not come in time
    program = Program(Config(runtime_dir=runtime_dir, **settings))
    threads = program.begin()
    watcher = threading.Thread(target=program.wait_for_end)
    watcher.start()
    while not program.end.wait(1.0):
        print(json.dumps(program.report()), flush=True)  # noqa: T201
    program.tell()
    for thread in (*threads, watcher):
        thread.join()
    for proxy in program.proxies.values():
        proxy.cleanup()
    print(json.dumps({"threads": threading.active_count()}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
