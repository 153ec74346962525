"""Sending without letting go of the interpreter's lock.

`socket.send` lets go of it for a call that takes two microseconds, and then waits until whoever took it gives it back:
up to five milliseconds with a callback that computes. With twenty clients that is a tenth of a second for one message.
"""

import ctypes
import errno
import os
import socket
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Send", "sender_of"]

# Sends what fits of some bytes, and returns how many those were. Raises BlockingIOError if none did, else OSError.
Send: TypeAlias = Callable[[bytes], int]

FLAGS = getattr(socket, "MSG_NOSIGNAL", 0) | getattr(socket, "MSG_DONTWAIT", 0)
_WOULD_BLOCK = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR, errno.ENOBUFS)


def sender_of(sock: socket.socket) -> Send:
    """Return what sends on a socket that does not block."""
    if _send is None:
        return sock.send
    send, fd, get_errno = _send, sock.fileno(), ctypes.get_errno

    def send_bytes(data: bytes) -> int:
        sent: int = send(fd, data, len(data), FLAGS)
        if sent >= 0:
            return sent
        number = get_errno()
        if number in _WOULD_BLOCK:
            raise BlockingIOError(number, os.strerror(number))
        raise OSError(number, os.strerror(number))

    return send_bytes


def _load() -> Callable[..., int] | None:
    if os.name != "posix":
        return None
    try:
        send = ctypes.PyDLL(None, use_errno=True).send
    except (OSError, AttributeError):
        return None
    send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
    send.restype = ctypes.c_ssize_t
    return send


_send = _load()
