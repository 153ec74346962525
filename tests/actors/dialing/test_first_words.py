"""What is asked is answered within bounds, and what follows the answer is left where it is."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from websocket_v6.actors.dialing.attempt import Attempt, GivenUp
from websocket_v6.actors.dialing.bounded_socket import BoundedSocket
from websocket_v6.actors.dialing.first_words import ask_for, read_refusal
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.limits import HANDSHAKE_BYTES, REFUSAL_BYTES
from websocket_v6.protocol.websocket.client_handshake import Answer

LONG = 20.0


@contextlib.contextmanager
def answering(data: bytes, *, timeout: float = LONG, hangs_up: bool = True) -> Iterator[BoundedSocket]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            theirs.sendall(data)
        if hangs_up:
            theirs.shutdown(socket.SHUT_WR)
        yield BoundedSocket(ours, Attempt(timeout), HANDSHAKE_BYTES)


def test_what_follows_the_head_is_not_read() -> None:
    with answering(b"HTTP/1.1 101 X\r\nA: b\r\n\r\n\x82\x01x") as sock:
        assert ask_for(sock, b"GET") == Answer(101, {"a": "b"})
        assert sock.release().recv(100) == b"\x82\x01x"


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", ConnectionResetError, "without an answer"),
        (b"HTTP/1.1 101 X\r\nA", ConnectionResetError, "in the middle of its answer"),
        (b"SSH-2.0", RemoteProtocolError, "does not speak HTTP/1.1: 'SSH-'"),
        (b"HTTP/1.1 101 X\r\nA: " + b"x" * HANDSHAKE_BYTES, RemoteProtocolError, "more than 65536 bytes"),
        (b"HTTP/1.1 101 X\r\n" + b"A: x\r\n" * 20_000, RemoteProtocolError, "more than 65536 bytes"),
    ],
)
def test_no_answers(data: bytes, error: type[Exception], words: str) -> None:
    with answering(data) as sock, pytest.raises(error, match=words):
        ask_for(sock, b"GET")


@pytest.mark.parametrize(
    ("headers", "data", "hangs_up", "body"),
    [
        ({"content-length": "3"}, b"abcdef", False, b"abc"),
        ({"content-length": "9"}, b"abc", True, b"abc"),
        ({}, b"abc", True, b"abc"),
        ({"transfer-encoding": "chunked"}, b"3\r\nabc\r\n0\r\n\r\n", False, b"abc"),
        ({"content-length": "0"}, b"", False, b""),
        ({}, b"x" * 2 * REFUSAL_BYTES, False, b"x" * REFUSAL_BYTES),
    ],
)
def test_the_body_of_a_refusal(headers: dict[str, str], data: bytes, hangs_up: bool, body: bytes) -> None:
    with answering(data, hangs_up=hangs_up) as sock:
        assert read_refusal(sock, Answer(503, headers)) == body


def test_a_body_that_does_not_come_in_time_is_what_came_of_it() -> None:
    with answering(b"abc", timeout=0.05, hangs_up=False) as sock:
        assert read_refusal(sock, Answer(503, {})) == b"abc"


def test_given_up_it_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        attempt = Attempt(LONG)
        attempt.abort()
        with pytest.raises(GivenUp):
            read_refusal(BoundedSocket(ours, attempt, 100), Answer(503, {}))
