"""protocol/websocket/outgoing.py: what is made is read back; what no peer takes is not made."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.websocket.deflate import Inflater
from websocket_v6.protocol.websocket.frames import Closed, FrameDecoder, Ping, Pong, Text, Violation
from websocket_v6.protocol.websocket.outgoing import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
    head,
    masked_frame,
)


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, "8200"),
        (1, "8201"),
        (125, "827d"),
        (126, "827e007e"),
        (127, "827e007f"),
        (65535, "827effff"),
        (65536, "827f0000000000010000"),
        (2**40, "827f0000010000000000"),
    ],
)
def test_a_length_has_its_shortest_form(length: int, expected: str) -> None:
    assert head(BINARY, length).hex() == expected


def test_the_examples_of_the_rfc() -> None:
    """RFC 6455, 5.7, as far as a server sends them; RFC 7692, 7.2.3.1."""
    assert frame(TEXT, b"Hello").hex(" ") == "81 05 48 65 6c 6c 6f"
    assert frame(PING, b"Hello").hex(" ") == "89 05 48 65 6c 6c 6f"
    assert frame(TEXT, bytes.fromhex("f248cdc9c90700"), rsv1=True).hex(" ") == "c1 07 f2 48 cd c9 c9 07 00"


@given(st.sampled_from([TEXT, BINARY]), st.text(max_size=300) | st.integers(0, 70_000).map(lambda size: "x" * size))
def test_a_message_is_read_back(opcode: int, text: str) -> None:
    message = text.encode()
    compressor = zlib.compressobj(wbits=-15)
    deflated = (compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
    decoder = FrameDecoder(deflate=Inflater())
    received = decoder.receive(frame(opcode, message) + frame(opcode, deflated, rsv1=True))
    assert received == [message, message]
    assert [type(one) for one in received] == [Text if opcode == TEXT else bytes] * 2
    assert decoder.controls == []


@given(st.binary(max_size=125))
def test_pings_and_pongs_are_read_back(payload: bytes) -> None:
    decoder = FrameDecoder()
    assert decoder.receive(frame(PING, payload) + frame(PONG, payload)) == []
    assert decoder.controls == [Ping(payload), Pong(payload)]


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frames_are_short_and_plain(opcode: int) -> None:
    assert len(frame(opcode, b"x" * 125)) == 127
    with pytest.raises(LocalProtocolError, match="125"):
        head(opcode, 126)
    with pytest.raises(LocalProtocolError, match="compressed"):
        frame(opcode, b"", rsv1=True)


@pytest.mark.parametrize("opcode", [-1, 0, 3, 7, 11, 15, 16, 0x81])
def test_other_opcodes_are_not_made(opcode: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"opcode {opcode}"):
        head(opcode, 1)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1012, 1014, 3000, 4403, 4999])
def test_a_close_frame_is_read_back(code: int) -> None:
    decoder = FrameDecoder()
    decoder.receive(close_frame(code, "점검"))
    assert decoder.controls == [Closed(code, "점검")]


def test_a_close_frame_without_a_code() -> None:
    assert close_frame(1005, "never said") == b"\x88\x00"


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65536])
def test_a_code_that_must_not_be_sent_is_not(code: int) -> None:
    with pytest.raises(LocalProtocolError, match=str(code)):
        close_frame(code)


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("x" + " x" * 61, "x" + " x" * 61),
        ("x" + " x" * 61 + "y", "x" + " x" * 61),
        ("한" * 41, "한" * 41),
        ("한" * 42, "한" * 41),
        ("x" + "한" * 41, "x" + "한" * 40),
        ("x." * 3 + " x" * 58 + "😀", "x." * 3 + " x" * 58),
        ("\ud800", "?"),
    ],
)
def test_a_reason_is_cut_at_a_character(reason: str, kept: str) -> None:
    decoder = FrameDecoder()
    decoder.receive(close_frame(1000, reason))
    assert decoder.controls == [Closed(1000, kept)]


@given(st.text(st.sampled_from("a. 한😀") | st.characters(categories=("Lo", "So")), max_size=200))
def test_any_reason_makes_a_close_frame(reason: str) -> None:
    decoder = FrameDecoder()
    decoder.receive(close_frame(4001, reason))
    [closed] = decoder.controls
    assert isinstance(closed, Closed)
    shown = " ".join(reason.split())  # as whoever reads it shows it
    assert shown.startswith(closed.reason)
    assert closed.reason == shown or len(reason.encode()) > 119


@given(
    st.sampled_from([TEXT, BINARY]),
    st.text(max_size=300).map(str.encode) | st.just(b"x" * 70_000),
    st.binary(min_size=4, max_size=4),
)
def test_a_client_s_frame_is_masked(opcode: int, payload: bytes, mask: bytes) -> None:
    sent = masked_frame(opcode, payload, mask)
    assert FrameDecoder(masked=True).receive(sent) == [payload]
    assert sent.startswith(bytes([0x80 | opcode]))
    strict = FrameDecoder()
    assert strict.receive(sent) == []
    [violation] = strict.controls
    assert isinstance(violation, Violation)


def test_a_client_s_control_frame_is_small() -> None:
    with pytest.raises(LocalProtocolError, match="125"):
        masked_frame(PING, b"x" * 126, b"mask")
