"""protocol/websocket/server_deflate.py: which offer is taken, and that clients of ours read what follows from it."""

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.websocket.deflate import OFFER, compress, negotiate
from websocket_v6.protocol.websocket.frames import FrameDecoder
from websocket_v6.protocol.websocket.outgoing import BINARY, TEXT, frame
from websocket_v6.protocol.websocket.server_deflate import agree
from websocket_v6.protocol.websocket.server_handshake import BadRequest

NAME = "permessage-deflate"
BASE = f"{NAME}; server_no_context_takeover; client_no_context_takeover"
LIMIT = 1024 * 1024


@pytest.mark.parametrize(
    ("header", "response", "window_bits"),
    [
        (NAME, BASE, 15),
        (OFFER, BASE, 15),
        (f"{NAME}; server_no_context_takeover; client_no_context_takeover", BASE, 15),
        (f"{NAME}; client_max_window_bits=8", BASE, 15),
        (f"{NAME}; server_max_window_bits=9", f"{BASE}; server_max_window_bits=9", 9),
        (f'{NAME}; server_max_window_bits="12"', f"{BASE}; server_max_window_bits=12", 12),
        (f"{NAME}; server_max_window_bits=15; client_max_window_bits", f"{BASE}; server_max_window_bits=15", 15),
        (f"{NAME}; server_max_window_bits=10, {NAME}", f"{BASE}; server_max_window_bits=10", 10),
        # An offer that cannot be met gives way to the next.
        (
            f"{NAME}; server_max_window_bits=8, {NAME}; server_max_window_bits=11",
            f"{BASE}; server_max_window_bits=11",
            11,
        ),
        (f"x-webkit-deflate-frame, {NAME}; unknown, {NAME}", BASE, 15),
    ],
)
def test_the_first_offer_that_can_be_met_is_taken(header: str, response: str, window_bits: int) -> None:
    agreed = agree(header)
    assert agreed is not None
    assert (agreed.response, agreed.window_bits) == (response, window_bits)
    assert agreed.inflater.no_context_takeover


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        " , ",
        "x-webkit-deflate-frame",
        "Permessage-Deflate",
        f"{NAME}; unknown",
        f"{NAME}; a=9",
        f"{NAME}; z=9",
        f"{NAME}; server_max_window_bits",
        f"{NAME}; server_max_window_bits=8",
        f"{NAME}; server_max_window_bits=7",
        f"{NAME}; server_max_window_bits=16",
        f"{NAME}; server_max_window_bits=09",
        f"{NAME}; client_max_window_bits=16",
        f"{NAME}; client_max_window_bits=0",
        f"{NAME}; server_no_context_takeover=1",
        f"{NAME}; client_no_context_takeover=true",
        f"{NAME}; client_no_context_takeover; client_no_context_takeover",
        f"{NAME}; server_max_window_bits=10; server_max_window_bits=10",
    ],
)
def test_other_offers_are_declined(header: str | None) -> None:
    assert agree(header) is None


@pytest.mark.parametrize("header", [f"{NAME};", f"{NAME} x", "=", f"{NAME}, {NAME}; =", f'{NAME}; a="'])
def test_what_is_no_list_is_a_bad_request(header: str) -> None:
    with pytest.raises(BadRequest, match="Extensions") as raised:
        agree(header)
    assert raised.value.status == 400


@given(st.text(alphabet='permsag-dflt_c;=, "\t189x\u00e9', max_size=60))
def test_any_header_is_answered_or_a_bad_request(header: str) -> None:
    try:
        agreed = agree(header)
    except BadRequest as error:
        what_it_says = str(error)
    else:
        what_it_says = ""
        assert agreed is None or NAME in header
    assert len(what_it_says) < 100


flags = st.sampled_from(["server_no_context_takeover", "client_no_context_takeover", "client_max_window_bits"])
windows = st.builds("{}_max_window_bits={}".format, st.sampled_from(["server", "client"]), st.integers(9, 15))


@given(
    st.lists(flags | windows, max_size=4, unique_by=lambda parameter: parameter.partition("=")[0]),
    st.lists(st.tuples(st.booleans(), st.binary(max_size=3000)), max_size=5),
)
def test_what_a_server_compresses_a_client_of_ours_reads(
    parameters: list[str], messages: list[tuple[bool, bytes]]
) -> None:
    agreed = agree("; ".join([NAME, *parameters]))
    assert agreed is not None
    client = negotiate(agreed.response, offered=True)
    assert client is not None
    decoder = FrameDecoder(deflate=client.inflater)
    # Each by itself: whoever reads it has an empty window.
    stream = [
        frame(BINARY, compress(message, agreed.window_bits), rsv1=True) if is_packed else frame(BINARY, message)
        for is_packed, message in messages
    ]
    assert decoder.receive(b"".join(stream)) == [message for _, message in messages]
    for (is_packed, message), one in zip(messages, stream, strict=True):
        assert FrameDecoder(deflate=agreed.inflater).receive(one) == [message], is_packed
        # A reader with no more memory than was agreed on can inflate it.
        if is_packed:
            payload = compress(message, agreed.window_bits)
            reader = zlib.decompressobj(-agreed.window_bits)
            assert reader.decompress(payload + b"\0\0\xff\xff") == message


def test_what_a_client_of_ours_deflates_a_server_reads() -> None:
    agreed = agree(OFFER)
    assert agreed is not None
    client = negotiate(agreed.response, offered=True)
    assert client is not None
    message = b'[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}]' * 40
    for _ in range(2):
        payload = client.deflater.deflate(message)
        assert payload is not None
        masked = bytearray(frame(TEXT, payload, rsv1=True))
        masked[1] |= 0x80
        masked[len(masked) - len(payload) : len(masked) - len(payload)] = bytes(4)
        assert FrameDecoder(deflate=agreed.inflater, masked=True).receive(masked) == [message]


@pytest.mark.parametrize("size", [0, 1, 249, 250, 251, 600, 2500, 20_000, 100_000])
@pytest.mark.parametrize("bits", [9, 12, 15])
def test_a_window_that_suits_the_message_loses_nothing(size: int, bits: int) -> None:
    """The half that is far away is found again wherever a window of all the bits would have found it."""
    half = random.Random(size).randbytes(size // 2)
    message = half + half
    compressor = zlib.compressobj(wbits=-bits)
    plain = compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert len(compress(message, bits)) <= len(plain) - 4
    assert zlib.decompressobj(-bits).decompress(compress(message, bits) + b"\0\0\xff\xff") == message
