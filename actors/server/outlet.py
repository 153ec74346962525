"""Where frames go out to one client: sent by the router as long as they fit, and by the server's thread from then on.

Beside a mailbox the one place where two threads meet. The router puts frames in and, as a rule, sends each at once.
What does not fit waits, the client is *behind*, and the server's thread sends the rest when the socket takes more. Only
that thread closes, under the lock, so that no descriptor is used again under a send. What waits is counted against the
budget of the client's process.
"""

import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .sending import Send

__all__ = ["Account", "Outlet"]

GATHERED = 64 * 1024  # bytes of small frames that are sent together


class Account:
    """What may wait for one process, in all its sockets together."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.outlets: list[Outlet] = []  # the server's thread changes it

    @property
    def queued(self) -> int:
        """How many bytes wait."""
        return sum(outlet.queued for outlet in self.outlets)


class Outlet:
    """The sending side of one socket. `put` is for the router's thread, what is below it for the server's.

    `call` is called, from the router's thread, when the server's must see to it: it is behind, or over its budget.
    """

    def __init__(self, sock: socket.socket, send: "Send", account: Account, call: Callable[[], object]) -> None:
        self.is_behind = False
        self.delivered = 0  # messages, counted by whoever makes frames of them
        self.is_over = False  # nothing is taken any more
        self.is_exceeded = False  # because too much waited
        self._is_closed = False
        self._sock = sock
        self._send = send
        self.account = account
        self._call = call
        self._lock = threading.Lock()
        self._frames: deque[bytes] = deque()
        self._last: deque[bytes] | None = None  # what is still sent once nothing is taken any more
        self._is_held = False  # nothing is sent
        self._rest = b""  # of the frame that was begun
        self._pong = b""  # the last one that waits
        self._put = self._sent = 0  # bytes; the router counts the one, whoever has the lock the other
        account.outlets.append(self)

    @property
    def queued(self) -> int:
        """How many bytes wait."""
        return 0 if self.is_over else max(0, self._put - self._sent)

    # --- the router's thread

    def put(self, frame: bytes, *, may_send: bool = True) -> None:
        """Send a frame, behind those before it: now if that can be, else as soon as it can."""
        if self.is_over:
            return
        # Before the lock is tried: whoever has it looks once more when it is let go.
        self._frames.append(frame)
        self._put += len(frame)
        if self.is_behind:
            if self.account.queued > self.account.limit:
                self.is_over = self.is_exceeded = True
                self._call()
        elif not may_send:
            self._fall_behind()
        elif self._lock.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._lock.release()
            if not self._is_empty:
                self._fall_behind()

    def _fall_behind(self) -> None:
        self.is_behind = True
        self._call()

    # --- the server's thread

    def say(self, frame: bytes) -> None:
        """Send a control frame, before whatever waits."""
        with self._lock:
            if self._last is None:
                self._frames.appendleft(frame)
                self._put_by_server(len(frame))
        self.catch_up()

    def pong(self, frame: bytes) -> None:
        """Send a pong, before whatever waits, in place of one that still does: the last ping is answered.

        Else whoever sends pings and reads nothing would have them pile up (RFC 6455, 5.5.3).
        """
        with self._lock:
            self._pong = frame
        self.catch_up()

    def add(self, frame: bytes) -> None:
        """Send a frame behind whatever waits."""
        with self._lock:
            if self._last is None:
                self._frames.append(frame)
                self._put_by_server(len(frame))
        self.catch_up()

    def catch_up(self) -> bool:
        """Send what waits, as far as it fits; return whether that was all."""
        while True:
            with self._lock:
                self._drain()
                is_done = self._is_empty
                self.is_behind = not is_done
            # The router may have put something in before it saw that nobody is behind any more.
            if not is_done or self._is_empty:
                return is_done

    def hold(self, *, is_held: bool) -> None:
        """Send nothing from now on, whoever wants to; or send again."""
        with self._lock:
            self._is_held = is_held

    def finish(self, frame: bytes = b"") -> bool:
        """Take nothing more, and throw away what waits but the frame that was begun; then send `frame`, the last.

        Returns whether all of that is sent; if not, `catch_up` goes on with it.
        """
        with self._lock:
            self.is_over = True
            # In a place of its own: the router may be about to put something in, which must not come behind it.
            self._last = deque([frame] if frame else ())
            self._pong = b""
            self._frames.clear()
            self._drain()
            return self._is_empty

    def end_after_what_waits(self, frame: bytes) -> None:
        """Take nothing more; send what waits, and then `frame`, the last."""
        with self._lock:
            self.is_over = True
            self._last = deque()
            with contextlib.suppress(IndexError):
                while True:
                    self._last.append(self._frames.popleft())
            self._last.append(frame)
        self.catch_up()

    def close(self) -> None:
        """Close the socket."""
        with self._lock:
            self.is_over = self._is_closed = True
            self._frames.clear()
            self._rest = b""
            with contextlib.suppress(OSError):
                self._sock.close()
        with contextlib.suppress(ValueError):
            self.account.outlets.remove(self)

    def move(self, account: Account) -> None:
        """Count what waits in another account from now on."""
        self.account.outlets.remove(self)
        self.account = account
        account.outlets.append(self)

    def _put_by_server(self, size: int) -> None:
        self._sent -= size  # for `_put` is the router's to count

    # --- under the lock

    @property
    def _is_empty(self) -> bool:
        return not self._rest and not self._pong and not (self._frames if self._last is None else self._last)

    def _drain(self) -> None:
        frames, send = self._frames if self._last is None else self._last, self._send
        if self._is_held:
            return
        if self._is_closed:  # while somebody was about to put something in
            frames.clear()
            self._pong = b""
        while self._rest or self._pong or frames:
            if self._pong and not self._rest:
                self._put_by_server(len(self._pong))
                self._rest, self._pong = self._pong, b""
            data = self._rest or frames.popleft()
            if frames and len(data) < GATHERED and not self._rest:
                data = _gather(data, frames)
            try:
                sent = send(data)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                self._rest = data
                return
            except OSError:  # it is gone: its reader hears of that
                self.is_over = True
                frames.clear()
                self._rest = self._pong = b""
                return
            self._sent += sent
            self._rest = data[sent:] if sent < len(data) else b""


def _gather(first: bytes, frames: deque[bytes]) -> bytes:
    found, size = [first], len(first)
    while frames and size < GATHERED:
        frame = frames.popleft()
        found.append(frame)
        size += len(frame)
    return b"".join(found)
