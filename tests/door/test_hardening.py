"""What a door does with who means it no good: memory stays bounded, and the others are served as before."""

import json
import random
import select
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.conftest import wait_until
from tests.door.child import ChildDoor, child_door
from tests.door.world import MARKETS, Client, handshake, raw_socket
from websocket_v6.protocol.limits import PARTS
from websocket_v6.simulator import Simulator

MIB = 1024 * 1024
BOUND = 24 * MIB  # by which the door's memory may grow; none of what is sent here is as little
DEFLATE = "permessage-deflate"
FAST = {
    "protocol.server.door_rules.CONNECTS": 1_000_000,
    "actors.server.sockets.HANDSHAKE": 1.0,
    "actors.server.base_server.LOOK": 0.2,
}


class House:
    """A door in a child, a simulator behind it, and one client that means well."""

    def __init__(self, stack: ExitStack, sim: Simulator, door: ChildDoor) -> None:
        self.sim = sim
        self.door = door
        self._stack = stack
        self._good = self.client()
        self._good.ask({"type": "trade", "codes": ["KRW-BTC"]})
        self._good.read()
        sim.wait_served({"trade KRW-BTC"}, exactly=False)
        self.check()
        self._before = door.memory

    def client(self, **options: Any) -> Client:
        settings = {"close_timeout": 1.0, "compression": None, "proxy": None, **options}
        connection: Any = self._stack.enter_context(connect(self.door.url, **settings))
        return Client(connection)

    def check(self) -> None:
        """See that who means well is served, soon, and that memory has not grown."""
        for _ in range(3):
            self.sim.trade("KRW-BTC")
            began = time.monotonic()
            assert self._good.read()["type"] == "trade"
            assert time.monotonic() - began < 2.0

    def check_memory(self, bound: int = BOUND) -> None:
        self.check()
        assert self.door.memory - self._before < bound

    def raw(self, *, shaken: bool = True, **headers: str) -> socket.socket:
        sock = self._stack.enter_context(raw_socket(self.door.port))
        if shaken:
            sock.sendall(handshake(self.door.port, **headers))
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                byte = sock.recv(1)
                assert byte, answer
                answer += byte
            assert answer.startswith(b"HTTP/1.1 101"), answer
        return sock


@pytest.fixture
def house() -> Iterator[Callable[..., House]]:
    with ExitStack() as stack:

        def make(*, constants: dict[str, Any] | None = None, **options: Any) -> House:
            sim = stack.enter_context(Simulator(MARKETS, limits=None))
            door = stack.enter_context(child_door(sim, constants={**FAST, **(constants or {})}, **options))
            return House(stack, sim, door)

        yield make


Make = Callable[..., House]


def frame(payload: bytes, first: int = 0x81, *, is_masked: bool = True) -> bytes:
    size, bit = len(payload), 0x80 if is_masked else 0
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 65536:
        head = struct.pack(">BBH", first, bit | 126, size)
    else:
        head = struct.pack(">BBQ", first, bit | 127, size)
    if not is_masked:
        return head + payload
    # A mask of zeros leaves the payload as it is.
    return head + bytes(4) + payload


def poured(sock: socket.socket, chunks: Iterator[bytes], seconds: float = 20.0) -> int:
    """Send, without reading, until all is sent, the door hangs up or takes no more for a while; return the bytes."""
    sock.setblocking(False)
    sent, deadline = 0, time.monotonic() + seconds
    with suppress(OSError):
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                _, writable, _ = select.select([], [sock], [], 5.0)
                if not writable or time.monotonic() > deadline:
                    return sent
                size = sock.send(rest)
                sent += size
                rest = rest[size:]
    return sent


def rest_of(sock: socket.socket, seconds: float = 10.0) -> bytes:
    """Return what comes until the door hangs up.

    Raises:
        TimeoutError: if it does not.
    """
    sock.settimeout(seconds)
    found = b""
    try:
        while data := sock.recv(65536):
            found += data
    except ConnectionError:
        pass
    return found


