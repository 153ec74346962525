"""What closed candles need of the world around the router: clocks, a timer, a sign, and who fetches.

Of a replay all of it is another (`actors/replay/replay_closing_world.py`).
"""

import time
from collections.abc import Callable

from websocket_v6.actors.base import Timer, tell
from websocket_v6.actors.messages.backfill import FetchCandles
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.registry import AskReach, BackfillEnded

from .deliveries import Delivery

__all__ = ["ENDPOINT", "ClosingWorld"]

ENDPOINT = "public"


class ClosingWorld:
    """The live one. `after` sets a timer of the router's."""

    def __init__(
        self,
        delivery: Delivery,
        after: Callable[[float, object], Timer],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.after = after
        self.clock = clock  # monotonic seconds
        self.backfill: Ref | None = None
        self._delivery = delivery

    def wall_ns(self) -> int:
        """Return what the clock says that can be set."""
        return time.time_ns()

    def ask_sign(self) -> None:
        """Ask sources for a sign that all has been read up to now."""
        tell(self._delivery.registry, AskReach(ENDPOINT))

    def fetch(self, message: FetchCandles) -> None:
        """Have candles fetched."""
        tell(self.backfill, message)

    def tells(self) -> bool:
        """Whether what becomes of a gap is told by who closes."""
        return True

    def report(self, ended: BackfillEnded) -> None:
        """Tell what became of a gap."""
        tell(self._delivery.registry, ended)
