"""How long a thread may wait in one go, and still hear of a signal in time.

Python hears signals in the main thread alone, between two steps of its own. Windows interrupts no wait for a lock; and
elsewhere a signal that comes just before one is heard only behind it, for the waiting does not look once more.
"""

import sys
import threading

__all__ = ["longest_wait"]

GLANCE = 0.25 if sys.platform == "win32" else 1.0


def longest_wait() -> float:
    """Return the seconds of one wait for a lock in this thread."""
    is_told = threading.current_thread() is threading.main_thread()
    return GLANCE if is_told else threading.TIMEOUT_MAX
