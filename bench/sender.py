"""The other end of every run: a process of its own that serves pre-built frames and does nothing else meanwhile.

    python -m bench.sender '{"kind": "ticker", ...}'       (Orders as JSON)

It prints its port and serves one connection. To the client's first request it sends the first message, as an exchange
would at once: who brings nothing is taken for mute, and a receiver with thousands of components takes a while. After a
line on its standard input ("go": the receiver is ready) it sends the rest, in one of three ways: `full`, blocks as fast
as the socket takes them; `paced`, single messages at random times, as many a second as ordered, each with the time it
left; `once`, each message once, then silence. Pings are answered, all other words of the client ignored, so that every
contender gets the same bytes.
"""

import array
import base64
import hashlib
import itertools
import json
import os
import random
import re
import select
import socket
import sys
import time
from pathlib import Path
from typing import NamedTuple

from .messages import frame, make_messages

__all__ = ["Orders", "serve"]

TICK = 0.0002  # seconds before a message is due at which sleeping ends and spinning begins
CHECK = 0.2  # seconds between two looks at what the client says
TIMEOUT = 60.0

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING = 0x1, 0x8, 0x9


class Orders(NamedTuple):
    """What to send."""

    kind: str
    mode: str = "full"  # full, paced, once
    rate: float = 0.0  # messages a second, of `paced`
    limit: int = 0  # of messages; then silence. Needed by `paced`; `full` completes its block, and has no end without
    stamps: str = ""  # the file that the times of `paced` go to, monotonic nanoseconds as int64
    markets: int = 120
    block: int = 2000  # messages that are sent over and over
    burst: int = 1  # messages of `paced` that leave together
    waits: bool = True  # for the line
    announces: bool = False  # whether each market has a message at once, and not the first alone: else those are silent
    core: int = -1  # the only one to run on


class Client:
    """What the client says: requests are counted, pings answered."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._held = b""
        self.requests = 0
        self.is_gone = False

    def listen(self, timeout: float) -> None:
        """Take what comes within `timeout` seconds at most."""
        if self.is_gone or not select.select([self._sock], [], [], timeout)[0]:
            return
        try:
            chunk = self._sock.recv(65536)
        except OSError:
            chunk = b""
        self.is_gone = not chunk
        self._held += chunk
        while (size := self._frame()) > 0:
            self._held = self._held[size:]

    def _frame(self) -> int:
        """Handle the first frame that is held; return its size, 0 if it is not whole."""
        held = self._held
        if len(held) < 2:
            return 0
        opcode, length, start = held[0] & 0x0F, held[1] & 0x7F, 2
        if length > 125:
            start = 4 if length == 126 else 10
            length = int.from_bytes(held[2:start], "big")
        end = start + 4 + length
        if len(held) < end:
            return 0
        mask = held[start : start + 4]
        payload = bytes(octet ^ key for octet, key in zip(held[start + 4 : end], itertools.cycle(mask), strict=False))
        if opcode == _PING:
            self._sock.sendall(bytes((0x8A, len(payload))) + payload)
        elif opcode == _CLOSE:
            self.is_gone = True
        elif opcode == _TEXT:
            self.requests += 1
        return end


def serve(orders: Orders) -> None:
    """Serve one connection as ordered."""
    block = make_messages(orders.kind, orders.markets, orders.block)
    frames = [frame(payload) for payload in block.payloads]
    with socket.create_server(("127.0.0.1", 0)) as server:
        _say(str(server.getsockname()[1]))
        server.settimeout(TIMEOUT)
        sock, _ = server.accept()
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _shake_hands(sock)
        client = Client(sock)
        while not client.requests and not client.is_gone:
            client.listen(TIMEOUT)
        try:
            if orders.announces:
                sock.sendall(b"".join({_head(one): frame(one) for one in block.payloads}.values()))
            if orders.mode != "paced":  # whose times all have to be noted
                sock.sendall(frames[0])
            if orders.waits:
                sys.stdin.readline()
            if orders.mode == "full":
                _send_full(sock, client, frames, orders.limit)
            elif orders.mode == "paced":
                _send_paced(sock, client, frames, orders)
            else:
                sock.sendall(b"".join(frames[1:]))
        except OSError:
            return  # the receiver has had enough
        while not client.is_gone:
            client.listen(TIMEOUT)


def _head(payload: bytes) -> bytes:
    """Return the type and the code of a message, as it spells them."""
    return payload[: payload.find(b",", payload.find(b",") + 1)]


def _shake_hands(sock: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += sock.recv(4096)
    key = re.search(rb"sec-websocket-key: *(\S+)", request, re.IGNORECASE)
    if key is None:
        raise ValueError("not a request to open a WebSocket")
    # Written out (RFC 6455, 4.2.2): the sender imports nothing of the engine, so as to be there at once.
    accept = hashlib.sha1(key[1] + _GUID, usedforsecurity=False).digest()
    sock.sendall(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {base64.b64encode(accept).decode()}\r\n\r\n".encode()
    )


def _send_full(sock: socket.socket, client: Client, frames: list[bytes], limit: int) -> None:
    block = b"".join(frames)
    look_at = time.monotonic() + CHECK
    sock.sendall(block[len(frames[0]) :])
    sent = len(frames)
    while not client.is_gone and (not limit or sent < limit):
        sock.sendall(block)
        sent += len(frames)
        if time.monotonic() > look_at:
            client.listen(0.0)
            look_at = time.monotonic() + CHECK


def _send_paced(sock: socket.socket, client: Client, frames: list[bytes], orders: Orders) -> None:
    """Send `limit` messages, a burst at a time; gaps are exponential, as between independent events."""
    rng = random.Random(orders.rate)
    times = array.array("q")
    due = time.monotonic()
    look_at = due + CHECK
    for index in range(0, orders.limit, orders.burst):
        due += rng.expovariate(orders.rate / orders.burst)
        while (now := time.monotonic()) < due:
            # Sleeping is coarse, and a spinning core tells nothing about the receiver's.
            if due - now > 2 * TICK:
                time.sleep(due - now - TICK)
        if now > look_at:
            client.listen(0.0)
            look_at = now + CHECK
        numbers = range(index, min(index + orders.burst, orders.limit))
        burst = b"".join([frames[number % len(frames)] for number in numbers])
        times.extend([time.monotonic_ns()] * len(numbers))
        sock.sendall(burst)
    if orders.stamps:
        Path(orders.stamps).write_bytes(times.tobytes())
        _say("stamped")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Send as the argument says."""
    orders = Orders(**json.loads(sys.argv[1]))
    if orders.core >= 0:
        os.sched_setaffinity(0, {orders.core})
    serve(orders)


if __name__ == "__main__":
    main()
