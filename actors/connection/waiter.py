"""How a thread that owns a socket waits for its bytes, and is woken by others.

`selectors`, not `select.poll`, which Windows has not, and programs under eventlet have not any more.
"""

import contextlib
import selectors
import socket
import time

from websocket_v6.protocol.websocket.frames import Closed, FrameDecoder, Violation

__all__ = ["Waiter", "await_close"]

CLOSE_WAIT = 0.5  # seconds for the peer to answer our close frame
PIECE = 256 * 1024  # bytes of one read at most


class Waiter:
    """Waits for one socket, or to be woken. `wake` may be called from other threads; the rest is for the owner's.

    Raises, when it is made: OSError, if no descriptor is left for it.
    """

    def __init__(self) -> None:
        with contextlib.ExitStack() as failing:
            self._waker, self._woken = socket.socketpair()
            failing.callback(self._waker.close)
            failing.callback(self._woken.close)
            self._waker.setblocking(False)
            self._woken.setblocking(False)
            self._selector = selectors.DefaultSelector()
            self._selector.register(self._woken, selectors.EVENT_READ)
            self._key: selectors.SelectorKey | None = None  # of the socket
            failing.pop_all()

    def wake(self) -> None:
        """Have `wait` return soon, this time or the next."""
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: it is over
            self._waker.send(b"\0")

    def watch(self, sock: socket.socket) -> None:
        """Wait for the bytes of `sock`, too, from now on."""
        self._key = self._selector.register(sock, selectors.EVENT_READ)

    def wait(self, timeout: float | None = None) -> tuple[bool, bool]:
        """Wait for `timeout` seconds at most; return whether there are bytes, and whether it was woken."""
        ready = self._selector.select(timeout)
        if len(ready) == 1 and ready[0][0] is self._key:  # nearly always: keep it quick
            return True, False
        is_woken = any(key.fileobj is self._woken for key, _ in ready)
        if is_woken:
            with contextlib.suppress(OSError):
                self._woken.recv(64)
        return len(ready) > is_woken, is_woken

    def close(self) -> None:
        """Close what it waits with; the socket is left as it is."""
        self._selector.close()
        self._waker.close()
        self._woken.close()


def await_close(sock: socket.socket, decoder: FrameDecoder) -> None:
    """Read on, throwing data away, until the peer's close frame or the end of patience."""
    deadline = time.monotonic() + CLOSE_WAIT
    while (remaining := deadline - time.monotonic()) > 0:
        sock.settimeout(remaining)
        chunk = sock.recv(PIECE)
        decoder.receive(chunk)
        while decoder.has_more and time.monotonic() < deadline:
            decoder.receive(b"")
        if not chunk or any(isinstance(control, Closed | Violation) for control in decoder.controls):
            return
