"""When the connections of a process may connect: all of them together, since the exchange counts addresses.

It allows 5 connects a second for each address, answers more with HTTP 429, and then blocks the address with 418; each
try during a block makes it longer. Source: Upbit WebSocket reference, "Rate limits".
"""

from collections import deque

__all__ = ["ConnectPace"]

SETTLE = 3.0  # seconds in which the first connect after a block is alone: it may find another block


class ConnectPace:
    """Spreads the connects of a process: at most PER_SECOND within any second, none during a block.

    One less than the exchange allows, because it counts when they arrive, which is not as evenly as they leave.
    Times are monotonic seconds.
    """

    PER_SECOND = 4

    def __init__(self) -> None:
        # The last turns, oldest first.
        self._turns = deque([float("-inf")] * self.PER_SECOND, maxlen=self.PER_SECOND)
        self._free_from = float("-inf")
        self._is_first = False  # the next turn, after a block
        self.blocked_until = float("-inf")

    def reserve(self, now: float) -> float:
        """Take the next turn and return when it comes, `now` or later. A block that comes first makes it void."""
        turn = max(now, self._turns[0] + 1.0, self._turns[-1], self._free_from)
        self._turns.append(turn)
        if self._is_first:
            self._is_first = False
            self._free_from = turn + SETTLE
        return turn

    def block(self, until: float) -> None:
        """Let nothing connect before `until`; a block is never shortened."""
        if until <= self.blocked_until:
            return
        self.blocked_until = until
        self._free_from = max(self._free_from, until)
        self._is_first = True
        # Turns that are void now hold nobody up for long.
        self._turns.extend([min(turn, until) for turn in self._turns])
