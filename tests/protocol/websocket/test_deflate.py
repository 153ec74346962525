"""protocol/websocket/deflate.py: what a response may agree on, and streams by compressors of all kinds."""

import random
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SHARED_DATA
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.websocket.deflate import OFFER, Agreement, Deflater, Inflater, negotiate
from websocket_v6.protocol.websocket.frames import FrameDecoder, Text, Violation

DEFLATE_FROM = 1024  # bytes: what fits one packet anyway is sent no sooner for being shorter
LIMIT = 1024 * 1024


class Sender:
    """Deflates messages as a server may: RFC 7692, 7.2.1."""

    def __init__(self, *, window_bits: int = 15, level: int = 6, takes_over: bool = True) -> None:
        self._level, self._window_bits, self._takes_over = level, window_bits, takes_over
        self._compressor = zlib.compressobj(level, wbits=-window_bits)

    def deflate(self, message: bytes) -> bytes:
        if not self._takes_over:
            self._compressor = zlib.compressobj(self._level, wbits=-self._window_bits)
        deflated = self._compressor.compress(message) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        assert deflated.endswith(b"\x00\x00\xff\xff")
        return deflated[:-4]


def deflate_finally(message: bytes) -> bytes:
    """Deflate with a final block, as 7.2.3.4 allows."""
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(message) + compressor.flush(zlib.Z_FINISH) + b"\x00"


def inflater(header: str = "permessage-deflate") -> Inflater:
    return agreed(header).inflater


def agreed(header: str) -> Agreement:
    result = negotiate(header, offered=True)
    assert result is not None
    return result


# --- negotiation


def test_no_answer_is_no_compression() -> None:
    assert negotiate(None, offered=True) is None
    assert negotiate(None, offered=False) is None
    assert negotiate("", offered=True) is None
    assert negotiate(" , ", offered=False) is None


@pytest.mark.parametrize(
    ("header", "is_fresh_each_time"),
    [
        ("permessage-deflate", False),
        (" permessage-deflate ", False),
        ("permessage-deflate; server_no_context_takeover", True),
        ("permessage-deflate;client_no_context_takeover", False),
        ("permessage-deflate; client_max_window_bits=15; server_max_window_bits=8", False),
        ('permessage-deflate; server_max_window_bits="10"', False),
        ("permessage-deflate ; client_max_window_bits = 9 ;server_no_context_takeover", True),
        ("permessage-deflate,", False),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; "
            "client_max_window_bits=12",
            True,
        ),
    ],
)
def test_what_a_server_may_answer(header: str, is_fresh_each_time: bool) -> None:
    assert inflater(header).no_context_takeover is is_fresh_each_time


@pytest.mark.parametrize("bits", range(8, 16))
@pytest.mark.parametrize("name", ["server_max_window_bits", "client_max_window_bits"])
def test_all_window_sizes_are_fine(name: str, bits: int) -> None:
    assert inflater(f"permessage-deflate; {name}={bits}").inflate(b"\x00", 10) == b""


@pytest.mark.parametrize(
    "header",
    [
        "permessage-foo",
        "x-webkit-deflate-frame",
        "Permessage-Deflate",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate, permessage-foo",
        "permessage-deflate; unknown",
        "permessage-deflate; unknown=1",
        "permessage-deflate; server_no_context_takeover=1",
        'permessage-deflate; server_no_context_takeover="true"',
        "permessage-deflate; client_no_context_takeover=0",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "permessage-deflate; client_max_window_bits=10; client_max_window_bits=11",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=-9",
        "permessage-deflate; server_max_window_bits=1e1",
        "permessage-deflate; client_max_window_bits=0",
        "permessage-deflate; client_max_window_bits=１０",  # noqa: RUF001 - digits, but not of ASCII
        "permessage-deflate; server_max_window_bits=",
        'permessage-deflate; server_max_window_bits="10',
        'permessage-deflate; server_max_window_bits=""',
        "permessage-deflate;",
        "permessage-deflate;;server_no_context_takeover",
        "permessage-deflate server_no_context_takeover",
        "permessage deflate",
        "; server_no_context_takeover",
        "=",
        "permessage-deflate; \x00",
    ],
)
def test_what_a_server_may_not_answer(header: str) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        negotiate(header, offered=True)
    assert raised.value.close_code == 1010


