"""When the next REST call may leave, and what a refusal means for that.

The exchange allows 10 calls a second for each group and address, in windows that may be fixed or sliding; at 8 some are
left for others at the same address. Source: Upbit WebSocket reference, "REST for an engine": after 429 wait for the
next second, after 418 as long as the answer says.
"""

from websocket_v6.protocol.limits import REST_CALLS, RETRY_AFTER

__all__ = ["RestPace"]

SPACING = 1 / REST_CALLS
NEXT_SECOND = 1.0
BLOCKED = 60.0  # seconds, if a 418 does not say how many
RETRY = 0.25  # seconds after a call that failed, twice as many after each further one


class RestPace:
    """Spaces the calls. Times are monotonic seconds, passed in by the caller."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def due(self, now: float) -> float:
        """Return when the next call may leave, `now` if at once."""
        return max(now, self._free_at)

    def sent(self, now: float) -> None:
        """Note that a call left."""
        self._free_at = now + SPACING

    def refused(self, now: float, status: int, retry_after: float | None) -> None:
        """Note that a call was one too many (429), or that the address is blocked (418)."""
        wait = retry_after if retry_after is not None else NEXT_SECOND if status == 429 else BLOCKED
        self._free_at = max(self._free_at, now + min(max(wait, 0.0), RETRY_AFTER))

    def failed(self, now: float, times: int) -> None:
        """Note that there was no answer, or none of use, `times` times in a row."""
        self._free_at = max(self._free_at, now + RETRY * 2 ** (times - 1))
