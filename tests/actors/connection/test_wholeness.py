"""Up to when nothing is missing of what a socket brought: a table of readers, and what the kernel says."""

import socket
import time

import pytest

from tests.conftest import wait_until
from websocket_v6.actors.connection import wholeness as subject
from websocket_v6.actors.connection.wholeness import LATE_NS, PROMPT_NS, WAITED_NS, Wholeness, last_arrival_ns

BEGIN = 1_000_000_000_000


def opened() -> Wholeness:
    one = Wholeness()
    one.open(BEGIN)
    return one


@pytest.mark.parametrize(
    ("late_ns", "waited_ns", "whole"),
    [
        (PROMPT_NS - 1, 0, "now"),
        (PROMPT_NS, 0, "then"),
        (PROMPT_NS, WAITED_NS - 1, "then"),
        (PROMPT_NS, WAITED_NS, "now"),
        (100 * PROMPT_NS, 99 * PROMPT_NS, "now"),
    ],
)
def test_what_is_read_late_was_there_when_the_socket_was_last_empty(late_ns: int, waited_ns: int, whole: str) -> None:
    one = opened()
    empty_ns = BEGIN + 5
    one.empty(empty_ns)
    now_ns = empty_ns + late_ns
    one.waited(now_ns - waited_ns, now_ns)
    assert one.read(now_ns) == (now_ns if whole == "now" else empty_ns)


def test_who_has_waited_once_has_not_waited_for_what_is_read_next() -> None:
    one = opened()
    one.waited(BEGIN, BEGIN + WAITED_NS)
    assert one.read(BEGIN + PROMPT_NS) == BEGIN + PROMPT_NS
    assert one.read(BEGIN + 2 * PROMPT_NS) == BEGIN


def test_after_a_stall_only_data_counts() -> None:
    one = opened()
    one.data(BEGIN + 10)
    one.whole_ns = BEGIN + 99
    one.stall()
    assert one.whole_ns == BEGIN + 10
    other = opened()
    other.whole_ns = BEGIN + 99
    other.stall()
    assert other.whole_ns == BEGIN, "no data: not beyond the opening"


@pytest.mark.parametrize(
    ("arrived_ns", "whole_ns"),
    [
        (BEGIN + 10 * LATE_NS, BEGIN + 10 * LATE_NS),
        (BEGIN + 9 * LATE_NS, BEGIN + 10 * LATE_NS),
        (BEGIN + 9 * LATE_NS - 1, BEGIN + 9 * LATE_NS - 1),
        (5, BEGIN),
    ],
)
def test_the_kernel_corrects_who_stood_still_but_not_to_before_the_opening(
    monkeypatch: pytest.MonkeyPatch, arrived_ns: int, whole_ns: int
) -> None:
    one = opened()
    one.whole_ns = BEGIN + 10 * LATE_NS
    monkeypatch.setattr(subject, "last_arrival_ns", lambda _: arrived_ns)
    one.close(None)
    assert one.whole_ns == whole_ns


def test_a_clock_that_was_set_back_since_the_opening_says_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    one = opened()
    monkeypatch.setattr(time, "time_ns", lambda: BEGIN // 2)
    monkeypatch.setattr(subject, "last_arrival_ns", lambda _: BEGIN // 2 - 7)
    one.close(None)
    assert one.whole_ns == BEGIN // 2 - 7


def test_the_last_arrival_is_told_by_the_socket() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()) as ours, listener.accept()[0] as theirs:
        theirs.sendall(b"x")
        before = time.time_ns()
        ours.recv(1)
        later = before + 200_000_000
        wait_until(lambda: time.time_ns() > later, "some time")
        if hasattr(socket, "TCP_INFO"):
            assert last_arrival_ns(ours) < before + 100_000_000
    assert last_arrival_ns(None) >= later
    assert last_arrival_ns(ours) >= later, "a socket that is closed says nothing"


def test_a_socket_of_the_file_system_does_not_tell() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        before = time.time_ns()
        theirs.sendall(b"x")
        assert last_arrival_ns(ours) >= before
