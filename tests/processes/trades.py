"""Trades that go on while processes are killed, ended and started."""

import threading
import time

from websocket_v6.simulator import Simulator

__all__ = ["Trades"]


class Trades(threading.Thread):
    """Trades of a code at a rate, messages a second, as far as the machine lets it; `made` are their numbers."""

    def __init__(self, sim: Simulator, code: str, rate: float) -> None:
        super().__init__(name="trades")
        self._sim = sim
        self._code = code
        self._rate = rate
        self._is_over = threading.Event()
        self.made: list[int] = []

    def run(self) -> None:
        began = time.monotonic()
        while not self._is_over.wait(0.004):
            while len(self.made) < (time.monotonic() - began) * self._rate and not self._is_over.is_set():
                self.made.append(self._sim.trade(self._code))

    def __enter__(self) -> "Trades":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self._is_over.set()
        self.join()
