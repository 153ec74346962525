"""What is said to a peer's control frames, and which of them end the connection."""

import pytest

from tests.actors.connection.line import Line
from tests.actors.connection.peer import read_frame
from websocket_v6.actors.connection.controls import Over, answer
from websocket_v6.actors.connection.writer import Writer
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError
from websocket_v6.protocol.websocket.frames import Closed, Ping, Violation

PONG, CLOSE = 0x8A, 0x88


def answered(line: Line, control: Ping | Closed | Violation) -> None:
    answer(control, line.ws, Writer(), endpoint="public", peer="the exchange")


def test_a_ping_is_answered_with_what_it_bears() -> None:
    with Line() as line:
        answered(line, Ping(b"beep"))
        assert read_frame(line.peer) == (PONG, b"beep")


@pytest.mark.parametrize(
    ("control", "code", "text"),
    [
        (Closed(1001, "restart"), 1001, "the exchange closed the public connection: 1001 restart"),
        (Closed(1005, ""), 1000, "the exchange closed the public connection: 1005"),
    ],
)
def test_a_close_frame_is_answered_with_its_code_and_is_the_end(control: Closed, code: int, text: str) -> None:
    with Line() as line:
        with pytest.raises(Over) as caught:
            answered(line, control)
        assert read_frame(line.peer) == (CLOSE, code.to_bytes(2, "big"))
    assert type(caught.value.error) is TransportError
    assert str(caught.value.error) == text


def test_a_bad_frame_is_told_to_the_peer_and_is_the_end() -> None:
    with Line() as line:
        with pytest.raises(Over) as caught:
            answered(line, Violation(1002, "a masked frame"))
        assert read_frame(line.peer) == (CLOSE, (1002).to_bytes(2, "big"))
    error = caught.value.error
    assert isinstance(error, RemoteProtocolError)
    assert (str(error), error.close_code) == ("bad frame on the public connection: a masked frame", 1002)


def test_a_pong_that_cannot_be_sent_is_told() -> None:
    with Line() as line:
        line.ws.shutdown()  # type: ignore[no-untyped-call]
        with pytest.raises(TransportError, match="connection lost"):
            answered(line, Ping(b""))