def close_code(data: bytes) -> int:
    """Return the code of the close frame that is the last of some frames."""
    codes, begin = [], 0
    while begin < len(data):
        opcode, size, at = data[begin] & 15, data[begin + 1], begin + 2
        if size > 125:
            at += 2 if size == 126 else 8
            size = int.from_bytes(data[begin + 2 : at], "big")
        if opcode == 8:
            codes.append(int.from_bytes(data[at : at + 2], "big"))
        begin = at + size
    assert len(codes) == 1
    return codes[0]


# --- before the handshake


def test_a_handshake_by_bytes(house: Make) -> None:
    one = house()
    socks = [one.raw(shaken=False) for _ in range(60)]
    head = handshake(one.door.port)
    began = time.monotonic()
    open_, at = list(socks), 0
    while open_ and time.monotonic() - began < 10.0:
        for sock in list(open_):
            try:
                sock.sendall(head[at : at + 1])
            except OSError:
                open_.remove(sock)
        at += 1
        readable, _, _ = select.select(open_, [], [], 0.1)
        open_ = [sock for sock in open_ if sock not in readable]  # there is nothing to read but the end
        one.check()
    assert not open_
    assert 0.8 < time.monotonic() - began < 5.0
    one.check_memory()


def test_who_says_nothing(house: Make) -> None:
    one = house()
    before = one.door.descriptors
    socks = [one.raw(shaken=False) for _ in range(200)]
    for sock in socks:
        assert rest_of(sock) == b""
    wait_until(lambda: one.door.descriptors <= before, "all descriptors to be closed")
    one.check_memory()


