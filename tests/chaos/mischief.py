"""What a hostile or broken server says: answers to a handshake, answers of REST, frames in the midst of good ones.

Each stands for a kind that once ended an engine, or made it grow. `Hostile` draws among them.
"""

import asyncio
import functools
import random
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping

from .proxy import Connection, Fault

__all__ = ["ANSWERS", "FRAMES", "REST", "FrameEnds", "Hostile", "frame"]

_TOKEN = re.compile(rb"[Aa]uthorization: (Bearer [^\r\n]+)")
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
NASTY = "\\u001b[31mFORGED\\nERROR everything is lost\\u202e"  # as JSON has it: escape, newline, turned text


def frame(payload: bytes, *, opcode: int = 2, rsv1: bool = False, fin: bool = True) -> bytes:
    """Return one frame of a server."""
    head = bytes((opcode | (0x80 if fin else 0) | (0x40 if rsv1 else 0),))
    if len(payload) < 126:
        return head + bytes((len(payload),)) + payload
    if len(payload) < 65536:
        return head + b"\x7e" + struct.pack("!H", len(payload)) + payload
    return head + b"\x7f" + struct.pack("!Q", len(payload)) + payload


def _token(connection: Connection) -> bytes:
    found = _TOKEN.search(connection.request)
    return found[1] if found else b"nobody"


def _refusal(status: bytes, body: bytes = b"", *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"Content-Length: %d" % len(body), b"", body])


# Name -> the answer to the request of a connection.
ANSWERS: dict[str, Callable[[Connection], bytes]] = {
    "a cookie no jar takes": lambda _: _SWITCHING + b"Set-Cookie: a/b=c\r\nSec-WebSocket-Accept: no\r\n\r\n",
    "a cookie to keep": lambda _: _refusal(b"503 Busy", b"", b"Set-Cookie: n%d=%s" % (id(_), b"x" * 1000)),
    "the token as status line": lambda one: b"HTTP/1.1 " + _token(one) + b"\r\n\r\n",
    "the token in a body": lambda one: _refusal(b"502 Bad Gateway", b"<html>" + _token(one) + b"\x1b[2J</html>"),
    "the token in a header": lambda one: _SWITCHING + b"Sec-WebSocket-Accept: " + _token(one) + b"\r\n\r\n",
    "nesting": lambda _: _refusal(b"400 Bad Request", b"[" * 50_000, b"Content-Type: application/json"),
    "no words at all": lambda _: b"\r\n\r\n",
    "garbage": lambda _: bytes(range(256)) * 100,
    "a head without an end": lambda _: b"HTTP/1.1 101 " + b"A" * 1_000_000,
    "headers without an end": lambda _: b"HTTP/1.1 101 Yes\r\n" + b"A: b\r\n" * 100_000,
    "a body without an end": lambda _: b"HTTP/1.1 503 No\r\n\r\n" + b"B" * 3_000_000,
    "a body that is said to be endless": lambda _: b"HTTP/1.1 503 No\r\nContent-Length: 99999999999999\r\n\r\nx",
    "a length that is none": lambda _: b"HTTP/1.1 503 No\r\nContent-Length: -1\r\n\r\nx",
    "a crowd of extensions": lambda _: _SWITCHING + b"Sec-WebSocket-Extensions: " + b"a," * 30_000 + b"\r\n\r\n",
    "a wrong accept": lambda _: _SWITCHING + b"Sec-WebSocket-Accept: AAAA\r\n\r\n",
    "a captive portal": lambda _: _refusal(b"200 OK", b"<html>Pay here</html>", b"Content-Type: text/html"),
    "somewhere else": lambda _: _refusal(b"301 Moved", b"", b"Location: ws://127.0.0.1:1/"),
    "HTTP/2": lambda _: b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18,
    "a limit": lambda _: _refusal(b"429 Too Many Requests", b"", b"Retry-After: 1"),
    "a limit until the end of days": lambda _: _refusal(
        b"429 Too Many Requests",
        b"",
        b"Date: Sun, 29 Nov 2026 00:00:00 GMT",
        b"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT",
    ),
    "a block of years": lambda _: _refusal(b"418 Teapot", b'{"error":{"message":"blocked for 999999999 hours"}}'),
    "nothing": lambda _: b"",
}