@pytest.mark.parametrize("rest", ["!x", "x", "#", "=1", '"x"'])
def test_words_without_a_comma_between_them_are_no_list(rest: str) -> None:
    with pytest.raises(RemoteProtocolError, match="it is malformed"):
        negotiate(f"permessage-deflate {rest}", offered=True)


@pytest.mark.parametrize("header", ["permessage-deflate", "permessage-foo", "="])
def test_an_extension_never_offered_is_a_remote_error(header: str) -> None:
    with pytest.raises(RemoteProtocolError, match="offered"):
        negotiate(header, offered=False)


@given(st.text(alphabet='permsag-dflt_c;=, "\t189x\u00e9', max_size=60))
def test_any_header_is_accepted_or_a_remote_error(header: str) -> None:
    try:
        result = negotiate(header, offered=True)
    except RemoteProtocolError as error:
        what_it_says = str(error)
    else:
        what_it_says = ""
        assert (result is not None) == ("permessage-deflate" in header)
    assert len(what_it_says) < 300


def test_the_offer_names_what_costs_us_nothing() -> None:
    extension, *parameters = OFFER.split("; ")
    assert extension == "permessage-deflate"
    assert set(parameters) == {"client_no_context_takeover", "client_max_window_bits"}


# --- inflating


@given(st.lists(st.binary(max_size=500) | st.text(alphabet="KRW-BTC0123", max_size=3000).map(str.encode), max_size=8),
       st.integers(9, 15), st.integers(0, 9), st.booleans())  # fmt: skip
def test_whatever_a_server_deflates_is_inflated(
    messages: list[bytes], window_bits: int, level: int, takes_over: bool
) -> None:
    sender = Sender(window_bits=window_bits, level=level, takes_over=takes_over)
    header = f"permessage-deflate; server_max_window_bits={window_bits}"
    receiver = inflater(header if takes_over else f"{header}; server_no_context_takeover")
    assert [receiver.inflate(sender.deflate(message), LIMIT) for message in messages] == messages


def test_the_examples_of_the_rfc() -> None:
    """RFC 7692, 7.2.3: one block, a shared window, no compression, a final block, two blocks."""
    receiver = inflater()
    assert receiver.inflate(bytes.fromhex("f248cdc9c90700"), LIMIT) == b"Hello"
    assert receiver.inflate(bytes.fromhex("f200110000"), LIMIT) == b"Hello"
    assert receiver.inflate(bytes.fromhex("000500faff48656c6c6f00"), LIMIT) == b"Hello"
    assert receiver.inflate(bytes.fromhex("f348cdc9c9070000"), LIMIT) == b"Hello"
    assert receiver.inflate(bytes.fromhex("f24805000000ffffcac9c90700"), LIMIT) == b"Hello"


def test_the_window_is_kept_between_messages() -> None:
    message = random.Random(6).randbytes(20_000)
    sender, receiver = Sender(), inflater()
    first, second = sender.deflate(message), sender.deflate(message)
    assert len(second) < 500 < len(first)
    assert [receiver.inflate(first, LIMIT), receiver.inflate(second, LIMIT)] == [message, message]
    with pytest.raises(RemoteProtocolError):
        inflater().inflate(second, LIMIT)


def test_without_context_takeover_the_window_is_empty() -> None:
    sender = Sender()
    receiver = inflater("permessage-deflate; server_no_context_takeover")
    message = random.Random(7).randbytes(2000)
    assert receiver.inflate(sender.deflate(message), LIMIT) == message
    with pytest.raises(RemoteProtocolError):
        receiver.inflate(sender.deflate(message), LIMIT)


def test_final_blocks_may_end_any_message() -> None:
    receiver = inflater()
    for message in (b"one", b"", b"two" * 1000, b"three"):
        assert receiver.inflate(deflate_finally(message), LIMIT) == message
    # Several in one message, and a plain flush after them.
    many = deflate_finally(b"a" * 100)[:-1] + deflate_finally(b"b" * 100)[:-1] + Sender().deflate(b"c" * 100)
    assert receiver.inflate(many, LIMIT) == b"a" * 100 + b"b" * 100 + b"c" * 100


