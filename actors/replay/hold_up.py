"""What a replay waits for, and for how long it has: a program that forgot something is told, once each time."""

from .stage import Stage

__all__ = ["HoldUp"]

PATIENCE = 5.0  # seconds after which it is told
UNREADY = 2.0  # the same, if the program never says that it is ready


class HoldUp:
    """One time after another in which the replay does not go on. All moments are of the wall's monotonic clock."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._since: float | None = None  # the first look, unless its beginning is known
        self._is_told = False

    def begins(self, now: float) -> None:
        """Note that it waits from now on."""
        self._since = now

    def ends(self) -> None:
        """Note that it goes on."""
        self._since = None

    def look(self, now: float, *, has_takers: bool, is_out: bool) -> str:
        """Return what the program is to be told, empty if that is nothing.

        `has_takers`: somebody has subscribed. `is_out`: a component has events that its callbacks have not had.
        """
        stage = self._stage
        if stage.is_over:
            return ""
        busy = stage.readers.busy() if stage.is_lockstep else []
        if self._since is None:
            self._since, self._is_told = now, False
        waited = now - self._since
        if self._is_told:
            return ""
        if not stage.has_begun and has_takers and waited > UNREADY:
            self._is_told = True
            return (
                "the recording waits until the program is ready: call run() or wait_ready(), pull from a subscription, "
                "or say Config.replay(..., start='subscribe')"
            )
        if stage.has_begun and waited > PATIENCE and (busy or is_out):
            self._is_told = True
            who = busy or ["a callback that has not returned"]
            return f"the recording waits, for {waited:.0f} s, for {', '.join(who)}"
        return ""
