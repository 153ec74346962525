"""A pipe to another process of this machine: a thread that reads it, and sending that never waits.

`multiprocessing.connection` carries the bytes and does the challenge; nothing is ever pickled. A peer may be slow,
stopped or hostile, so the owner's thread never waits for one: `send` says whether there was room.
"""

import contextlib
import multiprocessing.connection
import os
import select
import socket
import sys
import threading
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from queue import SimpleQueue
from typing import NamedTuple, TypeAlias

from websocket_v6.actors.base import tell
from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError, WebSocketV6Error

__all__ = ["CHUNK", "Pipe", "PipeClosed", "PipeOpened", "PipeSaid", "as_guest", "as_host"]

# Sent at once at most: as much as always fits where the kernel says that there is room (Linux: no more than a quarter
# of the buffer is in use then, and a message takes at most twice its size there).
CHUNK = 64 * 1024
SEND_BUFFER = 256 * 1024
PIECE = 512  # bytes that a message counts for beside its own: a small one takes more than twice its size
TURNS = 16
_IS_WINDOWS = sys.platform == "win32"

Connect: TypeAlias = Callable[[], "Connection[bytes, bytes]"]
Challenge: TypeAlias = Callable[["Connection[bytes, bytes]"], object]


class PipeOpened(NamedTuple):
    """The other side knows the key; what is sent now arrives."""

    pipe: "Pipe"


class PipeSaid(NamedTuple):
    """The other side said something, which `receive` has read."""

    pipe: "Pipe"
    message: object


class PipeClosed(NamedTuple):
    """There is no pipe (any more), and why; the owner closes what is left of it."""

    pipe: "Pipe"
    error: WebSocketV6Error


# All pipes, for a forked child: they are the parent's, and whoever is at the other end is to notice when that one ends.
_pipes: "weakref.WeakSet[Pipe]" = weakref.WeakSet()


def as_guest(key: bytes) -> Challenge:
    """Return what proves to a host that the key is known here, and makes it prove the same."""

    def challenge(connection: "Connection[bytes, bytes]") -> None:
        answer_challenge(connection, key)
        deliver_challenge(connection, key)

    return challenge


def as_host(key: bytes) -> Challenge:
    """Return what makes a guest prove that it knows the key, and proves it in turn."""

    def challenge(connection: "Connection[bytes, bytes]") -> None:
        deliver_challenge(connection, key)
        answer_challenge(connection, key)

    return challenge


