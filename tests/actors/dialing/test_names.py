"""Looking up names: within the attempt's time, once at a time, and never more at once than the limit."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import wait_until
from websocket_v6.actors.dialing import names as subject
from websocket_v6.actors.dialing.attempt import Attempt, GivenUp
from websocket_v6.actors.dialing.names import look_up
from websocket_v6.protocol.limits import LOOK_UPS

LONG = 20.0
FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]


class Resolver:
    """Stands for the system's: names hang until it is released."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.released = threading.Event()
        self.error: Exception | None = None

    def __call__(self, host: str, port: int, *, flags: int = 0, **_: Any) -> list[Any]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror("a name")
        self.asked.append(host)
        assert self.released.wait(LONG)
        if self.error is not None:
            raise self.error
        return FOUND


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    resolver.released.set()
    wait_until(lambda: not subject._look_ups._waiting, "the end of all look-ups")


def test_an_address_is_no_name() -> None:
    threads = threading.active_count()
    (four,), (six,) = look_up("127.0.0.1", 7, Attempt(LONG)), look_up("::1", 7, Attempt(LONG))
    assert (four.family, four.address) == (socket.AF_INET, ("127.0.0.1", 7))
    assert (six.family, six.address[:2]) == (socket.AF_INET6, ("::1", 7))
    assert threading.active_count() == threads


def test_a_name_has_addresses_or_an_error() -> None:
    attempt = Attempt(LONG)
    assert look_up("localhost", 7, attempt)
    assert attempt.doing == "looking up localhost"
    for name in ("host.invalid", "a" * 300, "a..b"):
        with pytest.raises((OSError, UnicodeError)):
            look_up(name, 7, attempt)


def test_no_look_up_is_waited_for_beyond_the_attempt(resolver: Resolver) -> None:
    with pytest.raises(TimeoutError, match=r"not done within 0\.05 s, it was looking up slow"):
        look_up("slow", 7, Attempt(0.05))


def test_aborted_it_ends_at_once(resolver: Resolver) -> None:
    attempt = Attempt(LONG)
    timer = threading.Timer(0.05, attempt.abort)
    timer.start()
    begin = time.monotonic()
    with pytest.raises(GivenUp):
        look_up("slow", 7, attempt)
    timer.join()
    assert time.monotonic() - begin < LONG / 2


def test_who_comes_later_waits_for_the_same_answer(resolver: Resolver) -> None:
    for _ in range(5):
        with pytest.raises(TimeoutError):
            look_up("slow", 7, Attempt(0.02))
    assert resolver.asked == ["slow"], "a look-up without an end holds one thread"
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(look_up("slow", 7, Attempt(LONG)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(subject._look_ups._waiting["slow", 7]) == 5 + 3, "all waiting")
    resolver.released.set()
    for thread in threads:
        thread.join(LONG)
    assert [[one.address for one in answer] for answer in answers] == [[("192.0.2.1", 443)]] * 3
    look_up("slow", 7, Attempt(LONG))
    assert resolver.asked == ["slow"] * 2, "the next one is asked for anew"


@pytest.mark.parametrize("error", [socket.gaierror(-2, "not known"), UnicodeError("no"), MemoryError()])
def test_an_error_is_told_to_whoever_waits(resolver: Resolver, error: Exception) -> None:
    resolver.error = error
    resolver.released.set()
    with pytest.raises(type(error)):
        look_up("wrong", 7, Attempt(LONG))


def test_look_ups_without_an_end_are_no_more_than_the_limit(resolver: Resolver) -> None:
    for number in range(LOOK_UPS):
        with pytest.raises(TimeoutError):
            look_up(f"slow-{number}", 7, Attempt(0.01))
    with pytest.raises(OSError, match=rf"{LOOK_UPS} name look-ups do not end \(slow-0, .*resolver"):
        look_up("another", 7, Attempt(LONG))
    assert len(resolver.asked) == LOOK_UPS
    resolver.released.set()
    wait_until(lambda: not subject._look_ups._waiting, "the end of all look-ups")
    assert look_up("another", 7, Attempt(LONG))


def test_without_a_thread_for_it_the_name_is_not_thought_to_be_under_way(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError):
            look_up("name", 7, Attempt(LONG))
    resolver.released.set()
    assert look_up("name", 7, Attempt(LONG))


def test_in_a_forked_child_nothing_is_under_way(resolver: Resolver) -> None:
    with pytest.raises(TimeoutError):
        look_up("slow", 7, Attempt(0.01))
    began: Callable[[], bool] = lambda: bool(subject._look_ups._waiting)  # noqa: E731
    assert began()
    subject._look_ups._after_fork()
    assert not began()
