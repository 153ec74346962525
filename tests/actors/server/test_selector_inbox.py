"""Messages, timers and sockets in one thread: each has its turn, and what came first goes first."""

import os
import queue
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pykka._envelope import Envelope

from tests.conftest import wait_until
from websocket_v6.actors.base import Timer
from websocket_v6.actors.server.selector_inbox import MESSAGES, SelectorInbox, SocketReady

TIMEOUT = 20.0


@pytest.fixture
def inbox() -> Iterator[SelectorInbox]:
    inbox = SelectorInbox()
    yield inbox
    inbox.close()


@pytest.fixture
def pair(inbox: SelectorInbox) -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, peer = socket.socketpair()
    inbox.selector.register(ours, selectors.EVENT_READ, "ours")
    with ours, peer:
        yield ours, peer


def put(inbox: SelectorInbox, *messages: Any) -> None:
    for message in messages:
        inbox.put(Envelope(message))


def take(inbox: SelectorInbox, count: int) -> list[Any]:
    return [inbox.get().message for _ in range(count)]


def after(inbox: SelectorInbox, delay: float, message: object) -> None:
    inbox.add(Timer(time.monotonic() + delay, message))


def test_messages_come_in_their_order(inbox: SelectorInbox) -> None:
    put(inbox, *range(3 * MESSAGES))
    assert take(inbox, 3 * MESSAGES) == list(range(3 * MESSAGES))
    assert inbox.empty()


def test_a_socket_that_is_ready_is_told_as_long_as_it_is(
    inbox: SelectorInbox, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, peer = pair
    peer.send(b"x")
    ready = SocketReady("ours", selectors.EVENT_READ)
    assert take(inbox, 2) == [ready, ready]
    ours.recv(1)
    inbox.selector.modify(ours, selectors.EVENT_READ | selectors.EVENT_WRITE, "other")
    assert take(inbox, 1) == [SocketReady("other", selectors.EVENT_WRITE)]


def test_a_flood_of_messages_leaves_sockets_their_turn(
    inbox: SelectorInbox, pair: tuple[socket.socket, socket.socket]
) -> None:
    pair[1].send(b"x")
    put(inbox, *range(MESSAGES + 10))
    for number in range(10 * MESSAGES):
        (message,) = take(inbox, 1)
        if isinstance(message, SocketReady):
            break
        put(inbox, number)
    else:
        pytest.fail("a socket that waits for ever")


def test_sockets_that_are_always_ready_leave_messages_their_turn(
    inbox: SelectorInbox, pair: tuple[socket.socket, socket.socket]
) -> None:
    pair[1].send(b"x")
    take(inbox, 3)
    put(inbox, "message")
    assert "message" in take(inbox, 3)


def test_what_a_socket_brings_does_not_overtake_what_it_is_an_answer_to(
    inbox: SelectorInbox, pair: tuple[socket.socket, socket.socket]
) -> None:
    """Somebody tells the actor something, and then has a client say something."""
    for round_ in range(50):
        got: list[Any] = []
        begun = threading.Event()

        def run(got: list[Any] = got, begun: threading.Event = begun) -> None:
            begun.set()
            got.extend(take(inbox, 2))

        thread = threading.Thread(target=run)
        thread.start()
        assert begun.wait(TIMEOUT)
        if round_ % 2:
            wait_until(lambda: inbox._is_asleep, "sleep")
        put(inbox, "first")
        pair[1].send(b"x")
        thread.join(TIMEOUT)
        assert got == ["first", SocketReady("ours", selectors.EVENT_READ)]
        pair[0].recv(1)


def test_of_what_is_found_together_messages_go_first(
    inbox: SelectorInbox, pair: tuple[socket.socket, socket.socket]
) -> None:
    class Held:
        """Stands for the selector: whoever sleeps in it sleeps through both."""

        def __init__(self, real: selectors.BaseSelector) -> None:
            self.real = real

        def select(self, timeout: float | None) -> Any:
            put(inbox, "first")
            pair[1].send(b"x")
            return self.real.select(timeout)

    real = inbox.selector
    inbox.selector = Held(real)  # type: ignore[assignment]
    first = take(inbox, 1)
    inbox.selector = real
    assert first + take(inbox, 1) == ["first", SocketReady("ours", selectors.EVENT_READ)]


def test_whoever_sleeps_is_woken_by_a_message(inbox: SelectorInbox) -> None:
    for count in range(20):
        got: queue.SimpleQueue[Any] = queue.SimpleQueue()
        thread = threading.Thread(target=lambda got=got: got.put(take(inbox, 1)))
        thread.start()
        if count % 2:
            wait_until(lambda: inbox._is_asleep, "sleep")
        put(inbox, count)
        assert got.get(timeout=TIMEOUT) == [count]
        thread.join(TIMEOUT)


def test_many_threads_put_and_nobody_is_slept_through(inbox: SelectorInbox) -> None:
    threads = [threading.Thread(target=put, args=(inbox, *[(one, at) for at in range(300)])) for one in range(4)]
    for thread in threads:
        thread.start()
    got = take(inbox, 1200)
    for thread in threads:
        thread.join(TIMEOUT)
    for one in range(4):
        assert [at for name, at in got if name == one] == list(range(300))


def test_timers_come_when_they_are_due_and_behind_what_lay_there(
    inbox: SelectorInbox, pair: tuple[socket.socket, socket.socket]
) -> None:
    begin = time.monotonic()
    after(inbox, 0.05, "late")
    assert take(inbox, 1) == ["late"]
    assert time.monotonic() - begin >= 0.05
    pair[1].send(b"x")
    put(inbox, "one", "two")
    after(inbox, 0.0, "due")
    assert take(inbox, 4) == ["one", "two", "due", SocketReady("ours", selectors.EVENT_READ)]


def test_a_socket_wakes_whoever_waits_for_a_timer(
    inbox: SelectorInbox, pair: tuple[socket.socket, socket.socket]
) -> None:
    after(inbox, 1000.0, "never")
    got: queue.SimpleQueue[Any] = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: got.put(take(inbox, 2)))
    thread.start()
    pair[1].send(b"x")
    assert got.get(timeout=TIMEOUT)[0] == SocketReady("ours", selectors.EVENT_READ)
    thread.join(TIMEOUT)


