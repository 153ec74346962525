"""Actors that are visited: one message at a time, in the order in which they were told, whoever's thread handles it."""

import queue
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from websocket_v6.actors.base import GLANCE, actor_of, ask, stop_and_join, tell
from websocket_v6.actors.failures import Hang
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.visited import _TOKEN, VisitedActor, VisitedInbox, VisitorDied, _Failed, visit
from websocket_v6.actors.watching import Watchman

TIMEOUT = 20.0


class Host(VisitedActor):
    """Notes what it handles and in which thread, and whether two did at once."""

    def __init__(self, began: threading.Event | None = None) -> None:
        super().__init__()
        self.began = began
        self.out: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.handled: list[tuple[object, threading.Thread]] = []
        self.at_work = threading.Lock()

    def on_start(self) -> None:
        if self.began is not None:
            assert self.began.wait(TIMEOUT)

    def on_receive(self, message: object) -> object:
        assert self.at_work.acquire(blocking=False), "two at once"
        try:
            self.handled.append((message, threading.current_thread()))
            match message:
                case _Failed():
                    return super().on_receive(message)
                case threading.Event() as gate:
                    assert gate.wait(TIMEOUT)
                case float(delay):
                    self.after(delay, "timer")
                case BaseException() as error:
                    raise error
            return message
        finally:
            self.at_work.release()

    def close(self) -> None:
        self.out.put("closed")

    def failed(self, error: BaseException) -> None:
        self.out.put((error, threading.current_thread()))

    @property
    def messages(self) -> list[object]:
        return [message for message, _ in self.handled if not isinstance(message, _Failed)]


@pytest.fixture
def ref() -> Iterator[Ref]:
    ref = Host.start()
    rest(ref)
    yield ref
    assert stop_and_join(ref, TIMEOUT)


def host(ref: Ref) -> Host:
    actor = actor_of(ref)
    assert isinstance(actor, Host)
    return actor


def rest(ref: Ref) -> None:
    """Wait until it has nothing to do."""
    wait_until(lambda: host(ref).actor_inbox.turn % 2 == 0 and host(ref).actor_inbox.empty(), "rest")


def at_its_gate(ref: Ref) -> threading.Event:
    """Have its own thread wait at a gate."""
    gate = threading.Event()
    tell(ref, gate)
    wait_until(lambda: gate in host(ref).messages, "the gate")
    return gate


def test_a_visit_is_handled_at_once_in_the_visitor_s_thread(ref: Ref) -> None:
    visit(ref, "hello")
    assert host(ref).handled == [("hello", threading.current_thread())]


def test_who_is_at_work_is_told(ref: Ref) -> None:
    gate = at_its_gate(ref)
    visit(ref, "later")
    assert host(ref).messages == [gate]
    gate.set()
    wait_until(lambda: "later" in host(ref).messages, "what was told")
    assert host(ref).handled[-1][1] is host(ref).actor_inbox.thread


def test_nobody_visits_before_it_has_begun() -> None:
    began = threading.Event()
    ref = Host.start(began)
    visit(ref, "early")
    assert host(ref).handled == []
    began.set()
    assert ask(ref, "late", TIMEOUT) == "late"
    assert host(ref).messages == ["early", "late"]
    assert stop_and_join(ref, TIMEOUT)


