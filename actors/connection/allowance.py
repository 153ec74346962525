"""What a transport may still read: credits that it has, and the memory of what is on its way to the router.

A credit is taken for each batch and comes back once the router has delivered it. Without any, or with too many bytes on
their way, the socket is left alone, the kernel's buffer fills and the exchange waits.
"""

import contextlib
import queue
from collections import deque

from websocket_v6.actors.messages.common import Credits
from websocket_v6.protocol.limits import FLIGHT_BYTES

__all__ = ["CREDITS", "DOOR_CREDITS", "Allowance"]

CREDITS = 8  # batches that may be on their way to the router
DOOR_CREDITS = 32  # the same of a door, which sends them as they came: one may hold a single message


class Allowance:
    """Of one transport, in its own thread. It is true while more may be read; only `mark` is for other threads."""

    def __init__(self) -> None:
        self.credits: Credits = queue.SimpleQueue()  # where the router puts them
        self._spare = 0  # in hand
        self._on_way: deque[int] = deque()  # what the batches weigh whose credits are not back, oldest first
        self._weight = 0  # of all of them

    def __bool__(self) -> bool:
        return self._spare > 0 and self._weight < FLIGHT_BYTES

    def mark(self) -> None:
        """Wake who waits for a credit: there is something else to see to."""
        self.credits.put(False)

    def use(self, weight: int) -> bool:
        """Note that a batch is on its way; return whether more may be read."""
        self._spare -= 1
        self._on_way.append(weight)
        self._weight += weight
        if self:
            return True
        self.collect()
        return bool(self)

    def collect(self) -> None:
        """Take what has come back."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self.credits.get_nowait())

    def wait(self) -> None:
        """Wait for a credit, or for a mark."""
        self._take(self.credits.get())

    def renew(self) -> None:
        """Begin anew, without a credit. Those that are still to come back go to a queue that nobody looks at."""
        self.credits = queue.SimpleQueue()
        self._spare = self._weight = 0
        self._on_way.clear()

    def _take(self, credit: bool) -> None:
        if not credit:
            return
        self._spare += 1
        if self._on_way:  # credits come back in the order of their batches; the first ones are for none
            self._weight -= self._on_way.popleft()
