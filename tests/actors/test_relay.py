"""Many are woken by a few, who are woken first: all of them, once each, whoever is busy or gone."""

import threading
from collections import Counter

import pytest
from pykka._envelope import Envelope

from tests.conftest import wait_until
from websocket_v6.actors.base import Actor, TimedInbox, stop_and_join, tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.relay import AT_ONCE, wake

MANY = 3 * AT_ONCE


class Counting(Actor):
    """Counts what it is told, and waits where that is an event."""

    def __init__(self, told: "Counter[Ref]") -> None:
        super().__init__()
        self._told = told

    def on_receive(self, message: object) -> None:
        if isinstance(message, threading.Event):
            message.wait(10.0)
        if message == "wake":
            self._told[self.actor_ref] += 1


def waiting() -> TimedInbox:
    """Return the inbox of an actor that is not started, and looks as if it waited."""
    inbox = Actor().actor_inbox
    inbox.turn = 2
    return inbox


def sleepers(inboxes: list[TimedInbox]) -> list[tuple[Ref, object]]:
    found: list[tuple[Ref, object]] = []
    for inbox in inboxes:
        actor = Actor()
        actor.actor_inbox = actor.actor_ref.actor_inbox = inbox
        found.append((actor.actor_ref, "wake"))
        KEPT.append(actor)
    return found


KEPT: list[Actor] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    KEPT.clear()


def told(inboxes: list[TimedInbox]) -> int:
    return sum(inbox.qsize() for inbox in inboxes)


def test_a_few_are_woken_at_once() -> None:
    inboxes = [waiting() for _ in range(AT_ONCE)]
    wake(sleepers(inboxes))
    assert [inbox.qsize() for inbox in inboxes] == [1] * AT_ONCE
    assert not any(inbox.woken for inbox in inboxes)


def test_of_many_each_wakes_the_next_when_it_wakes() -> None:
    inboxes = [waiting() for _ in range(MANY)]
    wake(sleepers(inboxes))
    assert told(inboxes) == AT_ONCE
    for number, inbox in enumerate(inboxes, 1):
        assert inbox.qsize() == 1
        inbox.get()
        assert told(inboxes) == min(AT_ONCE, MANY - number)
    assert not any(inbox.woken for inbox in inboxes)


def test_who_wakes_for_another_reason_passes_on_all_the_same() -> None:
    inboxes = [waiting() for _ in range(MANY)]
    inboxes[0].put(Envelope("something else"))
    wake(sleepers(inboxes))
    assert inboxes[0].get().message == "something else"
    assert inboxes[AT_ONCE].qsize() == 1


def test_who_is_busy_is_told_and_passes_nothing_on() -> None:
    inboxes = [waiting() for _ in range(MANY)]
    for inbox in inboxes[1:-1]:
        inbox.turn = 3
    wake(sleepers(inboxes))
    assert told(inboxes) == MANY
    assert [bool(inbox.woken) for inbox in inboxes] == [True] + [False] * (MANY - 1)


def test_who_is_gone_is_passed_over() -> None:
    inboxes = [waiting() for _ in range(MANY)]
    asleep = sleepers(inboxes)
    for actor in KEPT[:AT_ONCE]:
        actor.actor_stopped.set()
    wake(asleep)
    assert [inbox.qsize() for inbox in inboxes] == [0] * AT_ONCE + [1] * AT_ONCE + [0] * AT_ONCE
    assert not any(inbox.woken for inbox in inboxes[:AT_ONCE])


def test_who_wakes_while_it_is_handed_the_others_loses_none() -> None:
    class Waking(TimedInbox):
        """Is found waiting, and then no more."""

        looks = 0

        @property
        def is_waiting(self) -> bool:
            self.looks += 1
            return self.looks == 1

    inboxes: list[TimedInbox] = [Waking() for _ in range(MANY)]
    wake(sleepers(inboxes))
    assert told(inboxes) == MANY
    assert not any(inbox.woken for inbox in inboxes)


def test_an_inbox_that_raises_passes_on() -> None:
    class Broken(TimedInbox):
        def _take(self, timeout: float | None) -> "Envelope[object]":
            raise OverflowError

    inboxes = [Broken(), *(waiting() for _ in range(MANY))]
    inboxes[0].turn = 2
    wake(sleepers(inboxes))
    before = told(inboxes)
    with pytest.raises(OverflowError):
        inboxes[0].get()
    assert told(inboxes) == before + 1


def test_threads_that_hang_in_what_they_are_told_hold_up_nobody() -> None:
    gate, counts = threading.Event(), Counter[Ref]()
    refs = [Counting.start(counts) for _ in range(MANY)]
    try:
        for ref in refs:
            wait_until(lambda ref=ref: ref.actor_inbox.is_waiting, "its wait")  # type: ignore[misc]
        hanging, others = refs[: MANY // 2], refs[MANY // 2 :]
        wake([*((ref, gate) for ref in hanging), *((ref, "wake") for ref in others)])
        wait_until(lambda: len(counts) == len(others), "those who do not hang")
    finally:
        gate.set()
        for ref in refs:
            assert stop_and_join(ref, 5.0)


def test_all_are_told_as_often_as_they_are_to_be_whatever_else_wakes_them() -> None:
    counts, rounds = Counter[Ref](), 200
    refs = [Counting.start(counts) for _ in range(MANY)]
    is_over = threading.Event()

    def disturb() -> None:
        while not is_over.wait(0.0001):
            for ref in refs:
                tell(ref, "something else")

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    try:
        for _ in range(rounds):
            wake([(ref, "wake") for ref in refs])
        wait_until(lambda: counts.total() == rounds * MANY, "all of them", 30.0)
        assert set(counts.values()) == {rounds}
    finally:
        is_over.set()
        disturbing.join()
        for ref in refs:
            assert stop_and_join(ref, 5.0)
