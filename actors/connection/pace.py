"""The pace of connects of this process, for each host that it connects to."""

import os
import threading
from urllib.parse import urlsplit

from websocket_v6.protocol.connection.connect_pace import ConnectPace

__all__ = ["SharedPace", "pace_of"]


class SharedPace:
    """A `ConnectPace` for several threads; none waits in here for longer than another takes to count."""

    def __init__(self) -> None:
        self._pace = ConnectPace()
        self._lock = threading.Lock()

    @property
    def blocked_until(self) -> float:
        """Until when nothing may connect (monotonic seconds)."""
        return self._pace.blocked_until

    def reserve(self, now: float) -> float:
        """Take the next turn and return when it comes, `now` or later."""
        with self._lock:
            return self._pace.reserve(now)

    def block(self, until: float) -> None:
        """Let nothing connect before `until`."""
        with self._lock:
            self._pace.block(until)


# By host. Components that come and go start and stop engines, but the exchange's limit is on the whole process.
_paces: dict[str, SharedPace] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_paces.clear)  # another thread may just have held a lock


def pace_of(url: str) -> SharedPace:
    """Return the pace of all connections to the host of `url`."""
    return _paces.setdefault(urlsplit(url).netloc, SharedPace())