class Pipe(threading.Thread):
    """One pipe, from its opening to its end.

    The thread gets it from `connect`, lets both sides prove themselves with `challenge`, then reads message after
    message and has `decode` make something of each; what it makes goes to `owner` as PipeSaid, unless it is None (it
    was dealt with). The owner calls `heard` for each: of a peer that talks without pause no more than TURNS messages
    wait here. The owner is told PipeOpened first and PipeClosed last, and then calls `close`, or `abandon` if it is
    going to be gone before. All other methods are for the owner's thread alone. `heard_at` is when the other side last
    said something (see `clock`). `hears_little`: much is sent and little comes back.
    """

    def __init__(
        self,
        name: str,
        connect: Connect,
        challenge: Challenge,
        owner: Ref,
        decode: Callable[[bytes], object],
        max_bytes: int,
        *,
        hears_little: bool = False,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._connect = connect
        self._challenge = challenge
        self._owner = owner
        self._decode = decode
        self._max_bytes = max_bytes
        self._connection: Connection[bytes, bytes] | None = None
        self._second: socket.socket | None = None  # the same pipe once more: to ask for room, and to end it
        self._output: select.poll | None = None  # of it
        # Whoever waits in a read is woken each time that the other side makes room by reading; in a poll it is not.
        self._input: select.poll | None = None
        self._hears_little = hears_little
        self._room = 0  # bytes that can be sent before it must be asked again
        _pipes.add(self)
        self._turns: SimpleQueue[bool] = SimpleQueue()
        for _ in range(TURNS):
            self._turns.put(True)
        self.heard_at: float | None = None  # the thread writes it
        self._is_open = False
        self._is_finished = False
        self._has_ended = False  # the thread has nothing more to do than to tell of its end

    # --- the thread

    def run(self) -> None:
        """Open, read, end."""
        error: WebSocketV6Error
        try:
            self._run()
            error = TransportError("it was closed on this side")
        except (RemoteProtocolError, TransportError) as exc:
            error = exc
        except multiprocessing.AuthenticationError:
            error = TransportError("the other side does not know the key, or has another one")
        except (EOFError, ConnectionError):
            error = TransportError("the other side hung up")
        except (OSError, AssertionError, ValueError) as exc:
            # The standard library checks the challenge with an assert.
            error = RemoteProtocolError(f"not what such a pipe carries: {exc!r:.200}")
        error.__traceback__ = error.__context__ = None
        self._has_ended = True
        if not tell(self._owner, PipeClosed(self, error)):
            self.close()  # the owner is gone, so nobody else will

    def _run(self) -> None:
        connection = self._connection = self._connect()
        if not _IS_WINDOWS:
            self._second = _duplicate(connection)
            self._output = _poll(self._second, select.POLLOUT)
            if self._hears_little:
                self._input = _poll(self._second, select.POLLIN)
        if self._is_finished:
            return
        self._challenge(connection)
        self.heard_at = clock()
        self._is_open = True
        if not tell(self._owner, PipeOpened(self)):
            return
        receive, decode, owner = connection.recv_bytes, self._decode, self._owner
        while True:
            if self._input is not None:
                self._input.poll()
            data = receive(self._max_bytes)
            self.heard_at = clock()
            message = decode(data)
            if message is None:
                continue
            if not self._turns.get() or not tell(owner, PipeSaid(self, message)):
                return

    # --- for the owner

    def send(self, data: bytes) -> bool:
        """Send `data` if there is room for it now. False: there is none, or it is not open yet; try again later.

        Data of more than CHUNK bytes may make the caller wait for a moment. A pipe that is broken takes everything:
        its end comes as PipeClosed.
        """
        if self._is_finished:
            return True
        if self._connection is None or not self._is_open:
            return False
        if self._output is not None and not self._has_room(self._output, len(data)):
            return False
        try:
            self._connection.send_bytes(data)
        except (OSError, ValueError):
            self.finish()
        return True

    def _has_room(self, output: "select.poll", size: int) -> bool:
        self._room -= size + PIECE
        if self._room < 0:
            if not output.poll(0):
                return False
            self._room = CHUNK - size - PIECE
        return True

    def heard(self) -> None:
        """Note that one PipeSaid is dealt with."""
        self._turns.put(True)

    def finish(self) -> None:
        """End the pipe: nothing is sent any more, and the thread stops reading. Idempotent."""
        self._is_finished = True
        self._turns.put(False)
        if self._second is not None:
            with contextlib.suppress(OSError):
                self._second.shutdown(socket.SHUT_RDWR)
        elif self._connection is not None:
            self._connection.close()

    def abandon(self) -> None:
        """End the pipe, and see to it that it is closed although the owner hears nothing any more."""
        self.finish()
        if self._has_ended:
            # It may have told an owner that does not listen any more; else it closes the pipe by itself.
            self.join()
            self.close()

    def close(self) -> None:
        """Close what the operating system holds of it, once PipeClosed has been told."""
        self._is_finished = True
        if self._second is not None:
            self._second.close()
        if self._connection is not None:
            self._connection.close()


def _duplicate(connection: "Connection[bytes, bytes]") -> socket.socket:
    handle = socket.socket(fileno=os.dup(connection.fileno()))
    # Where it is smaller by default, room for one CHUNK would not follow from room at all.
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return handle


def _poll(handle: socket.socket, events: int) -> "select.poll":
    poll = select.poll()
    poll.register(handle, events)
    return poll


def _abandon_in_child() -> None:
    for pipe in list(_pipes):
        with contextlib.suppress(OSError):
            pipe.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_in_child)