@pytest.mark.parametrize("handled", [0, 1, MESSAGES])
def test_after_the_end_what_lay_there_is_still_taken_out(handled: int) -> None:
    """An actor that stops answers whoever asked it meanwhile."""
    inbox = SelectorInbox()
    ours, peer = socket.socketpair()
    with ours, peer:
        inbox.selector.register(ours, selectors.EVENT_READ, "ours")
        peer.send(b"x")
        put(inbox, *range(5 * MESSAGES))
        take(inbox, handled)
        inbox.close()
        put(inbox, "the last")
        found = []
        while not inbox.empty():
            found.append(inbox.get().message)
    assert found[-1] == "the last"
    assert [one for one in found if isinstance(one, int)] == list(range(handled, 5 * MESSAGES))


def test_it_leaves_no_descriptor() -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    made = [SelectorInbox() for _ in range(10)]
    assert count() > before
    for one in made:
        one.close()
    assert count() == before


def test_a_forked_child_closes_its_copies_and_the_parent_goes_on(
    inbox: SelectorInbox, pair: tuple[socket.socket, socket.socket]
) -> None:
    child = os.fork()
    if not child:  # pragma: no cover - another process
        code = 1
        try:
            with pytest.raises((ValueError, RuntimeError, OSError, AttributeError, KeyError, TypeError)):
                inbox.selector.select(0)
            code = 0 if inbox._waker.fileno() == -1 else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    pair[1].send(b"x")
    put(inbox, "message")
    assert take(inbox, 2) == ["message", SocketReady("ours", selectors.EVENT_READ)]