def test_a_head_without_end(house: Make) -> None:
    one = house()
    lines = [b"a: b\r\n" * 1000, b"x" * 65536, b"a: " + b"y" * 4000 + b"\r\n"]
    for line in lines:
        sock = one.raw(shaken=False)
        sock.sendall(b"GET / HTTP/1.1\r\n")
        poured(sock, (line for _ in range(64 * MIB // len(line))))  # it is read, and thrown away, until it is closed
        rest_of(sock)
    sock = one.raw(shaken=False)
    sock.sendall(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 2730)
    assert rest_of(sock).startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    one.check_memory()


@pytest.mark.parametrize("data", [b"\0" * 9, b"garbage\r\n\r\n", b"\x16\x03\x01\x02\0\x01", b"SSH-2.0-x\r\n", b"GET /"])
def test_what_is_no_handshake(house: Make, data: bytes) -> None:
    one = house()
    sock = one.raw(shaken=False)
    sock.sendall(data)
    assert b"101" not in rest_of(sock)
    one.check_memory()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_ten_thousand_connects_in_a_row(house: Make) -> None:
    one = house()
    before = one.door.descriptors
    for number in range(10_000):
        with socket.create_connection(("127.0.0.1", one.door.port), timeout=10.0) as sock:
            if number % 3 == 1:
                sock.sendall(handshake(one.door.port))
            if number % 3 == 2:
                sock.sendall(b"garbage\r\n\r\n")
        if number % 1000 == 0:
            one.check()
    wait_until(lambda: one.door.descriptors <= before, "all descriptors to be closed")
    one.check_memory()
    one.client()


def test_more_clients_at_once_than_may_be(house: Make) -> None:
    constants = {"actors.server.sockets.HANDSHAKE": 10.0}  # the first have to wait for the last
    one = house(constants=constants, rules={"most_clients": 50, "most_of_one_address": 40})
    socks = [one.raw(shaken=False) for _ in range(500)]
    for sock in socks:
        sock.sendall(handshake(one.door.port))
    answers = [sock.recv(12) for sock in socks]
    assert answers.count(b"HTTP/1.1 101") == 39
    assert answers.count(b"HTTP/1.1 503") == 461
    one.check_memory()
    for sock in socks:
        sock.close()
    wait_until(lambda: _answer(one).startswith(b"HTTP/1.1 101"), "room for another")


def _answer(one: House) -> bytes:
    with raw_socket(one.door.port) as sock:
        sock.sendall(handshake(one.door.port))
        return sock.recv(12)


def test_more_sockets_than_there_are_descriptors(house: Make) -> None:
    one = house(descriptors=100)
    socks = [one.raw(shaken=False) for _ in range(300)]
    one.check_memory()
    for sock in socks:
        rest_of(sock)
    assert _answer(one).startswith(b"HTTP/1.1 101")


# --- frames


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (frame(b"PING", is_masked=False), {1002}),
        (frame(b"x", 0xF1), {1002}),
        (frame(b"x", 0x83), {1002}),
        (frame(b"x" * 200, 0x89), {1002}),
        (frame(b"x", 0x09), {1002}),
        (frame(b"x", 0x80), {1002}),
        (frame(b"\xff", 0x81), {1007}),
        (b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(9), {1002, 1009}),
        (b"\x81\xff\0\0\0\1\0\0\0\0" + bytes(4), {1009}),
        (frame(b"x", 0x88), {1002}),
    ],
)
def test_frames_that_are_none(house: Make, data: bytes, codes: set[int]) -> None:
    one = house()
    sock = one.raw()
    sock.sendall(data)
    assert close_code(rest_of(sock)) in codes
    one.check_memory()


def test_garbage_after_the_handshake(house: Make) -> None:
    one = house()
    rng = random.Random(7)
    for _ in range(50):
        sock = one.raw()
        poured(sock, (rng.randbytes(4096) for _ in range(20)))
        sock.close()
    one.check_memory()


def test_fragments_without_end(house: Make) -> None:
    one = house()
    for fragment in (b"", b"x", b"x" * 1000):
        sock = one.raw()
        more = frame(fragment, 0x00) * (200_000 // (len(fragment) + 1))
        poured(sock, iter([frame(b"x", 0x01), *[more] * 12]))
        if fragment:
            rest_of(sock)  # a megabyte is the most
        one.check_memory()


def test_bombs(house: Make) -> None:
    one = house()
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join([deflate.compress(bytes(MIB)) for _ in range(512)]) + deflate.flush(zlib.Z_SYNC_FLUSH)
    sock = one.raw(Sec_WebSocket_Extensions=DEFLATE)
    poured(sock, iter([frame(bomb, 0xC1)]))
    assert close_code(rest_of(sock)) == 1009
    sock = one.raw(Sec_WebSocket_Extensions=DEFLATE)
    pieces = [bomb[at : at + 60_000] for at in range(0, len(bomb), 60_000)]
    firsts = [0x41, *[0x00] * (len(pieces) - 2), 0x80]
    poured(sock, iter([frame(piece, first) for piece, first in zip(pieces, firsts, strict=True)]))
    assert close_code(rest_of(sock)) == 1009
    one.check_memory()


def test_a_flood_of_pings_by_who_reads_nothing(house: Make) -> None:
    one = house()
    for first in (0x89, 0x8A):
        sock = one.raw()
        flood = frame(b"x" * 125, first) * 500
        assert poured(sock, (flood for _ in range(20 * MIB // len(flood)))) > 10 * MIB
        one.check_memory(10 * MIB)
        sock.close()


def test_a_flood_of_questions_by_who_reads_nothing(house: Make) -> None:
    constants = {
        "actors.server.network_server.BUDGET": 8 * MIB,
        "protocol.server.plain_client.PER_SECOND": 1_000_000,
        "protocol.server.plain_client.PER_MINUTE": 1_000_000,
    }
    one = house(constants=constants)
    sock = one.raw()
    codes = [f"KRW-{index:06}" for index in range(14_000)]
    request = json.dumps([{"ticket": "t"}, {"type": "ticker", "codes": codes}]).encode()
    question = frame(b'[{"ticket":"t"},{"method":"LIST_SUBSCRIPTIONS"}]')
    sock.sendall(frame(request))
    # Each answer is a quarter of a megabyte.
    poured(sock, (question * 10 for _ in range(100)))
    rest_of(sock)
    one.check_memory(100 * MIB)


def test_a_flood_of_requests(house: Make) -> None:
    one = house()
    request = frame(json.dumps([{"ticket": "t"}, {"type": "ticker", "codes": ["KRW-ETH"]}]).encode())
    for what in (request, frame(b'[{"ticket":"t"},{"method":"LIST_SUBSCRIPTIONS"}]'), frame(b"garbage")):
        sock = one.raw()
        poured(sock, (what * 500 for _ in range(100)))
        sock.close()
    sock = one.raw()
    poured(sock, (frame(b"PING") * 1000 for _ in range(100)))
    one.check_memory()


# --- requests


def test_requests_of_a_megabyte_of_codes(house: Make) -> None:
    one = house()
    for number in range(5):
        sock = one.raw()
        codes = [f"KRW-{number}{index:07}" for index in range(69_000)]
        request = json.dumps([{"ticket": "t"}, {"type": "ticker", "codes": codes}], separators=(",", ":")).encode()
        assert 0.9 * MIB < len(request) < MIB
        poured(sock, iter([frame(request)]))
        assert b"TOO_MANY_REQUEST" in rest_of(sock)
        one.check()
    # As many as one may have, and all together.
    answers = []
    for number in range(5):
        client = one.client()
        codes = [f"KRW-{number}{index:06}" for index in range(14_000)]
        client.ask({"type": "trade", "codes": [*codes, "KRW-ETH"]})
        answers.append(client.read().get("type", "error"))
        one.check()
    assert answers == ["trade", "trade", "trade", "error", "error"]
    one.check_memory(200 * MIB)  # three or four kilobytes a stream
    one.check()  # who means well was never hung up on, as it would be after a gap
    sockets = sum(each.open for each in one.sim.connections("public"))
    assert sockets <= 2 * PARTS, "a source that has as many as it may, and perhaps its heir"


def test_requests_that_are_deep_or_odd(house: Make) -> None:
    one = house()
    for text in (
        "[" * 500_000,
        '{"a":' * 100_000,
        "[" + "{}," * 300_000 + "{}]",
        '["' + "\\u0000" * 150_000 + '"]',
        "9" * MIB,
    ):
        sock = one.raw()
        poured(sock, iter([frame(text.encode())]))
        answer = rest_of(sock)
        assert b"error" in answer or close_code(answer) == 1009
    one.check_memory()


# --- who does not read


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_who_does_not_read_is_cut_off_and_the_others_are_served(house: Make) -> None:
    constants = {"actors.server.network_server.BUDGET": MIB}
    one = house(constants=constants, rules={"most_clients": 300, "most_of_one_address": 300}, format="DEFAULT")
    request = json.dumps([{"ticket": "t"}, {"type": "orderbook", "codes": ["KRW-ETH"]}]).encode()
    socks = [one.raw() for _ in range(200)]
    for sock in socks:
        sock.sendall(frame(request))
    slow, others = socks[:20], socks[20:]
    slowest = b""  # what one of the slow ones reads, half of what it is sent
    one.sim.wait_served({"trade KRW-BTC", "orderbook KRW-ETH"})
    received = dict.fromkeys(others, 0)
    for sock in others:
        sock.setblocking(False)
    # Large ones, as the kernel takes some megabytes for each before anything waits here.
    book = one.sim.current("orderbook KRW-ETH").replace('"SNAPSHOT"', '"REALTIME"')
    book = f'{book[:-1]},"more":"{"x" * 100_000}"}}'
    delays = []
    for number in range(1, 101):
        one.sim.send_raw(book.encode())
        began = time.monotonic()
        while min(received.values()) < number * len(book) and time.monotonic() < began + 20.0:
            _drain(others, received, 0.1)
        assert min(received.values()) >= number * len(book), "the others have everything"
        delays.append(time.monotonic() - began)
        if select.select(slow[:1], [], [], 0.0)[0]:
            slowest += slow[0].recv(len(book) // 2)
    assert sorted(delays)[len(delays) * 9 // 10] < 2.0
    one.check_memory(100 * MIB)
    assert close_code(slowest + rest_of(slow[0])) == 1013
    for sock in slow[1:]:
        rest_of(sock)  # who does not read at all cannot be told; it is cut off all the same


def _drain(socks: list[socket.socket], received: dict[socket.socket, int], seconds: float) -> None:
    readable, _, _ = select.select(socks, [], [], seconds)
    for sock in readable:
        with suppress(BlockingIOError):
            data = sock.recv(MIB)
            assert data, "the door hung up on one that reads"
            received[sock] += len(data)
