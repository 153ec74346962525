"""Coverage-guided fuzzing of the C module: the same comes of any bytes with it and without it.

    python -m tests.fuzz.fuzz_fast -max_total_time=60 [other flags of libFuzzer]

The first byte says what the rest is: frames, messages in lines, records of a recording, or books of one market in
lines, in one of the two spellings. The corpus stays in reports/fuzz/fast.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

from tests.fuzz import fuzz_events
from tests.fuzz.instrumenting import instrumented
from tests.fuzz.judging import fuzz
from tests.protocol.learning import forget_all

with instrumented("events", "exchange", "recording", "websocket"):
    from tests.protocol.recording.made import rows
    from websocket_v6.protocol import fast
    from websocket_v6.protocol.errors import RecordingError, RemoteProtocolError
    from websocket_v6.protocol.events import base, levels, make_event, orderbook
    from websocket_v6.protocol.events.levels import decode_levels
    from websocket_v6.protocol.exchange import heads
    from websocket_v6.protocol.recording import messages
    from websocket_v6.protocol.recording.records import REPLAYED, KeyState, Record, Rows, Wants, encode_record
    from websocket_v6.protocol.websocket import frames

PIECES = 7
SHORT_WAYS: list[tuple[Any, str]] = [
    (frames, "scan"),
    (heads, "streams_of"),
    (base, "_load"),
    (orderbook, "read_levels"),
    (messages, "read_rows"),
]


def check(data: bytes) -> None:
    """Do the same with and without the module."""
    kind, data = data[:1], data[1:]
    match kind:
        case b"F":
            _same(lambda: _frames(data))
        case b"R":
            _same(lambda: _records(data))
        case b"S" | b"L":
            _levels(data.split(b"\n"), is_full=kind == b"L")
        case _:
            _same(lambda: _messages(data.split(b"\n")))


def _same(work: Callable[[], object]) -> None:
    forget_all()
    found = work()
    forget_all()
    with ExitStack() as stack:
        for module, name in SHORT_WAYS:
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, None)
        expected = work()
    assert found == expected, (found, expected)


def _frames(data: bytes) -> object:
    decoder = frames.FrameDecoder()
    size = len(data) // PIECES + 1
    return [decoder.receive(data[start : start + size]) for start in range(0, len(data), size)], decoder.controls


def _records(data: bytes) -> object:
    """Read records behind others, twice: the second time behind what is left of the first."""
    pieces: list[messages.Piece] = [Record(1, Wants(["a"]))]
    found: list[object] = []
    for _ in range(2):
        try:
            messages.decode_pieces(data, pieces)
        except RecordingError as exc:
            found.append(str(exc))
        for piece in pieces:
            if isinstance(piece, messages.Messages):
                streams, payloads, *numbers = piece.columns
                assert len(streams) == len(payloads) == sum(piece.counts)
                assert {len(column) for column in numbers} == {len(piece)}
                found.append([list(column) for column in piece.columns])
            else:
                found.append(piece)
    return found


def _messages(lines: list[bytes]) -> object:
    inbound = heads.Inbound()
    inbound.sort(lines)
    found = inbound.sort(lines)
    return found, [
        _shown(make_event(stream, payload, 1, 2)) for stream, payload in zip(found.streams, found.payloads, strict=True)
    ]


def _shown(event: Any) -> object:
    try:
        event.load()
        # Not which fields are decoded: a message that is handed back takes two turns up to the next sample.
        return [type(value) for value in event.asdict().values()], repr(event)
    except RemoteProtocolError as exc:
        return str(exc)


def _levels(books: list[bytes], *, is_full: bool) -> None:
    read = levels.make_reader()
    assert read is not None
    for number, data in enumerate(books):
        found = read(data, is_full, -1, "orderbook KRW-BTC")
        if found is not None:
            expected = decode_levels(data, is_full, Decimal)
            assert repr(found) == repr(expected), (number, found, expected)


def seeds() -> Iterator[bytes]:
    """Yield inputs to begin with."""
    for seed in fuzz_events.seeds():
        yield b"M" + seed
        for message in seed.split(b"\n"):
            size = len(message)
            head = bytes((0x82, size)) if size < 126 else b"\x82\x7e" + (size & 0xFFFF).to_bytes(2, "big")
            yield b"F" + (head + message) * 3
    records = [
        *(rows(1), rows(2**40, 20), rows(70_000, 0), rows(200, 1), Record(5, KeyState([], 1))),
        Record(2**63 - 1, Rows(2**32, 2**33, 0, ["trade 가-나" * 9, "x" * 300], [b"", b"y" * 300])),
        Record(3, Rows(1, 2, REPLAYED, ["trade A-B"], [b"{}"])),
    ]
    encoded = [encode_record(one.mono_ns, one.value) for one in records]
    yield from (b"R" + one for one in encoded)
    yield b"R" + b"".join(encoded[:5])
    yield b"R" + b"".join(encoded[:2]) + encoded[6] + encoded[0]
    yield b"R" + encoded[0] + b"\xc4\x01\xc0" + encoded[3][:-1]
    level = b'{"ap":1.25,"bp":1E-7,"as":0.00000001,"bs":1.5E+8}'
    yield b"S[" + level + b"," + level + b"]"
    first, second = level.replace(b"1.25", b"2"), level.replace(b"1.5E+8", b"3.0E-4")
    yield b"S" + b"\n".join(
        b"[%s]" % b",".join(rows) for rows in ([level, first], [second, level], [first, level, second])
    )
    yield b'L[{"ask_price":1.25,"bid_price":1,"ask_size":0E-8,"bid_size":0}]'


if __name__ == "__main__":
    if fast.IMPLEMENTATION == "Python":
        raise SystemExit("there is no C module here to be fuzzed: a compiler is needed to install it")
    fuzz("fast", check, seeds())
