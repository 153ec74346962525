"""A thread waits for bytes or to be woken, without `select.poll`."""

import socket
import threading
from collections.abc import Iterator

import pytest

from websocket_v6.actors.connection.waiter import Waiter

LONG = 20.0


@pytest.fixture
def waiter() -> Iterator[Waiter]:
    waiter = Waiter()
    yield waiter
    waiter.close()


def test_it_waits_for_bytes(waiter: Waiter) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        waiter.watch(ours)
        assert waiter.wait(0.0) == (False, False)
        theirs.sendall(b"x")
        assert waiter.wait(LONG) == (True, False)
        waiter.wake()
        assert waiter.wait(LONG) == (True, True)
        assert waiter.wait(0.0) == (True, False), "woken once"


def test_it_is_woken_before_and_while_it_waits(waiter: Waiter) -> None:
    for _ in range(100_000):
        waiter.wake()
    while waiter.wait(0.0)[1]:
        pass
    timer = threading.Timer(0.02, waiter.wake)
    timer.start()
    assert waiter.wait() == (False, True)
    timer.join()


def test_once_it_is_closed_waking_does_nothing(waiter: Waiter) -> None:
    waiter.close()
    waiter.wake()


def test_without_a_descriptor_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("selectors.DefaultSelector", none)
    with pytest.raises(OSError, match="Too many"):
        Waiter()