@functools.cache
def _bomb() -> bytes:
    """Return a page of 60 kB that inflates to 60 MB; made when it is first asked for."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = [packer.compress(b"0," * 1_000_000) for _ in range(30)]
    return b"".join([packer.compress(b"["), *packed, packer.compress(b"0]"), packer.flush()])


# Name -> what REST answers.
REST: dict[str, Callable[[], bytes]] = {
    "nesting": lambda: _refusal(b"200 OK", b'[{"trade_price":' + b"[" * 5000, b"Content-Type: application/json"),
    "a bomb": lambda: _refusal(b"200 OK", _bomb(), b"Content-Type: application/json", b"Content-Encoding: gzip"),
    "no gzip": lambda: _refusal(b"200 OK", b"[]", b"Content-Encoding: gzip"),
    "a limit until the end of days": lambda: _refusal(
        b"429 Too Many Requests",
        b"",
        b"Date: Sun, 29 Nov 2026 00:00:00 GMT",
        b"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT",
    ),
    "an error": lambda: _refusal(b"500 Sorry", f'{{"error":{{"name":"{NASTY}","message":"{NASTY}"}}}}'.encode()),
    "a page": lambda: _refusal(b"200 OK", b"<html>Pay here</html>", b"Content-Type: text/html"),
    "numbers": lambda: _refusal(b"200 OK", b'[{"trade_price":1e99999,"sequential_id":' + b"9" * 5000 + b"}]"),
}


def _deflated(payload: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


_MEGABYTE_OF_SPACE = _deflated(b'{"type":"ticker","code":"KRW-BTC","x":"' + b" " * 2_000_000 + b'"}')
_EMPTY_OBJECTS = _deflated(b"[" + b"{}," * 500_000 + b"{}]")


# Name -> frames, of a draw. Those after which the connection must end are among them.
FRAMES: dict[str, Callable[[random.Random], bytes]] = {
    "a type nobody knows": lambda rng: frame(b'{"type":"t%d","code":"KRW-BTC"}' % rng.randrange(10**9)),
    "many types": lambda rng: b"".join(
        frame(b'{"ty":"t%d","cd":"KRW-BTC"}' % rng.randrange(10**9)) for _ in range(500)
    ),
    "a code nobody asked for": lambda rng: frame(b'{"ty":"ticker","cd":"KRW-%d"}' % rng.randrange(10**9)),
    "no JSON": lambda _: frame(b"{"),
    "deep": lambda _: frame(b'{"type":"trade","code":"KRW-BTC","x":' + b"[" * 20_000),
    "numbers": lambda _: frame(
        b'{"type":"ticker","code":"KRW-BTC","trade_price":1e999999999,"timestamp":' + b"9" * 5000 + b"}"
    ),
    "a list of nothing": lambda _: frame(_EMPTY_OBJECTS, rsv1=True),
    "two megabytes of space": lambda _: frame(_MEGABYTE_OF_SPACE, rsv1=True),
    "many megabytes of space": lambda _: frame(_MEGABYTE_OF_SPACE, rsv1=True) * 20,
    # As the exchange does it: an error, then the end. Whoever was new in the last request is suspected.
    "an error of the exchange": lambda _: (
        frame(f'{{"error":{{"name":"{NASTY}","message":"{NASTY * 2000}"}}}}'.encode())
        + frame(struct.pack("!H", 1000), opcode=8)
    ),
    "a status": lambda _: frame(b'{"status":"UP"}') * 100,
    "levels": lambda rng: frame(
        b'{"type":"orderbook","code":"KRW-BTC","level":0.%d,"timestamp":1,"orderbook_units":[]}' % rng.randrange(10**9)
    ),
    "pings": lambda _: frame(b"x" * 100, opcode=9) * 200,
    "pongs": lambda _: frame(b"x", opcode=10) * 200,
    "a bad opcode": lambda _: frame(b"x", opcode=7),
    "a length of 2^62": lambda _: b"\x82\x7f" + struct.pack("!Q", 1 << 62),
    "a length of 1 GB": lambda _: b"\x82\x7f" + struct.pack("!Q", 1 << 30) + b" " * 100_000,
    "no UTF-8": lambda _: frame(b"\xff\xfe", opcode=1),
    "a continuation of nothing": lambda _: frame(b"x", opcode=0),
    "continuations without an end": lambda _: frame(b"", fin=False) + frame(b"", opcode=0, fin=False) * 5000,
    "damaged deflate": lambda rng: frame(rng.randbytes(50), rsv1=True),
    "a bomb": lambda _: frame(_deflated(b"\0" * 40_000_000), rsv1=True),
    "a close with words": lambda _: frame(struct.pack("!H", 1008) + b"\x1b[31mforged\nERROR lost", opcode=8),
    "a close of no code": lambda _: frame(struct.pack("!H", 1) + b"x", opcode=8),
}


class FrameEnds:
    """Finds where a server's frames end, in what passes."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    def pieces(self, chunk: bytes) -> Iterator[tuple[bytes, bool]]:
        """Yield `chunk` in pieces, each with whether a frame ends behind it."""
        at = begin = 0
        while at < len(chunk):
            if not self._left:
                self._head += chunk[at : at + 1]
                at += 1
                size = _size(self._head)
                if size is None:
                    continue
                self._head, self._left = b"", size
            step = min(self._left, len(chunk) - at)
            self._left -= step
            at += step
            if not self._left:
                yield chunk[begin:at], True
                begin = at
        if begin < len(chunk):
            yield chunk[begin:], False


