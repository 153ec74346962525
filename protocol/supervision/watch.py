"""Which threads hang: those that have been at one and the same message for too long, while this process ran.

A hang may be the machine's: a process that was stopped, asleep or starved has not run either, nor have its threads.
So whoever watches looks at short intervals; where much more time has passed than lies between two looks, it did not
run, and whatever it has seen is seen anew.
"""

from collections.abc import Mapping

from websocket_v6.protocol.membership.patience import Pauses

__all__ = ["Watch"]


class Watch:
    """Watches threads, by any name. It is to look every `interval` seconds; `limit` seconds at one message are a hang.

    The clock is to go on while the machine sleeps.
    """

    def __init__(self, interval: float, limit: float, now: float) -> None:
        self._limit = limit
        self._pauses = Pauses(interval, now)
        self._seen: dict[str, tuple[int, float]] = {}  # the turn, and when it was seen first
        self.was_away = False  # at the last look

    def look(self, turns: Mapping[str, int], now: float) -> dict[str, float]:
        """Return who hangs, and for how many seconds. Turns are odd while a message is handled, and differ for each."""
        self.was_away = self._pauses.look(now)
        busy = {name: turn for name, turn in turns.items() if turn % 2}
        before = {} if self.was_away else self._seen
        self._seen = {}
        for name, turn in busy.items():
            known = before.get(name)
            self._seen[name] = known if known is not None and known[0] == turn else (turn, now)
        return {name: now - since for name, (_, since) in self._seen.items() if now - since >= self._limit}
