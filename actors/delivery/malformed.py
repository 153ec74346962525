"""Messages that user code never saw, because they could not be decoded: counted once each, told at times."""

import logging
import time
from collections import deque

from websocket_v6.actors.messages.router import Malformed
from websocket_v6.protocol.delivery.log_pace import LogPace
from websocket_v6.protocol.exchange.streams import split

__all__ = ["MalformedCount"]

logger = logging.getLogger(__name__)

REMEMBERED = 256


class MalformedCount:
    """Counts what components have met."""

    def __init__(self) -> None:
        self.total = 0
        self._keys: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)
        self._pace = LogPace()  # of types

    def note(self, message: Malformed) -> None:
        """Count a message, unless another component met it, too."""
        if message.key in self._keys:
            return
        self._keys.append(message.key)
        self.total += 1
        words = self._pace.note(split(message.stream)[0], time.monotonic())
        if words is not None:
            others = f", and {words.unsaid:,} of other types" if words.unsaid else ""
            logger.warning("a malformed message of %s was skipped: %s%s", message.stream, message.problem, others)