def test_an_empty_message_may_take_one_octet_or_none() -> None:
    receiver = inflater()
    assert receiver.inflate(b"\x00", LIMIT) == b""
    assert receiver.inflate(b"\x02\x00", LIMIT) == b""


# --- deflating


def request(count: int) -> bytes:
    codes = ",".join(f'"KRW-{random.Random(number).randrange(10**5)}"' for number in range(count))
    return f'[{{"ticket":"t"}},{{"type":"ticker","codes":[{codes}]}}]'.encode()


@pytest.mark.parametrize(
    ("header", "window_bits"),
    [
        ("permessage-deflate", 15),
        ("permessage-deflate; server_no_context_takeover; server_max_window_bits=9", 15),
        ("permessage-deflate; client_no_context_takeover", 15),
        ("permessage-deflate; client_max_window_bits=9", 9),
        ('permessage-deflate; client_max_window_bits="10"; client_no_context_takeover', 10),
    ],
)
def test_what_the_server_asks_of_our_side_is_kept(header: str, window_bits: int) -> None:
    deflater = agreed(header).deflater
    for message in (request(855), request(700)):
        payload = deflater.deflate(message)
        assert payload is not None
        assert len(payload) < len(message) / 2
        # A server with no more than that window and no memory of the message before.
        assert zlib.decompressobj(-window_bits).decompress(payload + b"\x00\x00\xff\xff") == message


def test_what_is_short_goes_plain() -> None:
    deflater = Deflater()
    assert deflater.deflate(bytes(DEFLATE_FROM - 1)) is None
    assert deflater.deflate(bytes(DEFLATE_FROM)) is not None


def test_a_window_too_small_for_zlib_goes_plain() -> None:
    assert agreed("permessage-deflate; client_max_window_bits=8").deflater.deflate(request(855)) is None


@given(st.lists(st.binary(min_size=DEFLATE_FROM, max_size=40_000), max_size=4), st.integers(9, 15), st.booleans())
def test_whatever_we_deflate_a_server_inflates(messages: list[bytes], window_bits: int, takes_over: bool) -> None:
    deflater = Deflater(window_bits=window_bits)
    receiver = Inflater(no_context_takeover=not takes_over)
    for message in messages:
        payload = deflater.deflate(message)
        assert payload is not None
        assert receiver.inflate(payload, LIMIT) == message


# --- faults