def _size(head: bytes) -> int | None:
    """Return the length of a frame's payload; None while its head is not whole."""
    if len(head) < 2:
        return None
    length = head[1] & 0x7F
    more = {126: 2, 127: 8}.get(length, 0)
    if len(head) < 2 + more:
        return None
    return int.from_bytes(head[2 : 2 + more], "big") if more else length


class Hostile(Fault):
    """Draws what to do with each connection and each frame, while `is_on`; `counts` says how often it did what."""

    def __init__(self, seed: int, *, answers: float = 0.5, frames: float = 0.01, cuts: float = 0.002) -> None:
        self.is_on = False
        self.counts: dict[str, int] = {}
        self._random = random.Random(seed)
        self._chances = answers, frames, cuts

    async def meet(self, connection: Connection) -> bool:
        if not self.is_on or self._random.random() > self._chances[0]:
            return False
        if not connection.is_upgrade:
            name = self._draw(REST, "REST: ")
            await connection.say(REST[name]())
            return True
        name = self._draw(ANSWERS, "answer: ")
        answer = ANSWERS[name](connection)
        if self._random.random() < 0.1:
            for at in range(min(len(answer), 200)):
                await connection.say(answer[at : at + 1])
                await asyncio.sleep(0.05)
        else:
            await connection.say(answer)
        if self._random.random() < 0.3:
            await connection.until_hung_up()
        return True

    async def pass_on(self, connection: Connection, chunk: bytes, to: asyncio.StreamWriter) -> None:
        if to is not connection.writer or not connection.is_upgrade:
            await super().pass_on(connection, chunk, to)
            return
        if "ends" not in connection.memory:
            # The head of the answer, which the simulator sends alone.
            connection.memory["ends"] = FrameEnds()
            head, found, chunk = chunk.partition(b"\r\n\r\n")
            await super().pass_on(connection, head + found, to)
        out = bytearray()
        for piece, is_end in connection.memory["ends"].pieces(chunk):
            out += piece
            if self.is_on and is_end and (draw := self._random.random()) < self._chances[1] + self._chances[2]:
                if draw < self._chances[2]:
                    self.counts["cut"] = self.counts.get("cut", 0) + 1
                    await super().pass_on(connection, bytes(out), to)
                    if self._random.random() < 0.5:
                        connection.reset()
                    raise ConnectionResetError
                out += FRAMES[self._draw(FRAMES, "frame: ")](self._random)
        await super().pass_on(connection, bytes(out), to)

    def _draw(self, among: Mapping[str, object], kind: str) -> str:
        name = self._random.choice(list(among))
        self.counts[kind + name] = self.counts.get(kind + name, 0) + 1
        return name
