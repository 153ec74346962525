"""Up to when nothing is missing of what a socket brings: when the bytes came, not when somebody got to reading them.

Bytes that were waited for have just come. Others may have lain there for long: their reader was starved, or stopped.
Times are Unix nanoseconds.
"""

import socket
import struct
import time

__all__ = ["Wholeness", "last_arrival_ns"]

WAITED_NS = 1_000_000  # a poll that took as long has waited for the bytes, and not they for it
PROMPT_NS = 50_000_000  # and who reads again as soon as this has hardly made them wait: their way here takes as long
LATE_NS = 100_000_000  # what the kernel counts is no more exact than its ticks
LAST_DATA_RECV = 52  # where `tcpi_last_data_recv` stands in Linux' struct tcp_info: milliseconds, 32 bits


class Wholeness:
    """Of one socket. All that was sent before `whole_ns` and came through it has been read."""

    def __init__(self) -> None:
        self.whole_ns = self.opened_ns = 0  # until it is open
        self._data_whole_ns = 0  # the same, as far as data has shown it
        self._empty_ns = 0  # when the socket was last known to have nothing to read
        self._has_waited = False  # for the bytes that are read next

    def open(self, now_ns: int) -> None:
        """Note that the socket is open."""
        self.opened_ns = self.whole_ns = self._data_whole_ns = self._empty_ns = now_ns

    def empty(self, now_ns: int) -> None:
        """Note that there is nothing more to read."""
        self._empty_ns = now_ns

    def waited(self, since_ns: int, now_ns: int) -> None:
        """Note how long it was waited for the next bytes."""
        self._has_waited = now_ns - since_ns >= WAITED_NS

    def read(self, now_ns: int) -> int:
        """Return up to when all is there with what is read now."""
        is_prompt = self._has_waited or now_ns - self._empty_ns < PROMPT_NS
        self._has_waited = False
        return now_ns if is_prompt else self._empty_ns

    def data(self, whole_ns: int) -> None:
        """Note that data has come, and is whole up to then."""
        self._data_whole_ns = whole_ns

    def stall(self) -> None:
        """Let only data count: what else comes shows nothing of what is missing."""
        self.whole_ns = self._data_whole_ns

    def close(self, sock: socket.socket | None) -> None:
        """Correct what a clock that stood still has said: a process that was stopped reads old bytes late."""
        arrived_ns = last_arrival_ns(sock)
        if arrived_ns < self.whole_ns - LATE_NS:
            # One that was set back since the socket was open has no use for that time.
            opened_ns = self.opened_ns if self.opened_ns <= time.time_ns() else 0
            self.whole_ns = max(opened_ns, arrived_ns)


def last_arrival_ns(sock: socket.socket | None) -> int:
    """Return when the last bytes arrived at this machine, as far as the kernel tells; now if it does not."""
    now_ns = time.time_ns()
    if sock is None or not hasattr(socket, "TCP_INFO"):
        return now_ns
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_RECV + 4)
    except OSError:
        return now_ns
    if len(info) < LAST_DATA_RECV + 4:
        return now_ns
    (ago_ms,) = struct.unpack_from("=I", info, LAST_DATA_RECV)
    return now_ns - int(ago_ms) * 1_000_000
