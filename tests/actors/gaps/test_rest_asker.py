"""What asks over REST: one call at a time, at its pace, by a thread that is there while there is something to ask."""

import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.gaps import rest_asker as subject
from websocket_v6.actors.gaps.rest_asker import RestAsker
from websocket_v6.actors.gaps.rest_reader import Answered, Call, Unanswered
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.gaps.fill import Query


class Want(NamedTuple):
    """Have this asked for, once it has the pace's leave."""

    call: Call


class Await(NamedTuple):
    """There is something to be asked for later, though nothing now."""


class Pace:
    """Lets each call go `spacing` seconds after the one before."""

    def __init__(self) -> None:
        self.spacing = 0.0
        self.free_at = 0.0

    def due(self, now: float) -> float:
        return max(now, self.free_at)

    def sent(self, now: float) -> None:
        self.free_at = now + self.spacing


class Asker(RestAsker[Call]):
    """Asks for what it is told to want, again and again until it is answered."""

    def __init__(self, ear: Ear, pace: Pace, jwt: Ref | None) -> None:
        super().__init__(Config(rest_url="http://127.0.0.1:9"), pace, jwt)
        self.ear = ear
        self.wanted: list[Call] = []
        self.awaits = False

    def on_receive(self, message: object) -> object:
        match message:
            case Want(call):
                self.wanted.append(call)
            case Await():
                self.awaits = True
            case Answered(Call() as call):
                self._settle(call)
                self.wanted.remove(call)
            case Unanswered(Call() as call, reason):
                self._settle(call)
                self._unanswered(call, reason)
            case _:
                return super().on_receive(message)
        self._ask_next()
        return None

    def _is_idle(self) -> bool:
        return not self.wanted and not self.awaits

    def _next_call(self) -> Call | None:
        return self.wanted[0] if self.wanted else None

    def _unanswered(self, call: Call, reason: str) -> None:
        self.ear.tell((call, reason))


class Reader:
    """Stands where the thread would: keeps what it is asked."""

    made: "list[Reader]"
    fails = 0  # so many of the next ones cannot be started

    def __init__(self, config: Config, owner: Ref, jwt: Ref | None) -> None:
        self.jwt = jwt
        self.asked: list[Call] = []
        self.is_finished = self.is_dead = False
        self.made.append(self)

    def start(self) -> None:
        if len(self.made) <= Reader.fails:
            raise RuntimeError("can't start new thread")

    def ask(self, call: Call) -> None:
        self.asked.append(call)

    def finish(self) -> None:
        self.is_finished = True

    def is_alive(self) -> bool:
        return not self.is_dead


class World:
    """The actor, and what it has to do with."""

    def __init__(self) -> None:
        self.ear, self.pace, self.jwt = Ear(), Pace(), Ear().ref
        Reader.made, Reader.fails = [], 0
        self.ref = Asker.start(self.ear, self.pace, self.jwt)

    def want(self, *numbers: int) -> list[Call]:
        calls = [call_of(number) for number in numbers]
        for call in calls:
            tell(self.ref, Want(call))
        return calls

    def answer(self, call: Call) -> None:
        tell(self.ref, Answered(call, 200, {}, b"[]"))

    def asked(self) -> list[Call]:
        return [call for reader in Reader.made for call in reader.asked]

    def wait_asked(self, count: int) -> None:
        wait_until(lambda: len(self.asked()) >= count, f"{count} calls")
        assert len(self.asked()) == count

    def settle(self) -> None:
        """Wait until it has done all it was told by now."""
        ask(self.ref, Unanswered(call_of(0), "nobody asked"), 10)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(subject, "RestReader", Reader)
    world = World()
    yield world
    assert stop_and_join(world.ref, 10)


def call_of(number: int) -> Call:
    return Call(number, "trade KRW-BTC", Query("KRW-BTC", None, 0))


def test_one_call_is_made_at_a_time(world: World) -> None:
    one, two = world.want(1, 2)
    world.wait_asked(1)
    world.settle()
    assert world.asked() == [one]
    world.answer(one)
    world.wait_asked(2)
    assert world.asked() == [one, two]
    assert len(Reader.made) == 1
    assert Reader.made[0].jwt == world.jwt


def test_a_call_waits_for_its_pace_whatever_is_told_meanwhile(world: World) -> None:
    world.pace.spacing = 0.2
    began = time.monotonic()
    one, two = world.want(1, 2)
    world.wait_asked(1)
    world.answer(one)
    world.want(3)
    world.wait_asked(2)
    assert time.monotonic() - began >= 0.2
    assert world.asked() == [one, two]


def test_the_thread_is_there_while_something_is_to_be_asked(world: World) -> None:
    tell(world.ref, Await())
    (one,) = world.want(1)
    world.wait_asked(1)
    world.answer(one)
    world.settle()
    assert not Reader.made[0].is_finished, "it may be needed at any moment"


def test_the_thread_ends_when_all_is_answered_and_another_begins(world: World) -> None:
    (one,) = world.want(1)
    world.wait_asked(1)
    world.answer(one)
    wait_until(lambda: Reader.made[0].is_finished, "the end of the reader")
    world.want(2)
    world.wait_asked(2)
    assert len(Reader.made) == 2


def test_what_an_ended_thread_still_says_settles_nothing(world: World) -> None:
    (one,) = world.want(1)
    world.wait_asked(1)
    tell(world.ref, Unanswered(call_of(7), "late"))
    world.settle()
    assert world.asked() == [one], "its call is still on its way"


def test_a_thread_that_died_without_a_word_is_replaced_and_asked_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "LOOK", 0.02)
    (one,) = world.want(1)
    world.wait_asked(1)
    Reader.made[0].is_dead = True
    world.wait_asked(2)
    assert world.asked() == [one, one]
    assert world.ear.hear() == (one, "the thread that asks ended without a word")


def test_a_thread_for_which_there_is_no_room_is_tried_again_and_no_bug(world: World) -> None:
    Reader.fails = 2
    (one,) = world.want(1)
    world.wait_asked(1)
    assert len(Reader.made) == 3
    assert [world.ear.hear() for _ in range(2)] == [(one, "can't start new thread")] * 2


def test_its_thread_ends_with_it(world: World) -> None:
    world.want(1)
    world.wait_asked(1)
    assert stop_and_join(world.ref, 10)
    assert Reader.made[0].is_finished


def test_a_real_thread_asks_and_is_gone_with_it() -> None:
    ear, pace = Ear(), Pace()
    pace.spacing = 60.0
    ref = Asker.start(ear, pace, None)
    tell(ref, Want(call_of(1)))
    call, reason = ear.hear()
    assert call == call_of(1)
    assert reason.startswith("GET /v1/trades/ticks: ")
    assert stop_and_join(ref, 10)
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "rest"], "no thread left")
