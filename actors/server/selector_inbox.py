"""An actor's inbox that also yields sockets that are ready: the actor's one thread waits for both at once."""

import contextlib
import queue
import selectors
import socket
from collections import deque
from typing import Any

from pykka._envelope import Envelope

from websocket_v6.actors.base import TimedInbox
from websocket_v6.actors.forks import in_child
from websocket_v6.protocol.message import Message

__all__ = ["SelectorInbox", "SocketReady"]

MESSAGES = 64  # that are handled in a row before the sockets have their turn


class SocketReady(Message):
    """The socket that was registered with `data` is ready; `events` are those of `selectors`."""

    data: Any
    events: int


class SelectorInbox(TimedInbox):
    """Sockets are registered in `selector`, by the actor alone, with what SocketReady is to bear."""

    def __init__(self) -> None:
        super().__init__()
        self.selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self.selector.register(self._woken, selectors.EVENT_READ)
        self._ready: deque[SocketReady] = deque()
        self._is_asleep = False
        self._is_closed = False
        self._in_a_row = 0
        self._before = 0  # messages whose turn is before that of the sockets
        self.put = self._put
        in_child(self)

    def close(self) -> None:
        """Close what waiting takes. What lies in the inbox can still be taken out."""
        self._is_closed = True
        self.selector.close()
        self._waker.close()
        self._woken.close()

    def _after_fork(self) -> None:
        # The parent's epoll set lives on, and must not be edited from here: only descriptors are closed.
        with contextlib.suppress(OSError):
            self.close()

    def _put(self, envelope: "Envelope[Any]") -> None:
        self._queue.put(envelope)
        if self._is_asleep:
            with contextlib.suppress(OSError):  # full: it wakes anyway; closed: it is over
                self._waker.send(b"\0")

    def _take(self, timeout: float | None) -> "Envelope[Any]":
        if self._is_closed:
            return self._queue.get(timeout=timeout)
        if not self._ready and (self._in_a_row >= MESSAGES or self._queue.empty()):
            self._select(timeout)
            # What lies here came before a socket was found ready, which may be what somebody made of it.
            self._before = self._queue.qsize()
        if self._before or not self._ready:
            self._before = max(0, self._before - 1)
            self._in_a_row += 1
            with contextlib.suppress(queue.Empty):  # neither came in time, or it was woken for what is gone
                return self._queue.get_nowait()
        if self._ready:
            return Envelope(self._ready.popleft())
        raise queue.Empty

    def _select(self, timeout: float | None) -> None:
        self._in_a_row = 0
        self._is_asleep = True
        try:
            # Whoever puts something in after this look finds it asleep, and wakes it.
            found = self.selector.select(timeout if self._queue.empty() else 0)
        finally:
            self._is_asleep = False
        for key, events in found:
            if key.fileobj is self._woken:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
            else:
                self._ready.append(SocketReady(key.data, events))
