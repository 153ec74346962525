"""Frames as they leave: masked, deflated if that was agreed on, and never waited for without end."""

import pytest
import websocket

from tests.actors.connection.line import Line
from tests.actors.connection.peer import read_frame
from websocket_v6.actors.connection import writer as subject
from websocket_v6.actors.connection.writer import Writer
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.websocket import deflate

TEXT = b'[{"ticket":"x"},{"type":"ticker","codes":["KRW-BTC"]}]'


def test_texts_are_masked_and_whole() -> None:
    with Line() as line:
        Writer().text(line.ws, TEXT)
        assert read_frame(line.peer) == (0x81, TEXT)
        Writer().frame(line.ws, websocket.ABNF.OPCODE_PING, b"beep")
        assert read_frame(line.peer) == (0x89, b"beep")


def test_a_text_is_deflated_if_that_was_agreed_on() -> None:
    agreed = deflate.negotiate("permessage-deflate", offered=True)
    assert agreed is not None
    writer = Writer()
    writer.deflater = agreed.deflater
    with Line() as line:
        writer.text(line.ws, TEXT * 40)
        head, payload = read_frame(line.peer)
    assert head == 0xC1
    assert len(payload) < 2 * len(TEXT)


def test_a_close_frame_bears_its_code_and_what_is_gone_needs_none() -> None:
    with Line() as line:
        Writer().close(line.ws, 4001)
        assert read_frame(line.peer) == (0x88, (4001).to_bytes(2, "big"))
        line.peer.close()
        Writer().close(line.ws, 1000)
        line.ws.shutdown()  # type: ignore[no-untyped-call]
        Writer().close(line.ws, 1000)


def test_a_peer_that_reads_nothing_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "SEND_TIMEOUT", 0.05)
    with Line() as line:
        with pytest.raises(TransportError, match="timed out"):
            Writer().frame(line.ws, websocket.ABNF.OPCODE_TEXT, b"x" * 8 * 1024 * 1024)
        sock = line.ws.sock
        assert sock is not None
        assert sock.gettimeout() == 0.0, "reading goes on without blocking"
