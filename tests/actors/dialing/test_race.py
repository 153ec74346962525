"""Whoever answers first is connected to, whoever does not costs a quarter second at most, and nothing stays open."""

import errno
import socket
import threading
import time

import pytest

from tests.proxies import mute_address
from websocket_v6.actors.dialing import race as subject
from websocket_v6.actors.dialing.attempt import Attempt, GivenUp
from websocket_v6.actors.dialing.race import connect
from websocket_v6.protocol.dialing.addresses import DELAY, Address

LONG = 20.0


def address(name: tuple[str, int]) -> Address:
    return Address(socket.AF_INET, name)


def closed_port() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return address(listener.getsockname())


def test_one_that_answers_is_connected_to() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        connect([address(listener.getsockname())], Attempt(LONG)) as sock,
    ):
        assert sock.getpeername() == listener.getsockname()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"x")
            sock.settimeout(LONG)
            assert sock.recv(1) == b"x"


def test_a_dead_route_costs_a_quarter_second() -> None:
    with mute_address() as mute, socket.create_server(("127.0.0.1", 0)) as listener:
        begin = time.monotonic()
        with connect([address(mute), address(listener.getsockname())], Attempt(LONG)) as sock:
            assert sock.getpeername() == listener.getsockname()
        assert DELAY <= time.monotonic() - begin < 5.0


def test_a_late_answer_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Address] = []
    begin = subject._begin

    def noted(one: Address) -> socket.socket:
        begun.append(one)
        return begin(one)

    monkeypatch.setattr(subject, "_begin", noted)
    with mute_address() as first, mute_address() as second, socket.create_server(("127.0.0.1", 0)) as listener:
        addresses = [address(first), address(second), address(listener.getsockname())]
        connect(addresses, Attempt(LONG)).close()
        assert begun == addresses, "one beside the other"


def test_one_that_refuses_costs_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        begin = time.monotonic()
        connect([closed_port()] * 1 + [address(listener.getsockname())], Attempt(LONG)).close()
        assert time.monotonic() - begin < LONG / 2


def test_a_family_that_is_not_there_costs_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connect([Address(9999, ("x", 1)), address(listener.getsockname())], Attempt(LONG)).close()


def test_if_nobody_answers_the_first_reason_is_told() -> None:
    with pytest.raises(OSError) as caught:
        connect([closed_port(), closed_port()], Attempt(LONG))
    assert caught.value.errno == errno.ECONNREFUSED
    with pytest.raises(OSError, match="no address"):
        connect([], Attempt(LONG))


def test_nobody_is_waited_for_beyond_the_attempt() -> None:
    with mute_address() as mute, pytest.raises(TimeoutError, match="not done within"):
        connect([address(mute)], Attempt(0.05))


def test_aborted_it_ends_at_once() -> None:
    attempt = Attempt(LONG)
    timer = threading.Timer(0.05, attempt.abort)
    with mute_address() as mute:
        timer.start()
        begin = time.monotonic()
        with pytest.raises(GivenUp):
            connect([address(mute)], attempt)
        assert time.monotonic() - begin < LONG / 2
    timer.join()


def test_without_a_descriptor_it_fails_and_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", none)
    with pytest.raises(OSError, match="Too many open files"):
        connect([closed_port()], Attempt(LONG))
