"""What is wrong with the fleet's server for this machine, as it is said in the log and in its health.

Not an actor: the fleet owns one, and tells it what the server replied.
"""

import logging
import random
import time
from collections.abc import Sequence
from typing import Final

from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.fleet.title import BEAT
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.telling import Tellings

__all__ = ["Troubles"]

logger = logging.getLogger(__name__)

LONGEST: Final = 5.0  # seconds between two looks while the server does not answer, at most


class Troubles:
    """Of the server that is shown like this. `error` is the one there is."""

    def __init__(self, shown: str) -> None:
        self.error: WebSocketV6Error | None = None
        self._failures = 0  # in a row
        self._shown = shown
        self._tellings = Tellings()
        self._is_refused = False

    def failed(self, error: WebSocketV6Error) -> None:
        """Note a failure; it is told at once, then at growing intervals."""
        self.error = error
        told = self._tellings.failed("server", time.monotonic())
        if told:
            logger.warning("%s%s", error, told)

    def refused(self, replies: Sequence[object]) -> None:
        """Note that the server may be asked, but refuses what it takes to lead: for want of a right, or of memory."""
        for reply in replies:
            if isinstance(reply, Exception):
                self._is_refused = True
                self.failed(TransportError(f"the fleet's server {self._shown} refuses: {outside_text(reply)}"))
                return

    def granted(self) -> None:
        """Note that nothing of the kind is asked for any more, or that it was granted."""
        self._is_refused = False

    def reached(self) -> bool:
        """Note that the server answers; return whether there was a trouble, which is over."""
        if self.error is None or self._is_refused:
            return False
        over = self._tellings.over("server", time.monotonic())
        if over:
            logger.warning("the fleet's server answers again after %.1f s", over.seconds)
        self.error, self._failures = None, 0
        return True

    def wait(self) -> float:
        """Return the seconds until it is tried again."""
        self._failures += 1
        wait = min(LONGEST, BEAT * 2.0 ** min(self._failures - 1, 8))
        return wait * (0.5 + random.random() / 2)  # noqa: S311 - not all at once
