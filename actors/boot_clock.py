"""The clock by which processes are judged: it goes on while this one is stopped and while the machine sleeps."""

import time

__all__ = ["clock"]

if hasattr(time, "CLOCK_BOOTTIME"):

    def clock() -> float:
        """Return seconds since the machine was started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:  # what else there is may stand still while the machine sleeps

    def clock() -> float:
        """Return seconds since some moment."""
        return time.monotonic()
