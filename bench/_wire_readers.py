"""The ways to read a WebSocket stream that `bench/wire.py` compares, each as its users would write it.

    python -m bench._wire_readers NAME URL WARM_UP COUNT    reads, prints one Reading as JSON

All hand over every message as `bytes`, and all messages are counted and measured.
"""

import asyncio
import base64
import json
import os
import resource
import socket
import struct
import sys
import time
import zlib
from collections.abc import Callable
from importlib import metadata
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import websocket

from websocket_v6.protocol.websocket import deflate, handshake
from websocket_v6.protocol.websocket.frames import FrameDecoder

from ._wire_stream import messages

__all__ = ["READERS", "Reader", "Reading"]

CHUNK = 256 * 1024
TIMEOUT = 20.0


class Reading(NamedTuple):
    """What reading so many messages after the warm-up took."""

    messages: int
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float


class Meter:
    """Counts messages; the clocks run from the end of the warm-up until enough have come."""

    def __init__(self, warm_up: int, count: int) -> None:
        self._warm_up, self._goal = warm_up, warm_up + count
        self._seen = self._bytes = self._started_at = 0
        self._started = (0.0, 0.0)
        self._ended = (0.0, 0.0)
        self._last: bytes | str = b""
        self.is_done = False

    def took(self, batch: list[bytes]) -> bool:
        """Count `batch` and return whether these are enough."""
        if batch:
            self._seen += len(batch)
            self._bytes += sum(map(len, batch))
            self._check(batch[-1])
        return self.is_done

    def took_one(self, message: bytes | str) -> bool:
        """Count `message` and return whether these are enough."""
        self._seen += 1
        self._bytes += len(message)
        # A call for every message would be no small part of the cheapest reader's cost.
        if self._seen >= self._goal or not self._started_at:
            self._check(message)
        return self.is_done

    def _check(self, last: bytes | str) -> None:
        if not self._started_at:
            if self._seen >= self._warm_up:
                self._started_at = self._seen
                self._started = time.perf_counter(), time.process_time()
        elif self._seen >= self._goal and not self.is_done:
            self._ended = time.perf_counter(), time.process_time()
            self._last = last
            self.is_done = True

    def reading(self, size: int) -> Reading:
        """Return the measure, if what came is what was sent."""
        sent = messages(size)
        if self._bytes != self._seen * size or self._last != sent[(self._seen - 1) % len(sent)]:
            raise RuntimeError("the messages are not those that were sent")
        return Reading(
            self._seen - self._started_at,
            self._ended[0] - self._started[0],
            self._ended[1] - self._started[1],
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )


def _connect(url: str) -> tuple[socket.socket, deflate.Inflater | None]:
    """Connect as the engine does it, with websocket-client, and take the socket over."""
    key = base64.b64encode(os.urandom(16)).decode()
    headers = {"Sec-WebSocket-Key": key, "Sec-WebSocket-Extensions": deflate.OFFER}
    ws = websocket.create_connection(url, header=headers, timeout=TIMEOUT)
    response = ws.getheaders() or {}
    handshake.check_response(response, key=key)
    assert ws.sock is not None
    agreed = deflate.negotiate(response.get("sec-websocket-extensions"), offered=True)
    return ws.sock, agreed.inflater if agreed else None


def read_ours(url: str, meter: Meter) -> None:
    """Read into one buffer, decode with every check."""
    sock, inflater = _connect(url)
    decoder = FrameDecoder(deflate=inflater)
    view = memoryview(bytearray(CHUNK))
    while not meter.took(decoder.receive(view[: sock.recv_into(view)])):
        if decoder.controls:
            raise RuntimeError(f"unexpected: {decoder.controls[0]}")
    sock.close()


def read_bare(url: str, meter: Meter) -> None:
    """Read into one buffer, take heads apart in Python, check nothing."""
    sock, inflater = _connect(url)
    inflate = zlib.decompressobj(-15).decompress if inflater else None
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    unpack_head = struct.Struct(">HH").unpack_from
    kept = 0
    is_done = False
    while not is_done:
        size = kept + sock.recv_into(view[kept:])
        pos = 0
        batch = []
        while pos + 4 <= size:
            head, length = unpack_head(buffer, pos)
            start = pos + 4
            if head & 0x7F < 126:
                length = head & 0x7F
                start = pos + 2
            end = start + length
            if end > size:
                break
            batch.append(
                bytes(view[start:end]) if inflate is None else inflate(view[start:end].tobytes() + b"\0\0\xff\xff")
            )
            pos = end
        kept = size - pos
        view[:kept] = view[pos:size]
        is_done = meter.took(batch)
    sock.close()


def read_websocket_client(url: str, meter: Meter) -> None:
    """Read with websocket-client."""
    ws = websocket.create_connection(url, timeout=None)
    while not meter.took_one(ws.recv()):
        pass
    ws.shutdown()  # type: ignore[no-untyped-call]


def read_websockets(url: str, meter: Meter) -> None:
    """Read with websockets, its threads-based client."""
    from websockets.sync.client import connect

    ws = connect(url, max_size=None, ping_interval=None)
    for message in ws:
        if meter.took_one(message):
            break
    ws.socket.shutdown(socket.SHUT_RDWR)


def read_aiohttp(url: str, meter: Meter) -> None:
    """Read with aiohttp."""
    import aiohttp  # type: ignore[import-not-found, unused-ignore]

    async def read() -> None:
        async with aiohttp.ClientSession() as session:
            ws = await session.ws_connect(url, compress=15 if "deflate=1" in url else 0, max_msg_size=0)
            async for message in ws:
                if meter.took_one(message.data):
                    break
            # No closing handshake: the sender does not listen.
            ws._response.close()

    asyncio.run(read())


def read_picows(url: str, meter: Meter) -> None:
    """Read with picows."""
    import picows  # type: ignore[import-not-found, unused-ignore]

    class Listener(picows.WSListener):  # type: ignore[misc, unused-ignore]
        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            if not meter.is_done and meter.took_one(frame.get_payload_as_bytes()):
                transport.disconnect(graceful=False)

    async def read() -> None:
        transport, _ = await picows.ws_connect(Listener, url, enable_auto_pong=False)
        await transport.wait_disconnected()

    asyncio.run(read())


class Reader(NamedTuple):
    """One contender. `weight`: how many messages it gets in the time of the slowest one."""

    name: str
    package: str | None
    read: Callable[[str, Meter], None]
    weight: int
    has_deflate: bool = True

    @property
    def version(self) -> str | None:
        """The installed version, `None` if it is not installed."""
        if self.package is None:
            return ""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return None


READERS = {
    reader.name: reader
    for reader in (
        Reader("websocket_v6", None, read_ours, 10),
        Reader("bare recv loop", None, read_bare, 10),
        Reader("picows", "picows", read_picows, 10, has_deflate=False),
        Reader("aiohttp", "aiohttp", read_aiohttp, 6),
        Reader("websockets sync", "websockets", read_websockets, 1),
        Reader("websocket-client", "websocket-client", read_websocket_client, 1, has_deflate=False),
    )
}


def main() -> None:
    """Read as the arguments say."""
    name, url, warm_up, count = sys.argv[1:]
    meter = Meter(int(warm_up), int(count))
    READERS[name].read(url, meter)
    size = int(parse_qs(urlsplit(url).query)["size"][0])
    sys.stdout.write(json.dumps(meter.reading(size)._asdict()))


if __name__ == "__main__":
    main()
