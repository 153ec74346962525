"""A guard on the hot path: it counts calls and objects, since seconds mean nothing on a busy machine.

The bounds are generous, about half as much again as measured. A regression that matters goes far beyond: a second pass
over each message, a field decoded anew, one call for each event where there should be one for a batch.
"""

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

import pytest

from bench.hot_path import HotPath
from bench.messages import make_messages
from tests.protocol.learning import forget_all
from websocket_v6.actors import mailbox
from websocket_v6.actors.delivery import handing_out, subscriber
from websocket_v6.protocol.events import Event, TickerEvent, codec
from websocket_v6.protocol.fast import IMPLEMENTATION

# For each message, from the bytes of a socket read to the end of the callback: calls of functions of Python, and calls
# of C by Python. Measured without the C module: 3.7 and 15.2; with it: 1.6 and 1.9.
PYTHON_CALLS, C_CALLS = (5.0, 20.0) if IMPLEMENTATION == "Python" else (2.5, 3.5)
WAITING_BYTES = 200.0  # of an event in a mailbox, the message itself not counted; 131 measured
MESSAGES = make_messages("ticker", count=1000)


@pytest.fixture(autouse=True)
def _no_callback_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not turn a quick callback into a slow one, which gets one event at a time."""
    monkeypatch.setattr(subscriber, "QUICK", float("inf"))


@pytest.fixture
def path() -> Iterator[HotPath]:
    """A component that has read its first messages."""
    forget_all()
    path = HotPath(MESSAGES)
    path.run()
    yield path
    forget_all()


def calls_for_each_message(path: HotPath) -> dict[str, float]:
    counts: Counter[str] = Counter()

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        counts[event] += 1

    before = path.received
    sys.setprofile(count)
    try:
        path.run()
    finally:
        sys.setprofile(None)
    messages = path.received - before
    assert messages == len(MESSAGES.payloads)
    return {event: counts[event] / messages for event in ("call", "c_call")}


def bytes_of_a_waiting_event(path: HotPath) -> float:
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        path.deliver()
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    path.drain()
    return used / len(MESSAGES.payloads) - MESSAGES.mean_bytes


def objects_that_the_collector_follows(path: HotPath) -> float:
    gc.collect()
    before = len(gc.get_objects())
    path.deliver()
    more = len(gc.get_objects()) - before
    path.drain()
    return more / len(MESSAGES.payloads)


def assert_few_calls(path: HotPath) -> None:
    calls = calls_for_each_message(path)
    assert calls["call"] <= PYTHON_CALLS, calls
    assert calls["c_call"] <= C_CALLS, calls


def assert_light(path: HotPath) -> None:
    assert bytes_of_a_waiting_event(path) <= WAITING_BYTES
    assert objects_that_the_collector_follows(path) < 0.1


def test_a_message_takes_few_calls(path: HotPath) -> None:
    assert_few_calls(path)


def test_a_waiting_event_takes_little_memory_and_nothing_of_the_garbage_collector(path: HotPath) -> None:
    assert_light(path)


# --- the guard itself


def learning_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event is a sample: its price is decoded in a pass of its own."""
    monkeypatch.setattr(codec, "MEMORY", 1)
    forget_all()


def taking_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_many(self: Any, now: float, limit: int) -> Sequence[Any]:
        one = self.take(now)
        return [] if one is None else [one]

    monkeypatch.setattr(mailbox.MailboxQueue, "take_many", take_many)


def checking_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Event.load

    def load_again(self: Event) -> None:
        codec.checked_text(self._payload)
        load(self)

    monkeypatch.setattr(Event, "load", load_again)
    monkeypatch.setattr(handing_out, "call_with_each", None)  # which would not call it


@pytest.mark.parametrize("regression", [learning_nothing, taking_one_at_a_time, checking_twice])
def test_the_guard_sees_more_calls(
    path: HotPath, monkeypatch: pytest.MonkeyPatch, regression: Callable[[pytest.MonkeyPatch], None]
) -> None:
    regression(monkeypatch)
    with pytest.raises(AssertionError):
        assert_few_calls(path)


def test_the_guard_sees_events_that_are_followed(path: HotPath, monkeypatch: pytest.MonkeyPatch) -> None:
    class Followed(TickerEvent, frozen=True, gc=True, eq=False):
        pass

    for _, route in path._router._routes:
        monkeypatch.setattr(route, "kind", (Followed, *route.kind[1:]))
    with pytest.raises(AssertionError):
        assert_light(path)