def test_what_was_told_before_is_handled_before(ref: Ref, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has been taken from its queue, and its thread has not gone on since: nobody may go first."""
    taken, go_on = threading.Event(), threading.Event()
    take = VisitedInbox._take

    def slowly(self: VisitedInbox, timeout: float | None) -> Any:
        envelope = take(self, timeout)
        taken.set()
        assert go_on.wait(TIMEOUT)
        return envelope

    monkeypatch.setattr(VisitedInbox, "_take", slowly)
    tell(ref, "wake")  # which still waits in the other one
    tell(ref, "first")
    assert taken.wait(TIMEOUT)
    visit(ref, "second")
    go_on.set()
    assert ask(ref, "third", TIMEOUT) == "third"
    assert host(ref).messages == ["wake", "first", "second", "third"]


def test_a_timer_comes_between_visits(ref: Ref) -> None:
    assert ask(ref, 0.01, TIMEOUT) == 0.01
    wait_until(lambda: "timer" in host(ref).messages, "the timer")
    visit(ref, "hello")
    assert host(ref).messages == [0.01, "timer", "hello"]


def test_what_a_visit_raises_ends_the_actor_before_all_that_was_told_meanwhile(ref: Ref) -> None:
    error = SystemExit("a bug, as told")
    visited = host(ref)
    inbox, own = visited.actor_inbox, visited.actor_inbox.thread
    assert inbox.enter()
    tell(ref, "meanwhile")
    inbox.leave(error)
    assert visited.out.get(timeout=TIMEOUT) == "closed"
    assert visited.out.get(timeout=TIMEOUT) == (error, own)
    assert visited.messages == []
    assert stop_and_join(ref, TIMEOUT)
    visit(ref, "anybody there?")
    assert visited.messages == []


def test_what_a_visit_raises_is_no_matter_to_who_ends_anyway(ref: Ref, caplog: pytest.LogCaptureFixture) -> None:
    visited = host(ref)
    assert visited.actor_inbox.enter()
    visited.give_up()
    visited.actor_inbox.leave(RuntimeError("a bug, as told"))
    assert stop_and_join(ref, TIMEOUT)
    assert visited.out.get(timeout=TIMEOUT) == "closed"
    assert visited.out.empty()


def test_a_visitor_goes_on_after_what_it_raised(ref: Ref) -> None:
    visited, error = host(ref), RuntimeError("a bug, as told")
    visit(ref, error)
    assert visited.out.get(timeout=TIMEOUT) == "closed"
    assert visited.out.get(timeout=TIMEOUT)[0] is error


def test_nobody_visits_who_has_ended_or_was_given_up() -> None:
    for end in (lambda ref: stop_and_join(ref, TIMEOUT), lambda ref: host(ref).give_up()):
        ref = Host.start()
        rest(ref)
        visited = host(ref)
        end(ref)
        visit(ref, "anybody there?")
        assert stop_and_join(ref, TIMEOUT)
        assert visited.messages == []


def test_who_asked_an_actor_that_has_ended_hears_of_it(ref: Ref) -> None:
    gate = at_its_gate(ref)
    answer = ref.ask("late", block=False)
    host(ref).give_up()
    gate.set()
    with pytest.raises(pykka.ActorDeadError):
        answer.get(timeout=TIMEOUT)


def test_who_cannot_be_visited_is_told() -> None:
    ear = Ear()
    visit(ear.ref, "hello")
    assert ear.heard() == ["hello"]


def test_a_visitor_that_hangs_is_seen_with_its_place(ref: Ref) -> None:
    gate = threading.Event()
    visitor = threading.Thread(target=visit, args=(ref, gate), name="visitor")
    visitor.start()
    wait_until(lambda: visitor in host(ref).actor_inbox.visitors and host(ref).handled, "the visit")
    watchman = Watchman(0.0, limit=2.0)
    assert [watchman.look({"a": ref}, float(now)) for now in (1, 2)] == [{}, {}]
    found = watchman.look({"a": ref}, 3.0)["a"]
    gate.set()
    visitor.join(TIMEOUT)
    assert isinstance(found, Hang)
    assert "gate.wait" in found.stack
    visit(ref, "hello")
    assert watchman.look({"a": ref}, 4.0) == {}


def test_a_visitor_that_dies_without_a_word_ends_the_actor(ref: Ref) -> None:
    visited = host(ref)

    def die() -> None:
        assert visited.actor_inbox.enter()

    visitor = threading.Thread(target=die)
    visitor.start()
    visitor.join(TIMEOUT)
    tell(ref, "anybody there?")
    assert visited.out.get(timeout=TIMEOUT) == "closed"
    assert isinstance(visited.out.get(timeout=TIMEOUT)[0], VisitorDied)
    assert visited.messages == []


def test_a_visitor_that_takes_long_is_waited_for(ref: Ref) -> None:
    visited = host(ref)
    assert visited.actor_inbox.enter()
    answer = ref.ask("later", block=False)
    with pytest.raises(pykka.Timeout):
        answer.get(timeout=3 * GLANCE)
    visited.actor_inbox.leave()
    assert answer.get(timeout=TIMEOUT) == "later"


def test_what_was_told_does_not_wait_for_a_token_that_is_lost(ref: Ref) -> None:
    gate = at_its_gate(ref)
    answers = [ref.ask(number, block=False) for number in range(3)]
    host(ref).actor_inbox._queue.get_nowait()
    gate.set()
    assert [answer.get(timeout=TIMEOUT) for answer in answers] == [0, 1, 2]


def test_a_token_too_many_is_nothing(ref: Ref) -> None:
    host(ref).actor_inbox._queue.put(_TOKEN)
    assert ask(ref, 0.01, TIMEOUT) == 0.01
    for _ in range(3):
        host(ref).actor_inbox._queue.put(_TOKEN)
    wait_until(lambda: "timer" in host(ref).messages, "the timer")
    assert host(ref).messages == [0.01, "timer"]


@pytest.mark.parametrize("seed", range(3))
def test_many_who_tell_and_visit_are_each_heard_in_their_order(ref: Ref, seed: int) -> None:
    count = 300

    def speak(name: int) -> None:
        rng = random.Random(f"{seed} {name}")
        for number in range(count):
            (visit if rng.random() < 0.7 else tell)(ref, (name, number))
            if rng.random() < 0.2:
                time.sleep(0)

    speakers = [threading.Thread(target=speak, args=(name,)) for name in range(4)]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join(TIMEOUT)
    ask(ref, "done", TIMEOUT)
    *heard, last = host(ref).messages
    assert last == "done"
    for name in range(4):
        assert [message for message in heard if message[0] == name] == [(name, number) for number in range(count)]  # type: ignore[index]
