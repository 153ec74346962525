"""A server that does its worst, and callbacks that do not return: what the whole engine holds of that stays small."""

import base64
import contextlib
import hashlib
import itertools
import socket
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.conftest import ROOT
from tests.engine.hostile import CODES, LAST

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n"
)
MIB = 1024 * 1024
MOST_MORE = 220 * MIB  # beside what the process has anyway
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="peak memory is asked of the operating system")


def frame(message: bytes) -> bytes:
    """Return a message in a deflated frame that needs none before it."""
    deflate = zlib.compressobj(1, wbits=-15)
    payload = (deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    size = len(payload)
    form = (size, 0) if size < 126 else (126, 2) if size < 65_536 else (127, 8)
    return bytes((0xC2, form[0])) + (size.to_bytes(form[1], "big") if form[1] else b"") + payload


def padded(message: bytes, size: int) -> bytes:
    return message[:-1] + b',"x":"' + b"x" * size + b'"}'


def tickers() -> Iterator[bytes]:
    """What 2 kB on the wire are 2 MB: of each code, again and again."""
    one = padded(b'{"ty":"ticker","cd":"%s","tp":1,"st":"REALTIME"}', 2 * MIB)
    return itertools.chain.from_iterable([[frame(one % code.encode()) for code in CODES]] * 4)


def trades() -> Iterator[bytes]:
    one = padded(b'{"ty":"trade","cd":"%s","sid":1,"tms":1,"st":"REALTIME"}', MIB)
    return itertools.chain.from_iterable([[frame(one % code.encode()) for code in CODES]] * 3)


def books() -> Iterator[bytes]:
    """Levels of 2 MB, which were remembered."""
    return (frame(b'{"ty":"orderbook","cd":"%s","lv":1.%s}' % (code.encode(), b"0" * (2 * MIB))) for code in CODES)


def bombs() -> Iterator[bytes]:
    """One read that becomes 250 MB."""
    return iter([frame(padded(b'{"ty":"ticker","cd":"KRW-1","tp":1}', 15 * MIB))] * 16)


def too_big() -> Iterator[bytes]:
    return iter([frame(bytes(17 * MIB))])


def long_list() -> Iterator[bytes]:
    return iter([frame(b"[" + b",".join([b"{}"] * 1_000_000) + b"]")])


def novelties() -> Iterator[bytes]:
    return (frame(b'{"ty":"novelty%d","cd":"KRW-%d","tp":1}' % (number, number % 50)) for number in range(5000))


def codes() -> Iterator[bytes]:
    return (frame(b'{"ty":"ticker","cd":"KRW-%d","tp":1}' % number) for number in range(1000, 6000))


def junk() -> Iterator[bytes]:
    return itertools.chain.from_iterable([(b"\x82\x00", b"\x82\x02{}", frame(b'{"status":"UP"}'))] * 5000)


def orders() -> Iterator[bytes]:
    text = b'{"ty":"myOrder","cd":"KRW-%d","uid":"%d","s":"wait","tms":1}'
    return (frame(text % (number, number)) for number in range(8000))


PUBLIC = (tickers, trades, books, bombs, too_big, novelties, long_list, codes, junk)
LAST_OF_A_CONNECTION = (too_big, long_list)


class Server:
    """Answers every handshake, and does one thing after the other to whoever asks for public data."""

    def __init__(self) -> None:
        self.attack = threading.Event()
        self._left: list[Callable[[], Iterable[bytes]]] = list(PUBLIC)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/websocket/v1"
        self._threads = [threading.Thread(target=self._accept)]
        self._socks: list[socket.socket] = []
        self._threads[0].start()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.attack.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._socks.append(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += sock.recv(65_536)
            key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
            accept = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
            sock.sendall(ANSWER % accept)
            if b"/private" in request.partition(b"\r\n")[0]:
                self.attack.wait()
                sock.sendall(b"".join(orders()))
            else:
                self._attack(sock)
            while sock.recv(65_536):
                pass

    def _attack(self, sock: socket.socket) -> None:
        while not self.attack.wait(0.02):
            sock.sendall(self._last(0))  # until it has asked for that, and the test has heard
        while self._left:
            attack = self._left.pop(0)  # each once, whatever it makes of the connection
            for data in attack():
                sock.sendall(data)
            if attack in LAST_OF_A_CONNECTION:
                return
        sock.sendall(self._last(1))

    def _last(self, price: int) -> bytes:
        return frame(b'{"ty":"ticker","cd":"%s","tp":%d,"st":"SNAPSHOT"}' % (LAST.encode(), price))


def test_a_server_that_does_its_worst_makes_the_engine_hold_little() -> None:
    """Before there were bounds: more than a gigabyte, and as much again for twice as many messages."""
    with Server() as server, tempfile.TemporaryDirectory() as folder:  # for a socket, a test's own has too long a name
        command = [sys.executable, "-m", "tests.engine.hostile", server.url, folder]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        try:
            assert child.stdout is not None
            before = int(child.stdout.readline())
            server.attack.set()
            after = int(child.stdout.readline())
            _, errors = child.communicate(timeout=30)
        finally:
            child.kill()
            child.communicate()
    assert child.returncode == 0, errors
    assert after - before < MOST_MORE, f"{(after - before) / MIB:.0f} MiB more"
    assert len(errors.splitlines()) < 200, "and it says little of it"
