"""protocol/websocket/controls.py: which close codes there are, and what a close frame says or must not say."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.websocket.controls import Closed, may_be_sent, read_close, violation


def test_the_codes_that_may_be_sent() -> None:
    """RFC 6455, 7.4.1 and 7.4.2, and what the IANA registry has added."""
    registered = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}
    assert {code for code in range(65536) if may_be_sent(code)} == registered | set(range(3000, 5000))


@pytest.mark.parametrize(
    ("payload", "closed"),
    [
        (b"", Closed(1005, "")),
        (b"\x03\xe8", Closed(1000, "")),
        (b"\x0f\xa1over", Closed(4001, "over")),
        (b"\x03\xe9" + "점검".encode(), Closed(1001, "점검")),
    ],
)
def test_what_a_close_frame_says(payload: bytes, closed: Closed) -> None:
    assert read_close(payload) == closed


@pytest.mark.parametrize(
    ("payload", "code"), [(b"\x03", 1002), (b"\x03\xed", 1002), (b"\x00\x00", 1002), (b"\x03\xe8\xff", 1007)]
)
def test_what_a_close_frame_must_not_say(payload: bytes, code: int) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        read_close(payload)
    assert raised.value.close_code == code


@given(st.binary(max_size=125))
@example(b"\x0c\x00\x00")  # a reason that is made fit to be shown
def test_any_payload_is_read_or_a_remote_error(payload: bytes) -> None:
    try:
        closed = read_close(payload)
    except RemoteProtocolError as error:
        code = error.close_code
    else:
        code = None
        reason = outside_text(payload[2:].decode())
        assert (closed.code, closed.reason) == ((int.from_bytes(payload[:2], "big"), reason) if payload else (1005, ""))
    assert code in (None, 1002, 1007)


def test_a_violation_is_answered_with_1002_unless_something_else_is_said() -> None:
    assert violation("a").close_code == 1002
    assert violation("a", 1009).close_code == 1009
