"""The way through another process's door: connect within a deadline, shake hands, and know who answered.

websocket-client shakes hands on a socket that is connected here: it knows no sockets of the file system, and bounds
each read, not the whole.
"""

import base64
import errno
import os
import secrets
import socket
import struct
import sys
import time
import weakref
from collections.abc import Mapping
from typing import Any

import websocket

from websocket_v6.protocol.connection import door as doors
from websocket_v6.protocol.connection.door import Door, DoorError, DoorProblem
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.outside_text import outside_text, printable
from websocket_v6.protocol.websocket import handshake

__all__ = ["open_door"]

MAX_ANSWER = 64 * 1024  # bytes that whoever answers may say before the socket is open
_GONE = (errno.ECONNREFUSED, errno.ENOENT, errno.ECONNRESET, errno.EPIPE, errno.ENOTSOCK, errno.ENOTDIR)


def open_door(
    ws: websocket.WebSocket, door: Door, path: str, *, timeout: float, headers: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Open a WebSocket to `door` at `path`; return the headers of the answer, their names in small letters.

    All of it takes `timeout` seconds at most. The socket, `ws.sock`, is not blocking then.

    Raises:
        DoorError: why it did not open; nothing is left of the attempt.
    """
    deadline = time.monotonic() + timeout
    try:
        sock = _connect(door.address, deadline)
    except OSError as exc:
        raise _failed(door, exc) from None
    try:
        response = _shake_hands(ws, sock, door, path, dict(headers or {}))
        sock.deadline = None
        sock.setblocking(False)
    except BaseException:
        ws.shutdown()  # type: ignore[no-untyped-call]
        sock.close()
        raise
    return response


# All sockets to doors, for a forked child: they are the parent's, and the host is to notice when that one ends.
_sockets: "weakref.WeakSet[socket.socket]" = weakref.WeakSet()


class _Bounded(socket.socket):
    """A socket that waits for nothing beyond `deadline`, and until then reads no more than MAX_ANSWER bytes."""

    deadline: float | None = None
    _room = MAX_ANSWER

    def __init__(self, family: int) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        _sockets.add(self)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        if self.deadline is None:
            return super().recv(size, flags)
        if self._room <= 0:
            raise ValueError(f"an answer of more than {MAX_ANSWER} bytes")
        self._wait_no_longer()
        data = super().recv(size, flags)
        self._room -= len(data)
        return data

    def send(self, data: Any, flags: int = 0, /) -> int:
        if self.deadline is not None:
            self._wait_no_longer()
        return super().send(data, flags)

    def _wait_no_longer(self) -> None:
        remaining = (self.deadline or 0.0) - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("no answer in time")
        self.settimeout(remaining)


def _connect(address: str, deadline: float) -> _Bounded:
    is_path = "/" in address
    sock = _Bounded(socket.AF_UNIX if is_path else socket.AF_INET)
    try:
        if is_path:
            _connect_path(sock, address, deadline)
        else:
            host, _, port = address.rpartition(":")
            sock.settimeout(max(0.001, deadline - time.monotonic()))
            sock.connect((host, int(port)))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.deadline = deadline
    except (ValueError, OverflowError) as exc:
        sock.close()
        raise OSError(errno.ECONNREFUSED, f"not an address: {exc}") from None
    except BaseException:
        sock.close()
        raise
    return sock


def _connect_path(sock: socket.socket, path: str, deadline: float) -> None:
    # Without blocking, a full backlog is an error at once there; and `settimeout` means without blocking.
    remaining = max(0.001, deadline - time.monotonic())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(remaining))
    sock.connect(path)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(0.0))
    if sys.platform == "linux":
        _, uid, _ = struct.unpack("=iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid != os.getuid():
            raise PermissionError(errno.EPERM, f"user {uid} listens there")


def _timeval(seconds: float) -> bytes:
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))


def _shake_hands(
    ws: websocket.WebSocket, sock: _Bounded, door: Door, path: str, headers: dict[str, str]
) -> dict[str, str]:
    key, nonce = base64.b64encode(os.urandom(16)).decode("ascii"), secrets.token_hex(16)
    try:
        ws.connect(  # type: ignore[no-untyped-call]
            f"ws://localhost{path}",
            socket=sock,
            header={"Sec-WebSocket-Key": key} | headers | doors.offer(door, nonce),
            subprotocols=list(doors.SUBPROTOCOLS),
            suppress_origin=True,
            redirect_limit=0,
        )
    except websocket.WebSocketBadStatusException as exc:
        raise _refused(door, exc.status_code or 0, exc.resp_headers or {}) from None
    except OSError as exc:
        raise _failed(door, exc) from None
    except websocket.WebSocketTimeoutException as exc:
        raise _failed(door, TimeoutError(str(exc))) from None
    except websocket.WebSocketConnectionClosedException as exc:
        raise _failed(door, ConnectionResetError(errno.ECONNRESET, str(exc))) from None
    except (websocket.WebSocketException, ValueError, LookupError, TypeError) as exc:
        raise _stranger(door, exc) from None
    status, answer = ws.getstatus(), dict(ws.getheaders() or {})
    if status != 101:  # before 1.9.2 websocket-client takes a redirect for a connection
        raise _refused(door, status or 0, answer)
    try:
        handshake.check_response(answer, key=key, subprotocols=doors.SUBPROTOCOLS)
    except RemoteProtocolError as exc:
        raise _stranger(door, exc) from None
    doors.check_answer(door, nonce, answer)
    return answer


def _host(door: Door) -> str:
    return f"the host, process {door.pid}," if door.pid else f"the host at {printable(door.address)}"


def _stranger(door: Door, exc: Exception) -> DoorError:
    return DoorError(
        f"whoever answers at {printable(door.address)} is no host: {outside_text(exc)}", DoorProblem.STRANGER
    )


def _failed(door: Door, exc: OSError) -> DoorError:
    if isinstance(exc, TimeoutError | BlockingIOError):
        text = f"{_host(door)} does not answer: it is stopped or hangs"
        if door.pid:
            text += f"; let it go on (kill -CONT {door.pid}) or end it"
        return DoorError(text, DoorProblem.SILENT)
    if isinstance(exc, PermissionError):
        return DoorError(f"{_host(door)} is not what it should be: {outside_text(exc)}", DoorProblem.STRANGER)
    problem = DoorProblem.GONE if exc.errno in _GONE else DoorProblem.REFUSED
    return DoorError(f"{_host(door)} cannot be reached: {outside_text(exc)}", problem)


def _refused(door: Door, status: int, headers: Mapping[str, str]) -> DoorError:
    if status == 426:
        spoken = outside_text(headers.get("sec-websocket-protocol", "it names none"), 40)
        return DoorError(
            f"{_host(door)} speaks no version of what processes say to each other that is known here "
            f"({spoken}): install the same release of websocket_v6 for both; until then this "
            "process has connections of its own",
            DoorProblem.VERSION,
            status=status,
        )
    is_other_keys = status == 403 and doors.OTHER_KEYS.lower() in headers
    why = "its keys are others" if is_other_keys else f"HTTP {status}"
    return DoorError(
        f"{_host(door)} does not serve this: {why}", DoorProblem.REFUSED, status=status, is_other_keys=is_other_keys
    )


def _abandon_in_child() -> None:
    for sock in list(_sockets):
        sock.close()  # the descriptor alone: nothing is sent


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_in_child)
