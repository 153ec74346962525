"""The way through another process's door: connect within a deadline, shake hands, and know who answered.

A door is a socket of the file system, or an address of this machine, to which no proxy leads.
"""

import base64
import errno
import os
import secrets
import socket
import struct
import sys
from collections.abc import Mapping

import websocket

from websocket_v6.actors.dialing.attempt import Attempt, GivenUp
from websocket_v6.actors.dialing.boundary import words_of
from websocket_v6.actors.dialing.bounded_socket import BoundedSocket
from websocket_v6.actors.dialing.dial import dial
from websocket_v6.actors.dialing.first_words import ask_for
from websocket_v6.protocol.connection import door as doors
from websocket_v6.protocol.connection.door import Door, DoorError, DoorProblem
from websocket_v6.protocol.dialing.place import Place
from websocket_v6.protocol.dialing.proxies import DIRECT
from websocket_v6.protocol.limits import HANDSHAKE_BYTES
from websocket_v6.protocol.outside_text import outside_text, printable
from websocket_v6.protocol.websocket import handshake
from websocket_v6.protocol.websocket.client_handshake import encode_request

__all__ = ["open_door"]

_GONE = (errno.ECONNREFUSED, errno.ENOENT, errno.ECONNRESET, errno.EPIPE, errno.ENOTSOCK, errno.ENOTDIR)


def open_door(
    ws: websocket.WebSocket,
    door: Door,
    path: str,
    *,
    timeout: float = 0.0,
    attempt: Attempt | None = None,
    headers: Mapping[str, str] | None = None,
) -> Mapping[str, str]:
    """Open a WebSocket to `door` at `path`; return the headers of the answer, their names in small letters.

    All of it takes `timeout` seconds at most, or what is left of `attempt`. `ws.sock` does not block then.

    Raises:
        DoorError: why it did not open; nothing is left of the attempt.
        GivenUp: if `attempt` is aborted.
    """
    try:
        return _open(ws, door, path, attempt or Attempt(timeout), dict(headers or {}))
    except (DoorError, GivenUp):
        raise
    except OSError as exc:
        raise _failed(door, exc) from None
    except Exception as exc:  # noqa: BLE001 - whatever it is, no host of ours made it so
        raise DoorError(
            f"whoever answers at {door.address} is no host: {words_of(exc)}", DoorProblem.STRANGER
        ) from None


def _open(
    ws: websocket.WebSocket, door: Door, path: str, attempt: Attempt, headers: dict[str, str]
) -> Mapping[str, str]:
    sock = _connect(door.address, attempt)
    try:
        answer = _shake_hands(sock, door, path, headers)
    except BaseException:
        sock.close()
        raise
    sock.hand_over(ws)
    return answer


def _connect(address: str, attempt: Attempt) -> BoundedSocket:
    is_path = "/" in address
    if not is_path:
        host, _, port = address.rpartition(":")
        try:
            place = Place(host, int(port), is_tls=False, path="/")
            return dial(place, attempt, proxy=DIRECT)
        except (ValueError, OverflowError, socket.gaierror) as exc:
            raise OSError(errno.ECONNREFUSED, f"not an address: {exc}") from None
    sock = socket.socket(socket.AF_UNIX)
    try:
        _connect_path(sock, address, attempt.remaining())
    except BaseException:
        sock.close()
        raise
    return BoundedSocket(sock, attempt, HANDSHAKE_BYTES)


def _connect_path(sock: socket.socket, path: str, remaining: float) -> None:
    # Without blocking, a full backlog is an error at once there; and `settimeout` means without blocking.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(remaining))
    sock.connect(path)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(0.0))
    if sys.platform == "linux":
        _, uid, _ = struct.unpack("=iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid != os.getuid():
            raise PermissionError(errno.EPERM, f"user {uid} listens there")


def _timeval(seconds: float) -> bytes:
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))


def _shake_hands(sock: BoundedSocket, door: Door, path: str, headers: dict[str, str]) -> Mapping[str, str]:
    key, nonce = base64.b64encode(os.urandom(16)).decode("ascii"), secrets.token_hex(16)
    request = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": ", ".join(doors.SUBPROTOCOLS),
    }
    answer = ask_for(sock, encode_request(path, request | headers | doors.offer(door, nonce)))
    if answer.status != 101:
        raise _refused(door, answer.status, answer.headers)
    handshake.check_response(answer.headers, key=key, subprotocols=doors.SUBPROTOCOLS)
    doors.check_answer(door, nonce, answer.headers)
    return answer.headers


def _host(door: Door) -> str:
    return f"the host, process {door.pid}," if door.pid else f"the host at {printable(door.address)}"


def _failed(door: Door, exc: OSError) -> DoorError:
    if isinstance(exc, TimeoutError | BlockingIOError):
        text = f"{_host(door)} does not answer: it is stopped or hangs"
        if door.pid:
            text += f"; let it go on (kill -CONT {door.pid}) or end it"
        return DoorError(text, DoorProblem.SILENT)
    if isinstance(exc, PermissionError):
        return DoorError(f"{_host(door)} is not what it should be: {words_of(exc)}", DoorProblem.STRANGER)
    problem = DoorProblem.GONE if exc.errno in _GONE else DoorProblem.REFUSED
    return DoorError(f"{_host(door)} cannot be reached: {words_of(exc)}", problem)


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
