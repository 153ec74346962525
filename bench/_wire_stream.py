"""The messages and frames that all readers of `bench/wire.py` get, and the process that sends them.

    python -m bench._wire_stream     prints its port, then serves ws://127.0.0.1:PORT/?size=600&deflate=1 until killed

A connection gets the same block of frames over and over, until it is closed. Messages have the form of the exchange's
tickers; a compressed block keeps the window from message to message, and begins with an empty one, so that it can
follow itself.
"""

import contextlib
import functools
import json
import random
import re
import socket
import sys
import zlib

from websocket_v6.protocol.websocket.handshake import accept_for

__all__ = ["block", "messages"]

BLOCK_BYTES = 1_000_000  # of plain messages: more than the caches next to a core hold
MARKETS = 200


@functools.cache
def messages(size: int) -> list[bytes]:
    """Return the messages of one block, each of exactly `size` bytes."""
    rng = random.Random(size)
    return [_message(rng, index, size) for index in range(BLOCK_BYTES // size)]


def _message(rng: random.Random, index: int, size: int) -> bytes:
    price = rng.randrange(1_000, 200_000_000)
    fields: dict[str, object] = {
        "type": "ticker",
        "code": f"KRW-C{rng.randrange(MARKETS)}",
        "opening_price": price * 0.98,
        "high_price": price * 1.03,
        "low_price": price * 0.97,
        "trade_price": float(price),
        "prev_closing_price": price * 0.99,
        "change": rng.choice(("RISE", "FALL", "EVEN")),
        "signed_change_price": price * rng.uniform(-0.03, 0.03),
        "signed_change_rate": round(rng.uniform(-0.03, 0.03), 10),
        "trade_volume": round(rng.expovariate(10), 8),
        "acc_trade_volume_24h": round(rng.uniform(1e3, 1e6), 8),
        "acc_trade_price_24h": round(rng.uniform(1e9, 1e12), 5),
        "ask_bid": rng.choice(("ASK", "BID")),
        "timestamp": 1_790_000_000_000 + index,
        "stream_type": "REALTIME",
    }
    units: list[dict[str, float]] = []
    text = json.dumps(fields, separators=(",", ":"))
    while len(text) < size - 100:
        units.append({"ask_price": price + len(units), "ask_size": round(rng.expovariate(1), 8)})
        text = json.dumps({**fields, "orderbook_units": units}, separators=(",", ":"))
    return text.encode().ljust(size)[:size]


@functools.cache
def block(size: int, *, deflate: bool) -> bytes:
    """Return the frames of one block."""
    if not deflate:
        return b"".join(_frame(0x82, message) for message in messages(size))
    compressor = zlib.compressobj(wbits=-15)
    frames = []
    for index, message in enumerate(messages(size)):
        # The last message empties the window: the next one will be the first.
        flush = zlib.Z_FULL_FLUSH if index == len(messages(size)) - 1 else zlib.Z_SYNC_FLUSH
        frames.append(_frame(0xC2, (compressor.compress(message) + compressor.flush(flush))[:-4]))
    return b"".join(frames)


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    return bytes((first, size)) + payload if size < 126 else bytes((first, 126)) + size.to_bytes(2, "big") + payload


def serve() -> None:
    """Serve one connection after the other."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            connection, _ = server.accept()
            # An error is how a reader says that it has had enough.
            with connection, contextlib.suppress(OSError):
                _send(connection)


def _send(connection: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(4096)
    text = request.decode("latin-1")
    size, deflate = int(_find(r"size=(\d+)", text)), _find(r"deflate=(\d)", text) == "1"
    key = _find(r"sec-websocket-key: *(\S+)", text)
    response = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_for(key)}\r\n"
    )
    if deflate:
        _find(r"sec-websocket-extensions: *(permessage-deflate)", text)
        response += "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    frames = block(size, deflate=deflate)
    connection.sendall(f"{response}\r\n".encode("latin-1"))
    while True:
        connection.sendall(frames)


def _find(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.IGNORECASE)
    if match is None:
        raise ValueError(f"the request lacks {pattern}")
    return match[1]


if __name__ == "__main__":
    serve()
