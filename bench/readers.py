"""Programs at a door, as cheap as can be: raw sockets in one process, which count frames and look into none.

    python -m bench.readers '{"port": 8080, "clients": 10, ...}'        (Assignment as JSON)

It says "asked" once all have asked for the tickers, and in the end one JSON object with what came. Each comes from an
address of its own, 127.0.0.2 and on, for a door counts connects by address; macOS has none of these.
"""

import base64
import json
import os
import select
import socket
import sys
import time
from array import array
from pathlib import Path
from typing import NamedTuple

from .messages import make_messages

__all__ = ["Assignment", "Client", "read_frames"]

CHUNK = 1 << 18
TIMEOUT = 60.0  # seconds without a byte
SMALL_BUFFER = 1  # bytes that the system keeps for who does not read; it is some more
SMALL_SEGMENT = 88  # bytes; on loopback they are so large that the system keeps megabytes for the other side too
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"


class Assignment(NamedTuple):
    """Who comes to the door, and what each of them waits for."""

    port: int
    clients: int
    deaf: int = 0  # that come besides, and never read
    format: str = "SIMPLE"
    is_deflated: bool = False
    goal: int = 1  # frames for each client
    stamps: str = ""  # the file for when each frame came, client by client, monotonic nanoseconds as int64
    markets: int = 120
    block: int = 2000
    core: int = -1


def read_frames(data: bytes) -> tuple[int, int]:
    """Return how many whole frames these bytes begin with, and where the rest begins."""
    count = position = 0
    size = len(data)
    while position + 2 <= size:
        length, start = data[position + 1], position + 2
        if length == 126:
            start += 2
            length = int.from_bytes(data[position + 2 : start], "big")
        elif length == 127:
            start += 8
            length = int.from_bytes(data[position + 2 : start], "big")
        if start + length > size:
            break
        position = start + length
        count += 1
    return count, position


class Client:
    """One program, which has asked for tickers."""

    def __init__(self, assignment: Assignment, number: int, *, reads: bool) -> None:
        self.frames = self.bytes = 0
        self.stamps = array("q")
        self._rest = b""
        self.sock = sock = socket.socket()
        if not reads:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT)
        sock.bind((f"127.0.{(number + 2) // 256}.{(number + 2) % 256}", 0))
        sock.settimeout(TIMEOUT)
        sock.connect(("127.0.0.1", assignment.port))
        self._shake_hands(assignment)
        sock.sendall(_masked(_request(assignment).encode()))
        sock.setblocking(False)

    def _shake_hands(self, assignment: Assignment) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall(
            f"GET /websocket/v1 HTTP/1.1\r\nHost: 127.0.0.1:{assignment.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"{DEFLATE if assignment.is_deflated else ''}\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self.sock.recv(1)  # and nothing of what comes behind it
        if not answer.startswith(b"HTTP/1.1 101 ") or (b"permessage-deflate" in answer) != assignment.is_deflated:
            raise ConnectionError(f"not let in as wished: {answer!r:.200}")

    def read(self) -> None:
        """Count what has come."""
        data = self.sock.recv(CHUNK)
        if not data:
            raise ConnectionError("the door hung up")
        now_ns = time.monotonic_ns()
        self.bytes += len(data)
        data = self._rest + data
        count, position = read_frames(data)
        self._rest = data[position:]
        self.frames += count
        self.stamps.extend([now_ns] * count)


def _request(assignment: Assignment) -> str:
    codes = make_messages("ticker", assignment.markets, assignment.block).codes
    wanted = {"type": "ticker", "codes": codes, "is_only_realtime": True}
    return json.dumps([{"ticket": "bench"}, wanted, {"format": assignment.format}])


def _masked(payload: bytes) -> bytes:
    """Return a text frame; a mask of zeros leaves it as it is."""
    length = len(payload)
    head = bytes((0x81, 0x80 | length)) if length < 126 else b"\x81\xfe" + length.to_bytes(2, "big")
    return head + bytes(4) + payload


def _read_all(clients: list[Client], goal: int) -> None:
    """Read until each has as many frames as it waits for."""
    waiting = {client.sock.fileno(): client for client in clients}
    poll = select.poll()
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    while waiting:
        ready = poll.poll(TIMEOUT * 1000)
        if not ready:
            raise TimeoutError(f"{len(waiting)} clients heard nothing for {TIMEOUT:g} s")
        for descriptor, _ in ready:
            client = waiting[descriptor]
            client.read()
            if client.frames >= goal:
                poll.unregister(descriptor)
                del waiting[descriptor]


def main() -> None:
    """Be as many clients as the argument says."""
    assignment = Assignment(**json.loads(sys.argv[1]))
    if assignment.core >= 0:
        os.sched_setaffinity(0, {assignment.core})
    deaf = [Client(assignment, number, reads=False) for number in range(assignment.deaf)]
    clients = [Client(assignment, len(deaf) + number, reads=True) for number in range(assignment.clients)]
    _say("asked")
    cpu = time.process_time()
    _read_all(clients, assignment.goal)
    if assignment.stamps:
        Path(assignment.stamps).write_bytes(b"".join(client.stamps[: assignment.goal].tobytes() for client in clients))
    found = {
        "frames": sum(client.frames for client in clients),
        "bytes": sum(client.bytes for client in clients),
        "cpu_seconds": time.process_time() - cpu,
    }
    _say(json.dumps(found))
    sys.stdin.readline()
    for client in (*deaf, *clients):
        client.sock.close()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
