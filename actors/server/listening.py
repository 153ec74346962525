"""The socket that a server listens on, in the file system or on the network, and who it is that came."""

import contextlib
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any

__all__ = ["Listener"]

BACKLOG = 1024  # beyond it the system lets those who come wait for a second
MOST_THERE = 256  # sockets of a server on Windows, whose selector takes no more than 512
AT_ONCE = 16  # that are taken in before the others have their turn


class Listener:
    """Listens at `address`: a path, or "127.0.0.1:port" or "[::1]:port", where port 0 is any that is free.

    At "[::]:port" both families are listened to.

    Raises:
        OSError: if that cannot be.
    """

    def __init__(self, address: str) -> None:
        self._path = address if "/" in address else ""
        self._spare: int | None = None
        if self._path:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        else:
            self.socket = socket.socket(_family(address), socket.SOCK_STREAM)
        try:
            if not self._path:
                _share_port(self.socket)
            self.socket.bind(self._path or _host_and_port(address))
            self.socket.listen(BACKLOG)
            self.socket.setblocking(False)
            self._spare = os.open(os.devnull, os.O_RDONLY)
        except BaseException:
            self.socket.close()
            raise
        self.port = 0 if self._path else int(self.socket.getsockname()[1])
        host = address.rpartition(":")[0]
        self.address = self._path or f"{host}:{self.port}"

    def accept(self) -> list[socket.socket]:
        """Return those that have come, a few of them at a time; none of another user's."""
        found = []
        for _ in range(AT_ONCE):
            try:
                sock, _ = self.socket.accept()
            except BlockingIOError:
                break
            except OSError:  # it hung up at once, or there is no descriptor left for it
                self._turn_away()
                break
            sock.setblocking(False)
            if not self._path:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            found.append(sock)
        return found

    def _turn_away(self) -> None:
        """Use the spare descriptor to hang up on who waits: it would keep the listener ready for ever."""
        if self._spare is None:
            return
        os.close(self._spare)
        self._spare = None
        with contextlib.suppress(OSError):
            self.socket.accept()[0].close()
        with contextlib.suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY)

    def close(self) -> None:
        """Listen no more, and leave no file."""
        self.socket.close()
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        if self._path:
            Path(self._path).unlink(missing_ok=True)

    def abandon(self) -> None:
        """Close a forked child's copy of the socket: who connects to it would wait for ever."""
        self.socket.close()


def peer_of(sock: socket.socket) -> tuple[int, int] | None:
    """Return the process and the user at the other end, as far as the system tells."""
    if sys.platform != "linux" or sock.family != socket.AF_UNIX:
        return None
    pid, uid, _ = struct.unpack("=iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid


def most_clients() -> int:
    """Return how many sockets a server may have: half of what descriptors this process may have."""
    if sys.platform == "win32":
        return MOST_THERE
    import resource

    return max(16, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if address.startswith("[") else socket.AF_INET


def _share_port(sock: socket.socket) -> None:
    if os.name == "posix":
        # What is left of connections of one that was here before does not keep the port from the next. (On Windows the
        # option has another meaning: two could listen at once.)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)


def _host_and_port(address: str) -> tuple[Any, ...]:
    """Return what `bind` takes: with an IPv6 address also the number of its interface, `[fe80::1%eth0]:80`."""
    host, _, port = address.rpartition(":")
    if not address.startswith("["):
        return host, int(port)
    found = socket.getaddrinfo(host[1:-1], int(port), socket.AF_INET6, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    return found[0][4]