@pytest.mark.parametrize("payload", [b"\xff" * 20, b"\x07", b"\x00\x05\x00\x00\x00hello", b"hello hello hello"])
def test_a_broken_stream_is_bad_data(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        inflater().inflate(payload, LIMIT)
    assert raised.value.close_code == 1007


def test_a_message_may_inflate_to_the_limit_and_no_further() -> None:
    payload = Sender().deflate(bytes(100_000))
    assert inflater().inflate(payload, 100_000) == bytes(100_000)
    with pytest.raises(RemoteProtocolError) as raised:
        inflater().inflate(payload, 99_999)
    assert raised.value.close_code == 1009


def test_final_blocks_count_together() -> None:
    payload = deflate_finally(bytes(600))[:-1] + deflate_finally(bytes(600))
    assert inflater().inflate(payload, 1200) == bytes(1200)
    with pytest.raises(RemoteProtocolError) as raised:
        inflater().inflate(payload, 1199)
    assert raised.value.close_code == 1009


def test_endless_final_blocks_are_refused_in_linear_time() -> None:
    # Each is two octets and inflates to nothing; what follows one has to be copied.
    payload = b"\x03\x00" * 2_000_000
    started = time.process_time()
    with pytest.raises(RemoteProtocolError) as raised:
        inflater().inflate(payload, LIMIT)
    assert raised.value.close_code == 1007
    assert time.process_time() - started < 2


def test_a_bomb_is_too_big_and_is_not_unpacked() -> None:
    compressor = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(compressor.compress(bytes(1024 * 1024)) for _ in range(256)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    frame = b"\xc2\x7f" + len(bomb[:-4]).to_bytes(8, "big") + bomb[:-4]
    decoder = FrameDecoder(deflate=inflater(), max_message_bytes=LIMIT)
    tracemalloc.start()
    try:
        assert decoder.receive(frame) == []
        assert tracemalloc.get_traced_memory()[1] < 6 * LIMIT
    finally:
        tracemalloc.stop()
    assert [control.close_code for control in decoder.controls if isinstance(control, Violation)] == [1009]


@given(st.binary(max_size=200), st.integers(0, 3000))
def test_any_payload_is_inflated_or_a_remote_error(payload: bytes, limit: int) -> None:
    check_outcome(payload, limit)


@given(st.binary(max_size=2000), st.data())
def test_a_mutated_payload_is_inflated_or_a_remote_error(message: bytes, data: st.DataObject) -> None:
    payload = bytearray(Sender().deflate(message))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    check_outcome(bytes(payload), LIMIT)


def check_outcome(payload: bytes, limit: int) -> None:
    outcome: bytes | int | None
    try:
        outcome = inflater().inflate(payload, limit)
    except RemoteProtocolError as error:
        outcome = error.close_code
    assert outcome in (1007, 1009) or (isinstance(outcome, bytes) and len(outcome) <= limit)


# --- in frames


def frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    return bytes([first, size]) + payload if size < 126 else bytes([first, 126]) + size.to_bytes(2, "big") + payload


def test_compressed_and_plain_messages_may_be_mixed() -> None:
    sender, decoder = Sender(), FrameDecoder(deflate=inflater())
    long = random.Random(8).randbytes(500)
    stream = frame(0xC2, sender.deflate(b"short")) + frame(0x82, b"plain")
    stream += frame(0xC2, sender.deflate(long)) + frame(0x82, long)
    deflated = sender.deflate(b"fragments " * 30)
    stream += (
        frame(0x42, deflated[:5])
        + frame(0x89, b"ping")
        + frame(0x00, b"")
        + frame(0x80, deflated[5:])
        + frame(0xC1, sender.deflate("업비트".encode()))
        + frame(0xC2, sender.deflate(long))
    )
    messages = decoder.receive(stream)
    assert messages == [b"short", b"plain", long, long, b"fragments " * 30, "업비트".encode(), long]
    assert [isinstance(message, Text) for message in messages] == [False] * 5 + [True, False]
    assert len(decoder.controls) == 1


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (frame(0xC9, b"p"), 1002),
        (frame(0xCA, b"p"), 1002),
        (frame(0xC8, b"\x03\xe8"), 1002),
        (frame(0x42, b"\x00") + frame(0xC0, b"\x00"), 1002),
        (frame(0x02, b"x") + frame(0xC0, b"\x00"), 1002),
        (frame(0xE2, b"\x00"), 1002),
        (frame(0xD2, b"\x00"), 1002),
        (frame(0xC2, b"\xff" * 20), 1007),
        (frame(0xC2, b"\xff" * 200), 1007),
        (frame(0x42, b"\xff" * 20) + frame(0x80, b"\xff" * 20), 1007),
        (frame(0xC1, Sender().deflate(b"\xff\xfe")), 1007),
        (frame(0x41, Sender().deflate("é".encode()[:1])) + frame(0x80, b""), 1007),
    ],
)
def test_compression_where_it_may_not_be_or_is_broken(stream: bytes, code: int) -> None:
    decoder = FrameDecoder(deflate=inflater())
    assert decoder.receive(stream) == []
    assert [control.close_code for control in decoder.controls if isinstance(control, Violation)] == [code]


RECORDING = SHARED_DATA / "captures" / "upbit-simple-2021-04-05.jsonl"


@pytest.mark.skipif(not RECORDING.exists(), reason="the recorded traffic is not here")
@pytest.mark.parametrize("window_bits", [9, 12, 15])
@pytest.mark.parametrize("takes_over", [True, False])
def test_a_recorded_stream_comes_through(window_bits: int, takes_over: bool) -> None:
    messages = RECORDING.read_bytes().splitlines()
    sender = Sender(window_bits=window_bits, takes_over=takes_over)
    stream = b"".join(frame(0xC2, sender.deflate(message)) for message in messages)
    header = f"permessage-deflate; server_max_window_bits={window_bits}"
    decoder = FrameDecoder(deflate=inflater(header if takes_over else f"{header}; server_no_context_takeover"))
    received: list[bytes] = []
    for start in range(0, len(stream), 16_384):  # what a TLS record holds
        received += decoder.receive(stream[start : start + 16_384])
    assert received == messages
    assert not decoder.controls
